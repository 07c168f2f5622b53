"""Pictures of graphs, of networks and of their training. They read; what is read knows nothing of
them."""

from .dive import dive
from .draw import draw, missing_dot
from .filters import feature_maps, filters
from .firing import dead_relus, firing_rates
from .history import learning_curves
from .keep import keep
from .maps import figure, maps
from .outputs import predictions
from .record import LayerRecord, gradients_by_layer, layers_over_time
from .scores import confusion_matrix, misclassified
from .seen import receptive_field
from .step import step
from .summary import Summary, summary
from .text import draw_text
from .worksheet import check, worksheet

__all__ = [
    "LayerRecord",
    "Summary",
    "check",
    "confusion_matrix",
    "dead_relus",
    "dive",
    "draw",
    "draw_text",
    "feature_maps",
    "figure",
    "filters",
    "firing_rates",
    "gradients_by_layer",
    "keep",
    "layers_over_time",
    "learning_curves",
    "maps",
    "misclassified",
    "missing_dot",
    "predictions",
    "receptive_field",
    "step",
    "summary",
    "worksheet",
]
