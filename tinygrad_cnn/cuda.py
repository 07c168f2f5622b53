"""What is known of GPUs, under the names of `torch.cuda`.

Not yet confirmed on a GPU.
"""

from . import kernels


def is_available() -> bool:
    """Whether there is a GPU, with CuPy and a driver, that tensors can be moved to."""
    try:
        kernels.named("cuda")
    except RuntimeError:
        return False
    return True


def device_count() -> int:
    """The number of GPUs; 0 where none can be used."""
    return kernels.named("cuda").device_count() if is_available() else 0


def synchronize() -> None:
    """Wait until the current GPU has done all it was asked for.

    Raises: RuntimeError where there is none.
    """
    kernels.named("cuda").synchronize()
