"""What can be asked of an array of numbers: the half of a Tensor that knows no graph."""

import functools
import math
from collections.abc import Iterator

from . import kernels
from .kernels import Device, np
from .kernels.capture import read_by_host
from .kernels.shapes import axes_of
from .tensor_text import text_of


class Numbers:
    """An array, `raw`, of its backend's own type, never a NumPy scalar; and what it is like."""

    __slots__ = ("raw",)

    # --- sizes ---

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.raw.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.raw.ndim

    def dim(self) -> int:
        """The number of axes."""
        return self.raw.ndim

    def ndimension(self) -> int:
        """The number of axes."""
        return self.raw.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.raw.size

    def nelement(self) -> int:
        """The number of elements."""
        return self.raw.size

    def size(self, dim: int | None = None) -> tuple[int, ...] | int:
        """The sizes of all axes, or of one.

        Raises: IndexError for an axis that there is not.
        """
        return self.raw.shape if dim is None else self.raw.shape[axes_of(self.raw.ndim, dim)[0]]

    # --- kind, place and layout ---

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""
        return self.raw.dtype

    def is_floating_point(self) -> bool:
        """Whether the numbers are floats, which have gradients."""
        return kernels.is_float(self.raw.dtype)

    @property
    def device(self) -> Device:
        """Where the numbers lie."""
        return kernels.device_of(self.raw)

    @property
    def is_cuda(self) -> bool:
        """Whether the numbers lie on a GPU."""
        return self.device.type == "cuda"

    def get_device(self) -> int:
        """The index of the GPU where the numbers lie; -1 elsewhere."""
        return (self.device.index or 0) if self.is_cuda else -1

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self.raw.dtype.itemsize

    def element_size(self) -> int:
        """The bytes of one element."""
        return self.raw.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.raw.size * self.raw.dtype.itemsize

    def stride(self, dim: int | None = None) -> tuple[int, ...] | int:
        """How many elements apart neighbours lie in memory, along all axes or along one.

        Raises: IndexError for an axis that there is not.
        """
        strides = strides_of(self.raw)
        return strides if dim is None else strides[axes_of(self.ndim, dim)[0]]

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory one behind the other, the last axis fastest."""
        return getattr(self.raw.flags, "c_contiguous", True)  # shapes alone lie nowhere

    # --- out to Python ---

    def item(self) -> float | int | bool:
        """The only element as a Python number.

        Raises: RuntimeError if there is not exactly one.
        """
        if self.raw.size != 1:
            raise RuntimeError(f"only a tensor of one element has an item, got shape {self.shape}")
        read_by_host()
        return self.raw.item()

    def tolist(self) -> list | float | int | bool:
        """The numbers as nested lists."""
        read_by_host()
        return self.raw.tolist()

    def __len__(self) -> int:
        if not self.raw.ndim:
            raise TypeError("a tensor of no axes has no len()")
        return self.raw.shape[0]

    def __iter__(self) -> Iterator["Numbers"]:
        if not self.raw.ndim:
            raise TypeError("a tensor of no axes cannot be iterated over; item() is its number")
        return (self[i] for i in range(len(self)))

    def __contains__(self, element: object) -> bool:
        if not isinstance(element, (Numbers, float, int, np.generic)):
            raise RuntimeError(f"a tensor contains numbers and tensors, not {element!r}")
        read_by_host()
        return bool((self == element).raw.any())

    def __bool__(self) -> bool:
        if self.raw.size != 1:
            raise RuntimeError(
                f"a tensor of shape {self.shape} is neither true nor false; only a tensor of one "
                "element is; use any() or all()"
            )
        read_by_host()
        return bool(self.raw.item())

    def number(self) -> float | int | bool:
        """The only element; as Python's conversions ask for it.

        Raises: ValueError if there is not exactly one.
        """
        if self.raw.size != 1:
            raise ValueError(f"only a tensor of one element is a number, got shape {self.shape}")
        read_by_host()
        return self.raw.item()

    def __float__(self) -> float:
        return float(self.number())

    def __int__(self) -> int:
        return int(self.number())

    def __index__(self) -> int:
        if self.raw.size != 1 or kernels.is_float(self.raw.dtype):
            raise TypeError(
                "only a tensor of one whole number is an index, got shape "
                f"{self.shape} and {self.dtype}"
            )
        read_by_host()
        return int(self.raw.item())

    def __format__(self, spec: str) -> str:
        if self.raw.size == 1 and (spec or not self.raw.ndim):
            return format(self.item(), spec)
        if spec:
            raise TypeError(f"a tensor of shape {self.shape} cannot be formatted by {spec!r}")
        return repr(self)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.raw.__dlpack_device__()

    def __repr__(self) -> str:
        return f"tensor({text_of(self.raw)})"


def strides_of(raw: object) -> tuple[int, ...]:
    """How many elements apart neighbours lie; without elements or memory, as if one by one."""
    if raw.size and hasattr(raw, "strides"):
        return tuple([step // raw.dtype.itemsize for step in raw.strides])
    return tuple([math.prod([max(s, 1) for s in raw.shape[i + 1 :]]) for i in range(raw.ndim)])


def array_of(data: object, dtype: object = None) -> object:
    """`data` as a raw array: arrays as they are, but for the order of their bytes, which becomes
    the machine's; Python's floats in the default dtype.

    Raises: TypeError for what holds no numbers, ValueError for lists of unequal lengths and whole
    numbers beyond int64, RuntimeError for numbers that `dtype` does not hold.
    """
    wanted = None if dtype is None else kernels.dtype_of(dtype)
    if hasattr(data, "dtype"):
        raw = kernels.backend(type(data)).asarray(data)
        kernels.accepted(raw.dtype)
    else:
        raw = numbers_in(data)
        if wanted is None and raw.dtype.kind == "f":
            wanted = functools.reduce(kernels.promote_types, floats_in(data) or {kernels.DEFAULT})
        check_range(raw, wanted)
    with np.errstate(all="ignore"):
        raw = raw if wanted is None else raw.astype(wanted, copy=False)
    return raw if raw.dtype.isnative else raw.astype(raw.dtype.newbyteorder("="))


def floats_in(data: object) -> set[np.dtype]:
    """The dtypes of the floats in nested lists: the default one of Python's, NumPy's own."""
    if hasattr(data, "dtype"):
        return {data.dtype} if kernels.is_float(data.dtype) else set()
    if not isinstance(data, (list, tuple)):
        return {kernels.DEFAULT} if isinstance(data, float) else set()
    kinds = {*map(type, data)}
    if kinds <= {float, int, bool}:
        return {kernels.DEFAULT} if float in kinds else set()
    return set().union(*map(floats_in, data))


def numbers_in(data: object) -> np.ndarray:
    """Numbers and nested lists of numbers as an array in NumPy's own dtype."""
    try:
        raw = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"lists within a list must have one length, got {data!r}") from error
    huge = raw.dtype.kind == "O" and all(isinstance(number, int) for number in raw.flat)
    if huge or raw.dtype == np.uint64:
        raise ValueError(f"a whole number lies within int64, got {data!r}")
    if raw.dtype.kind == "c":
        raise TypeError(f"complex numbers are not supported, got {data!r}")
    if raw.dtype.kind not in "biuf":
        raise TypeError(f"a Tensor holds numbers, got {data!r}")
    return raw


def check_range(raw: np.ndarray, wanted: np.dtype | None) -> None:
    """Raise RuntimeError if Python's numbers in raw lie beyond a whole dtype that is wanted."""
    if wanted is None or wanted.kind not in "iu" or not raw.size:
        return
    limits = np.iinfo(wanted)
    low, high = raw.min(), raw.max()
    if not (limits.min <= low and high <= limits.max):
        raise RuntimeError(f"{wanted} holds {limits.min} to {limits.max}, got {low} to {high}")
