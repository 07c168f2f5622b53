"""Settings that cannot be misspelt, and those of GPUs: `tg.backends.cudnn`, `tg.backends.cuda`.

They have PyTorch's names and defaults, and belong to the whole process.

Not yet confirmed on a GPU.
"""

import contextlib
import difflib
import os
import sys
from collections.abc import Iterator, Sequence


class Flags:
    """Settings that are True or False, under names that are fixed; `choice` has those of the CPU.

    Raises: AttributeError for other names, TypeError for other values.
    """

    _path = ""  # how the user writes it
    _defaults: dict[str, bool] = {}

    def __init__(self) -> None:
        self.__dict__.update(self._defaults)

    def __setattr__(self, name: str, value: bool) -> None:
        if name not in self.__dict__:
            raise AttributeError(self._unknown(name, [*self.__dict__]))
        if not isinstance(value, bool):
            raise TypeError(f"{self._path}.{name} is True or False, got {value!r}")
        self.__dict__[name] = value

    def __getattr__(self, name: str) -> object:
        raise AttributeError(self._unknown(name, dir(self)))

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self._path}.{name} is set to False, not deleted")

    def __dir__(self) -> list[str]:
        """The settings, and what can be asked."""
        return [name for name in super().__dir__() if not name.startswith("_")]

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in self.__dict__.items())
        return f"{self._path}({settings})"

    def _unknown(self, name: str, known: Sequence[str]) -> str:
        """The sentence about a setting that there is not."""
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return f"{self._path} has no {name!r}; {meant}"

    @contextlib.contextmanager
    def flags(self, **settings: bool) -> Iterator[None]:
        """Within, these settings; behind it, those of before: `with flags(enabled=False):`.

        Differs: settings that are not named stay as they are; PyTorch sets them too.
        """
        before = dict(self.__dict__)
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)


class Cudnn(Flags):
    """Whether and how convolutions on a GPU are computed by cuDNN: `tg.backends.cudnn`.

    enabled: whether at all. allow_tf32: whether float32 numbers may be rounded to 10 bits of
    mantissa before they are multiplied, which tensor cores do; other libraries of this package obey
    it for convolutions too. deterministic: only plans that give the same bits each time. benchmark:
    the first plans for a convolution are timed at its first call, and the fastest is kept, on disk
    as well.
    """

    _path = "tg.backends.cudnn"
    _defaults = {
        "enabled": True,
        "allow_tf32": True,
        "deterministic": False,
        "benchmark": False,
    }

    def is_available(self) -> bool:
        """Whether NVIDIA's front end and the library itself are installed."""
        return self.version() is not None

    def version(self) -> int | None:
        """The library's version, 92800 for 9.28; None where it or the front end is missing."""
        from .cuda_plan import cudnn, version

        return None if cudnn() is None else version()


class Matmul(Flags):
    """How matrices are multiplied on a GPU: `tg.backends.cuda.matmul`.

    allow_tf32: as for convolutions, but False unless the environment says CUPY_TF32=1.
    """

    _path = "tg.backends.cuda.matmul"
    _defaults = {"allow_tf32": os.environ.get("CUPY_TF32", "0") not in ("", "0")}

    def __setattr__(self, name: str, value: bool) -> None:
        super().__setattr__(name, value)
        loaded = sys.modules.get(f"{__package__}.cuda")  # it asks when it is loaded
        if loaded is not None:
            loaded.set_matmul_tf32(value)


class Cuda(Flags):
    """What concerns GPUs beside cuDNN: `tg.backends.cuda`, which has `matmul`."""

    _path = "tg.backends.cuda"
    matmul = Matmul()


CUDNN = Cudnn()
CUDA = Cuda()
