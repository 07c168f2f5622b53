"""Settings of what computes, under a name for each device: `tg.backends.cpu.benchmark = True`."""

from .kernels.choice import SETTINGS as cpu
from .kernels.flags import CUDA as cuda
from .kernels.flags import CUDNN as cudnn

__all__ = ["cpu", "cuda", "cudnn"]
