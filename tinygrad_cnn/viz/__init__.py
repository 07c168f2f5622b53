"""Pictures of graphs and tables of networks. They read the graph; it knows nothing of them."""

from .draw import draw, missing_dot
from .keep import keep
from .summary import Summary, summary
from .text import draw_text

__all__ = ["Summary", "draw", "draw_text", "keep", "missing_dot", "summary"]
