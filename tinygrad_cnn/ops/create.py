"""Tensors of given numbers: data, constants, ranges. Random ones are made in `sample`.

`dtype` None means the default one, float32, and int64 for whole numbers; `device` None means that
of an open `with tg.device(...)`, or the CPU.
"""

import math

from .. import kernels
from ..kernels import Device, dtype_of, is_float, named, np
from ..kernels.shapes import whole_sizes
from ..tensor import Tensor, wrap
from .convert import to
from .shape import varied

INT = np.dtype("int64")


def made(raw, requires_grad: bool) -> Tensor:
    """A Tensor of an array that nobody else holds."""
    t = wrap(raw, None)
    return t.requires_grad_() if requires_grad else t


def space_of(device):
    """The backend of a device; None means that of the context, or the CPU."""
    return named(str(Device.default() if device is None else Device(device)))


def typed(raw, dtype):
    """An array in another dtype, where it lies."""
    with kernels.on(raw):
        return raw.astype(dtype)


def sizes_of(name: str, sizes: tuple, size=None) -> tuple[int, ...]:
    """The sizes of f(2, 3), f((2, 3)) and f(size=(2, 3)) alike; f() makes a tensor of no axes.

    Raises: TypeError for what is no whole number, RuntimeError for negative sizes.
    """
    found = whole_sizes(name, varied(sizes) if size is None else size)
    if any(s < 0 for s in found):
        raise RuntimeError(f"{name}: sizes are not negative, got {found}")
    return found


def number_of(name: str, value):
    """A number, also out of a Tensor or NumPy scalar, as Python's.

    Raises: TypeError for anything else.
    """
    if isinstance(value, (Tensor, np.generic)):
        value = value.item()
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"{name} takes real numbers, got {value!r}")
    return value


def settled(name: str, value, dtype):
    """`dtype`, by default that of a Python number.

    Raises: RuntimeError for infinities and nan among whole numbers.
    """
    if dtype is not None:
        dtype = dtype_of(dtype)
    elif isinstance(value, float):
        dtype = kernels.DEFAULT
    else:
        dtype = np.dtype(bool) if isinstance(value, bool) else INT
    if isinstance(value, float) and not (math.isfinite(value) or is_float(dtype)):
        raise RuntimeError(f"{name}: {dtype} cannot hold {value}")
    return dtype


# --- data -----------------------------------------------------------------------------------------


