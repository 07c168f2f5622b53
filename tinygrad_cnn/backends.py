"""Settings of what computes, under a name for each device: `tg.backends.cpu.benchmark = True`."""

from .kernels.choice import SETTINGS as cpu

__all__ = ["cpu"]
