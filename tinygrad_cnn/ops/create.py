"""Tensors out of nothing: constants, ranges, random numbers; and dropout, which is both.

`dtype` None means float32, for whole numbers int64; `device` None means the CPU.
"""

from ..gate import gate
from ..kernels import DEFAULT, backend, is_device, named, np
from ..random import Generator, default_generator
from ..tensor import Device, Tensor, wrap
from .shape import cast, move, varied

INT = np.dtype("int64")


def made(raw, requires_grad: bool) -> Tensor:
    """A Tensor of an array that nobody else holds."""
    t = wrap(raw, None)
    return t.requires_grad_() if requires_grad else t


def tensor(data, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor with a copy of `data`: numbers, nested lists, an array, another tensor.

    Raises: TypeError for what holds no numbers, ValueError for lists of unequal lengths.
    """
    t = as_tensor(data, dtype=dtype, device=device).detach()
    source = data.raw if isinstance(data, Tensor) else data
    copied = t.raw.copy() if hasattr(source, "dtype") else t.raw
    return made(copied, requires_grad)


def as_tensor(data, *, dtype=None, device=None) -> Tensor:
    """`data` as a Tensor; arrays and tensors are shared where dtype and device allow."""
    t = data if isinstance(data, Tensor) else Tensor(stacked(data), dtype=dtype)
    return to(t, device=device, dtype=dtype)


def stacked(data):
    """`data` with Tensors inside lists replaced by their numbers."""
    if isinstance(data, (list, tuple)):
        return [stacked(e) for e in data]
    return data.tolist() if isinstance(data, Tensor) else data


def from_numpy(array: np.ndarray) -> Tensor:
    """A Tensor that shares memory with a NumPy array.

    Raises: TypeError for anything else.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy takes a numpy.ndarray, got {type(array).__name__}")
    return Tensor(array)


def to(x: Tensor, *where, device=None, dtype=None) -> Tensor:
    """x on another device, in another dtype, or both; x itself if nothing changes.

    `where` names them by position in any order: x.to("cuda"), x.to(tg.float64), x.to(other).
    """
    for target in where:
        if isinstance(target, Tensor):
            device, dtype = target.device, target.dtype
        elif isinstance(target, Device) or (isinstance(target, str) and is_device(target)):
            device = target
        else:
            dtype = target
    if dtype is not None and np.dtype(dtype) != x.dtype:
        floats = np.dtype(dtype).kind == "f"
        x = cast(x if floats else x.detach(), np.dtype(dtype))  # whole numbers have no gradient
    if device is not None and str(device).partition(":")[0] != str(x.device):
        x = move(x, device=str(device), home=str(x.device))
    return x


def filled(shape: tuple, value, dtype, device, requires_grad: bool) -> Tensor:
    """A Tensor of equal elements."""
    space = named(str(device or "cpu"))
    return made(space.xp.full(shape, value, dtype or DEFAULT), requires_grad)


def zeros(*shape, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor of zeros."""
    return filled(varied(shape), 0, dtype, device, requires_grad)


def ones(*shape, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor of ones."""
    return filled(varied(shape), 1, dtype, device, requires_grad)


def full(shape, fill_value, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """A Tensor of which every element is fill_value."""
    kind = np.asarray(fill_value).dtype.kind
    default = DEFAULT if kind == "f" else INT if kind == "i" else np.dtype(bool)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return filled(shape, fill_value, dtype or default, device, requires_grad)


def arange(
    start, end=None, step=1, *, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """The numbers from start up to, but not including, end; int64 if all three are whole."""
    start, end = (0, start) if end is None else (start, end)
    whole = all(isinstance(n, (int, np.integer)) for n in (start, end, step))
    space = named(str(device or "cpu"))
    dtype = dtype or (INT if whole else DEFAULT)
    return made(space.xp.arange(start, end, step).astype(dtype), requires_grad)


def linspace(
    start, end, steps: int, *, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """`steps` numbers in equal distances from start to end, both included."""
    space = named(str(device or "cpu"))
    return made(space.xp.linspace(start, end, steps).astype(dtype or DEFAULT), requires_grad)


def eye(n: int, m: int | None = None, *, dtype=None, device=None) -> Tensor:
    """A matrix with ones on its diagonal.

    Shape: (n, m), by default (n, n).
    """
    return made(named(str(device or "cpu")).xp.eye(n, m, dtype=dtype or DEFAULT), False)


def drawn(draw, dtype, device, requires_grad: bool, generator: Generator | None) -> Tensor:
    """A Tensor of random numbers: draw(numpy generator), made on the host, moved to the device.

    A backend without numbers has a generator of its own, `draws`, which draws none.
    """
    space = named(str(device or "cpu"))
    raw = draw(getattr(space, "draws", None) or (generator or default_generator).numpy())
    raw = raw.astype(dtype or (DEFAULT if raw.dtype.kind == "f" else INT), copy=False)
    return made(space.asarray(raw), requires_grad)


def rand(*shape, dtype=None, device=None, requires_grad=False, generator=None) -> Tensor:
    """Uniform random numbers in [0, 1)."""
    shape = varied(shape)
    return drawn(lambda r: r.random(shape, np.float32), dtype, device, requires_grad, generator)


def randn(*shape, dtype=None, device=None, requires_grad=False, generator=None) -> Tensor:
    """Normal random numbers of mean 0 and standard deviation 1."""
    shape = varied(shape)
    return drawn(lambda r: r.standard_normal(shape), dtype, device, requires_grad, generator)


def randint(low, high=None, size=(), *, dtype=None, device=None, generator=None) -> Tensor:
    """Random whole numbers from low (0 if only one bound is given) up to, not including, high."""
    if not isinstance(high, (int, np.integer)):
        low, high, size = 0, low, high if high is not None else size
    return drawn(lambda r: r.integers(low, high, size), dtype, device, False, generator)


def randperm(n: int, *, dtype=None, device=None, generator=None) -> Tensor:
    """The numbers 0 .. n-1 in random order."""
    return drawn(lambda r: r.permutation(n), dtype, device, False, generator)


@gate(floats=True, x=lambda g, p, seed, counter: dropped(g, p=p, seed=seed, counter=counter))
def dropped(x, *, p, seed, counter):
    """x with each element zeroed with probability p and the others divided by 1 - p.

    The draw is named by (seed, counter) and made again for the gradient: no mask is kept.

    Rule: the same elements of the gradient are zeroed and scaled.
    """
    keep = backend(type(x)).uniform(x.shape, seed, counter) >= p
    return x * keep.astype(x.dtype) * (1.0 / (1.0 - p) if p < 1 else 0.0)


def dropout(x, p: float = 0.5, training: bool = True, generator: Generator | None = None):
    """x with each element zeroed with probability p and the rest scaled by 1 / (1 - p).

    Outside training x itself.

    Raises: ValueError for a p outside [0, 1].

    Source: Srivastava et al. 2014, section 10 ("inverted" dropout).
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: a probability lies within [0, 1], got {p}")
    if not training or p == 0:
        return x
    seed, counter = (generator or default_generator).take()
    return dropped(x, p=p, seed=seed, counter=counter)