def tensor(data, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor with a copy of `data`: numbers, nested lists, an array, another tensor.

    Its dtype is that of an array, and of NumPy's numbers, arrays and tensors in lists; Python's
    floats beside them have the default one.

    Raises: TypeError for what holds no numbers, ValueError for lists of unequal lengths.
    """
    t = as_tensor(data, dtype=dtype, device=device).detach()
    source = data.raw if isinstance(data, Tensor) else data
    copied = t.raw.copy() if hasattr(source, "dtype") else t.raw
    return made(copied, requires_grad)


def as_tensor(data, *, dtype=None, device=None) -> Tensor:
    """`data` as a Tensor; arrays and tensors are shared where dtype and device allow."""
    t = data
    if not isinstance(data, Tensor):
        t = Tensor(stacked(data), dtype=dtype)
        device = device or Device.default()
    return to(t, device=device, dtype=dtype)


def stacked(data):
    """`data` with Tensors inside lists replaced by their arrays."""
    if isinstance(data, (list, tuple)):
        return [stacked(e) for e in data]
    if not isinstance(data, Tensor):
        return data
    return data.numpy(force=True) if data.dtype.kind != "V" else data.tolist()


def from_numpy(array: np.ndarray) -> Tensor:
    """A Tensor that shares memory with a NumPy array.

    Raises: TypeError for anything else, ValueError for numbers in another order of bytes than the
    machine's.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy takes a numpy.ndarray, got {type(array).__name__}")
    if not array.dtype.isnative:
        raise ValueError(
            f"from_numpy shares memory, and numbers of dtype {array.dtype.str!r} are not in this "
            "machine's order of bytes; tg.tensor(array) makes a Tensor of a copy"
        )
    return Tensor(array)


def from_dlpack(ext_tensor) -> Tensor:
    """A Tensor that shares memory with another library's array, by the DLPack protocol.

    Raises: TypeError for what does not speak it.
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(
            f"from_dlpack takes an array with __dlpack__, got {type(ext_tensor).__name__}"
        )
    on_cpu = ext_tensor.__dlpack_device__()[0] == 1  # the protocol's number for the host
    return Tensor(named("cpu" if on_cpu else "cuda").xp.from_dlpack(ext_tensor))


# --- constants ------------------------------------------------------------------------------------


def full(size, fill_value, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor of which every element is fill_value.

    Raises: TypeError for what is no number, RuntimeError for one that the dtype does not hold.
    """
    value = number_of("full", fill_value)
    dtype = settled("full", value, dtype)
    shape = sizes_of("full", (), size)
    try:
        with np.errstate(all="ignore"):
            return made(space_of(device).xp.full(shape, value, dtype), requires_grad)
    except OverflowError:
        raise RuntimeError(f"full: {dtype} cannot hold {value}") from None


def zeros(*sizes, size=None, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor of zeros."""
    shape = sizes_of("zeros", sizes, size)
    return full(shape, 0.0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones(*sizes, size=None, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor of ones."""
    shape = sizes_of("ones", sizes, size)
    return full(shape, 1.0, dtype=dtype, device=device, requires_grad=requires_grad)


def empty(*sizes, size=None, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor of whatever lay in its memory before."""
    shape = sizes_of("empty", sizes, size)
    dtype = kernels.DEFAULT if dtype is None else dtype_of(dtype)
    return made(space_of(device).xp.empty(shape, dtype), requires_grad)


def eye(n: int, m: int | None = None, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """A matrix with ones on its diagonal.

    Shape: (n, m), by default (n, n).
    """
    n, m = sizes_of("eye", (n, n if m is None else m))
    dtype = kernels.DEFAULT if dtype is None else dtype_of(dtype)
    return made(space_of(device).xp.eye(n, m, dtype=dtype), requires_grad)


# --- ranges ---------------------------------------------------------------------------------------


def arange(
    start, end=None, step=1, *, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """The numbers from start up to, but not including, end; int64 if all three are whole.

    Raises: TypeError for what is no number, RuntimeError for a step of 0 or one that leads away
    from end, and for bounds that are not finite.
    """
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (number_of("arange", n) for n in (start, end, step))
    whole = not any(isinstance(n, float) for n in (start, end, step))
    dtype = dtype_of(dtype) if dtype is not None else INT if whole else kernels.DEFAULT
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"arange: start and end are finite, got {start} and {end}")
    if step == 0 or (end - start) / step < 0:
        raise RuntimeError(f"arange: no step of {step} leads from {start} to {end}")
    return made(typed(space_of(device).xp.arange(start, end, step), dtype), requires_grad)


def check_steps(name: str, steps) -> None:
    """Raise TypeError or RuntimeError unless `steps` is a number of elements."""
    if isinstance(steps, bool) or not hasattr(steps, "__index__"):
        raise TypeError(f"{name}: steps is a whole number, got {steps!r}")
    if steps < 0:
        raise RuntimeError(f"{name}: steps is not negative, got {steps}")


def linspace(
    start, end, steps: int, *, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """`steps` numbers in equal distances from start to end, both included."""
    check_steps("linspace", steps)
    start, end = number_of("linspace", start), number_of("linspace", end)
    dtype = kernels.DEFAULT if dtype is None else dtype_of(dtype)
    return made(typed(space_of(device).xp.linspace(start, end, steps), dtype), requires_grad)


def logspace(
    start, end, steps: int, base=10.0, *, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """`steps` powers of `base`, their exponents in equal distances from start to end."""
    check_steps("logspace", steps)
    start, end = number_of("logspace", start), number_of("logspace", end)
    dtype = kernels.DEFAULT if dtype is None else dtype_of(dtype)
    xp = space_of(device).xp
    powers = xp.power(float(number_of("logspace", base)), xp.linspace(start, end, steps))
    return made(typed(powers, dtype), requires_grad)


# --- like another tensor --------------------------------------------------------------------------


def like(name: str, input, dtype, device, requires_grad: bool) -> dict:
    """The settings of a tensor that is to be like `input`, but for what is given, and its size.

    Raises: TypeError if input is no Tensor.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"{name} takes a Tensor, got {type(input).__name__}")
    return {
        "size": input.shape,
        "dtype": input.dtype if dtype is None else dtype,
        "device": input.device if device is None else device,
        "requires_grad": requires_grad,
    }


def zeros_like(input, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape of `input`, by default in its dtype and on its device."""
    return full(fill_value=0, **like("zeros_like", input, dtype, device, requires_grad))


def ones_like(input, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape of `input`, by default in its dtype and on its device."""
    return full(fill_value=1, **like("ones_like", input, dtype, device, requires_grad))


def full_like(input, fill_value, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """fill_value in the shape of `input`, by default in its dtype and on its device."""
    settings = like("full_like", input, dtype, device, requires_grad)
    return full(fill_value=fill_value, **settings)


def empty_like(input, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Whatever lay in memory, in the shape of `input`, by default in its dtype, on its device."""
    return empty(**like("empty_like", input, dtype, device, requires_grad))


def new_zeros(x, *sizes, size=None, dtype=None, device=None, requires_grad: bool = False):
    """Zeros of another shape, by default in x's dtype and on its device."""
    settings = like("new_zeros", x, dtype, device, requires_grad)
    return full(**settings | {"size": sizes_of("new_zeros", sizes, size), "fill_value": 0})


def new_ones(x, *sizes, size=None, dtype=None, device=None, requires_grad: bool = False):
    """Ones of another shape, by default in x's dtype and on its device."""
    settings = like("new_ones", x, dtype, device, requires_grad)
    return full(**settings | {"size": sizes_of("new_ones", sizes, size), "fill_value": 1})


def new_full(x, size, fill_value, *, dtype=None, device=None, requires_grad: bool = False):
    """fill_value in another shape, by default in x's dtype and on its device."""
    settings = like("new_full", x, dtype, device, requires_grad)
    return full(**settings | {"size": size, "fill_value": fill_value})


def new_empty(x, *sizes, size=None, dtype=None, device=None, requires_grad: bool = False):
    """Whatever lay in memory in another shape, by default in x's dtype and on its device."""
    settings = like("new_empty", x, dtype, device, requires_grad)
    return empty(**settings | {"size": sizes_of("new_empty", sizes, size)})


def new_tensor(x, data, *, dtype=None, device=None, requires_grad: bool = False):
    """A Tensor with a copy of `data`, by default in x's dtype and on its device."""
    settings = like("new_tensor", x, dtype, device, requires_grad)
    del settings["size"]
    return tensor(data, **settings)


def attach(cls: type) -> None:
    """Give Tensor the functions that make tensors like it."""
    for method in (new_zeros, new_ones, new_full, new_empty, new_tensor):
        setattr(cls, method.__name__, method)
