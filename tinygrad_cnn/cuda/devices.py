"""Which GPUs there are, what they are like, and which one is meant if none is named.

Not yet confirmed on a GPU.
"""

from dataclasses import dataclass
from typing import Any

from ..kernels import Device, named
from ..random import manual_seed as seed_everywhere

Place = Device | str | int | None  # how a GPU is named; None is the current one


def backend() -> Any:
    """The backend of GPUs.

    Raises: RuntimeError where CuPy, a driver or a GPU is missing.
    """
    return named("cuda")


def index_of(place: Place) -> int:
    """The number of a GPU.

    Raises: RuntimeError if there is none of that name, ValueError for another kind of device.
    """
    space = backend()
    if isinstance(place, int) and not isinstance(place, bool):
        index = place
    else:
        found = Device("cuda") if place is None else Device(place)
        if found.type != "cuda":
            raise ValueError(f"tg.cuda takes a GPU such as 'cuda:0', got {str(found)!r}")
        index = space.current_device() if found.index is None else found.index
    space.on(index)
    return index


def is_available() -> bool:
    """Whether there is a GPU, with CuPy and a driver, that tensors can be moved to."""
    try:
        backend()
    except RuntimeError:
        return False
    return True


def device_count() -> int:
    """The number of GPUs; 0 where none can be used."""
    return backend().device_count() if is_available() else 0


def current_device() -> int:
    """The number of the GPU that "cuda" means in this thread.

    Raises: RuntimeError where there is no GPU.
    """
    return backend().current_device()


def set_device(device: Place) -> None:
    """Let "cuda" mean this GPU, in this thread; a negative number changes nothing.

    Raises: RuntimeError where there is no such GPU.
    """
    if isinstance(device, int) and device < 0:
        return
    backend().on(index_of(device)).use()


class device:
    """A context in which "cuda" means this GPU; a negative number or None changes nothing.

    Raises: RuntimeError where there is no such GPU.

    Differs: tensors still go to the CPU unless they are sent to "cuda"; `with tg.device("cuda:1")`
    makes them there.
    """

    def __init__(self, device: Place) -> None:
        idle = device is None or (isinstance(device, int) and device < 0)
        self.idx = -1 if idle else index_of(device)
        self.open = []

    def __enter__(self) -> None:
        context = backend().on(self.idx) if self.idx >= 0 else None
        self.open.append(context)
        if context is not None:
            context.__enter__()

    def __exit__(self, *error: object) -> None:
        context = self.open.pop()
        if context is not None:
            context.__exit__(*error)


@dataclass(frozen=True)
class DeviceProperties:
    """What a GPU is like.

    major, minor: its compute capability. total_memory: in bytes.
    """

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def get_device_properties(device: Place = None) -> DeviceProperties:
    """What a GPU is like, by default the current one.

    Raises: RuntimeError where there is no such GPU.
    """
    index = index_of(device)
    found = backend().xp.cuda.runtime.getDeviceProperties(index)
    name = found["name"]
    return DeviceProperties(
        name=name.decode(errors="replace") if isinstance(name, bytes) else name,
        major=found["major"],
        minor=found["minor"],
        total_memory=found["totalGlobalMem"],
        multi_processor_count=found["multiProcessorCount"],
    )


def get_device_name(device: Place = None) -> str:
    """The name of a GPU.

    Raises: RuntimeError where there is no such GPU.
    """
    return get_device_properties(device).name


def get_device_capability(device: Place = None) -> tuple[int, int]:
    """The compute capability of a GPU: (9, 0) is Hopper's.

    Raises: RuntimeError where there is no such GPU.
    """
    found = get_device_properties(device)
    return found.major, found.minor


def synchronize(device: Place = None) -> None:
    """Wait until a GPU, by default the current one, has done all it was asked for.

    Raises: RuntimeError where there is no such GPU.
    """
    backend().synchronize(index_of(device))


def manual_seed(seed: int) -> None:
    """Restart the library's random numbers, which are the same on all devices.

    Differs: there is one generator for all devices, which tg.manual_seed restarts too.
    """
    seed_everywhere(seed)


def manual_seed_all(seed: int) -> None:
    """Restart the library's random numbers: as manual_seed."""
    seed_everywhere(seed)
