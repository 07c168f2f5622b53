"""GPUs, under the names of `torch.cuda`: which there are, their memory, streams, recorded steps.

What needs a GPU raises a RuntimeError with one sentence where there is none.

Not yet confirmed on a GPU.
"""

from ..capture import GraphStep, graph_step
from .devices import (
    DeviceProperties,
    current_device,
    device,
    device_count,
    get_device_capability,
    get_device_name,
    get_device_properties,
    is_available,
    manual_seed,
    manual_seed_all,
    set_device,
    synchronize,
)
from .memory import (
    empty_cache,
    max_memory_allocated,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    reset_peak_memory_stats,
)
from .streams import Event, Stream, current_stream, default_stream, stream

__all__ = [
    "DeviceProperties",
    "Event",
    "GraphStep",
    "Stream",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "graph_step",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "stream",
    "synchronize",
]
