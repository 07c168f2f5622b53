"""Steps that are recorded once and replayed with other numbers: `tg.graph_step`.

`step` decides which recording a call belongs to, `tape` is what recordings share, `cuda` records
the launches of a GPU, `host` the calls of kernels on the CPU.
"""

from .step import GraphStep, graph_step

__all__ = ["GraphStep", "graph_step"]
