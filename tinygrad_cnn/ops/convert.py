"""Tensors in another dtype, on another device, or in memory of their own."""

from ..kernels import dtype_of, exact, is_device, is_float, pinned
from ..recorder import common_dtype
from ..tensor import Device, Tensor
from .shape import cast, clone, move

SHORT = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "bfloat16": "bfloat16",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "bool": "bool",
}


def to(x: Tensor, *where, device=None, dtype=None, non_blocking: bool = False, copy: bool = False):
    """x on another device, in another dtype, or both; x itself if nothing changes.

    `where` names them by position in any order: x.to("cuda"), x.to(tg.float64), x.to(other); behind
    them may stand non_blocking, which changes nothing here, and copy, which asks for a new tensor.

    Raises: RuntimeError for a device that there is not, TypeError for what is no dtype.
    """
    flags = [target for target in where if isinstance(target, bool)]
    copy = copy or (len(flags) > 1 and flags[1])
    for target in where:
        if isinstance(target, Tensor):
            device, dtype = target.device, target.dtype
        elif isinstance(target, Device) or (isinstance(target, str) and names_device(target)):
            device = target
        elif target is not None and not isinstance(target, bool):
            dtype = target
    made = in_dtype(x, dtype)
    if device is not None:
        device = exact(Device(device))
        if device != x.device:
            made = move(made, device=str(device), home=str(x.device))
    return clone(made) if copy and made is x else made


def names_device(text: str) -> bool:
    """Whether a str means a device; what is neither device nor dtype is taken for a device."""
    if is_device(text):
        return True
    try:
        dtype_of(text)
    except TypeError:
        return True
    return False


def in_dtype(x, dtype):
    """x in `dtype`, None for its own; whole numbers have no gradient."""
    if dtype is None or dtype_of(dtype) == x.dtype:
        return x
    dtype = dtype_of(dtype)
    return cast(x if is_float(dtype) else x.detach(), dtype)


def type_(x, dtype=None, non_blocking: bool = False):
    """x in another dtype; without one the name of x's dtype.

    Differs: the name is the dtype's own, "float32", not that of a class of tensors.
    """
    return str(x.dtype) if dtype is None else in_dtype(x, dtype)


def type_as(x, other):
    """x in the dtype and on the device of another tensor.

    Raises: TypeError if `other` is no Tensor.
    """
    if not isinstance(other, Tensor):
        raise TypeError(f"type_as takes a Tensor, got {type(other).__name__}")
    return to(x, other)


def contiguous(x):
    """x if its elements lie one behind the other in memory, else a copy that does."""
    return x if x.is_contiguous() else clone(x)


def short(name: str):
    """The method that casts to a dtype."""

    def method(x):
        return in_dtype(x, name)

    method.__doc__ = f"x as {name}."
    return method


def cpu(x):
    """x on the CPU; x itself if it is there."""
    return to(x, device="cpu")


def cuda(x, device=None, non_blocking: bool = False):
    """x on a GPU; x itself if it is there."""
    device = Device("cuda", device) if isinstance(device, int) else Device(device or "cuda")
    return to(x, device=device)


def pin_memory(x):
    """x in page-locked memory of the host, from which a GPU copies by itself.

    Differs: where there is no GPU it is x itself.
    """
    raw = pinned(x.raw)
    return x if raw is x.raw else Tensor(raw)


def tensor_given(name: str, x) -> Tensor:
    """x, a Tensor.

    Raises: TypeError for anything else.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} takes a Tensor, got {type(x).__name__}")
    return x


def is_floating_point(input) -> bool:
    """Whether the numbers of a tensor are floats, which have gradients."""
    return tensor_given("is_floating_point", input).is_floating_point()


def numel(input) -> int:
    """The number of elements of a tensor."""
    return tensor_given("numel", input).numel()


def is_tensor(obj) -> bool:
    """Whether obj is a Tensor."""
    return isinstance(obj, Tensor)


def result_type(tensor1, tensor2):
    """The dtype that arithmetic of two tensors or numbers gives."""
    return common_dtype([t.raw if isinstance(t, Tensor) else t for t in (tensor1, tensor2)])


def attach(cls: type) -> None:
    """Give Tensor its conversions."""
    cls.type = type_
    for method in (to, type_as, contiguous, cpu, cuda, pin_memory):
        setattr(cls, method.__name__, method)
    for name, dtype in SHORT.items():
        setattr(cls, name, short(dtype))
