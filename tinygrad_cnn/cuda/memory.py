"""Memory of GPUs: how much tensors hold, how much CuPy keeps for the next ones.

Units: bytes. Not yet confirmed on a GPU.
"""

from .devices import Place, backend, index_of, is_available


def memory_allocated(device: Place = None) -> int:
    """The bytes that arrays hold on a GPU, recorded steps included.

    Raises: RuntimeError where there is no such GPU.
    """
    return backend().MEMORY.used(index_of(device))


def max_memory_allocated(device: Place = None) -> int:
    """The largest value of memory_allocated since the start, or the last reset.

    Raises: RuntimeError where there is no such GPU.
    """
    return backend().MEMORY.peak(index_of(device))


def reset_peak_memory_stats(device: Place = None) -> None:
    """Count max_memory_allocated from now on.

    Raises: RuntimeError where there is no such GPU.
    """
    backend().MEMORY.reset(index_of(device))


def memory_reserved(device: Place = None) -> int:
    """The bytes that are taken from a GPU: what arrays hold, and what is kept for the next ones.

    Raises: RuntimeError where there is no such GPU.
    """
    return backend().MEMORY.reserved(index_of(device))


def mem_get_info(device: Place = None) -> tuple[int, int]:
    """The bytes that are free on a GPU, and all that it has; as its driver counts.

    Raises: RuntimeError where there is no such GPU.
    """
    return tuple(backend().on(index_of(device)).mem_info)


def empty_cache() -> None:
    """Give memory back that no array holds; nothing where there is no GPU."""
    if is_available():
        backend().MEMORY.free()
