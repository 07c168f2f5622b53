"""Pictures of graphs and tables of networks. They read the graph; it knows nothing of them."""

from .dive import dive
from .draw import draw, missing_dot
from .keep import keep
from .maps import figure, maps
from .step import step
from .summary import Summary, summary
from .text import draw_text
from .worksheet import check, worksheet

__all__ = [
    "Summary",
    "check",
    "dive",
    "draw",
    "draw_text",
    "figure",
    "keep",
    "maps",
    "missing_dot",
    "step",
    "summary",
    "worksheet",
]
