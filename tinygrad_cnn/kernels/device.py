"""Devices by name: what "cuda:1" says."""

import threading
from dataclasses import dataclass

KINDS = {"cpu", "cuda", "meta"}
SEVERAL = []  # one entry where there are several GPUs: arrays then lie on one that is not current


class Default(threading.local):
    """Where this thread makes tensors if nothing is said: the device that was set, and one more per
    open context."""

    def __init__(self) -> None:
        self.devices = [CPU]


def is_device(text: str) -> bool:
    """Whether a string names a device, as "cuda:0" does; others may name dtypes."""
    return text.partition(":")[0] in KINDS


@dataclass(frozen=True)
class Device:
    """Where a tensor's numbers lie: type "cpu", "cuda" or "meta", and which one of several.

    Device("cuda:1") is Device("cuda", 1). Within `with device:` tensors, and with them the layers
    of networks, are made there unless they are told otherwise.

    Raises: RuntimeError for a name that no device has, TypeError for what is no name.
    """

    type: str
    index: int | None = None

    def __post_init__(self) -> None:
        kind, index = self.type, self.index
        if isinstance(kind, Device):
            kind, index = kind.type, kind.index
        if not isinstance(kind, str):
            raise TypeError(f"a device is named by a str such as 'cuda:1', got {kind!r}")
        if ":" in kind:
            if index is not None:
                raise RuntimeError(f"device: {kind!r} has an index already, got {index} as well")
            kind, _, number = kind.partition(":")
            if not (number.isascii() and number.isdigit()):
                raise RuntimeError(f"device: the index in {self.type!r} is not a whole number")
            index = int(number)
        if not is_device(kind):
            raise RuntimeError(f"no device {kind!r}; there are {', '.join(sorted(KINDS))}")
        if index is not None and index < 0:
            raise RuntimeError(f"device: an index is not negative, got {index}")
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "index", index)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __enter__(self) -> "Device":
        DEFAULT.devices.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        DEFAULT.devices.pop()

    @staticmethod
    def default() -> "Device":
        """Where tensors are made now, in this thread."""
        return DEFAULT.devices[-1]


CPU = Device("cpu")
DEFAULT = Default()


def set_default_device(device: Device | str | None) -> None:
    """Make tensors on another device if nothing is said, in this thread; None means the CPU.

    An open `with device:` goes before it. Whether there is such a GPU shows when a tensor is made.

    Raises: RuntimeError for a name that no device has, TypeError for what is no name.
    """
    DEFAULT.devices[0] = CPU if device is None else Device(device)
