"""Random tensors, and random numbers written into tensors.

Numbers are drawn on the host, so that a seed gives the same on every device, and moved. A draw
comes from `generator`, by default from the library's own, which `manual_seed` restarts.
"""

import functools

from .. import kernels
from ..kernels import dtype_of, is_float, np
from ..kernels.dtypes import finfo
from ..random import Generator, default_generator
from ..tensor import Tensor
from .comparison import logical_and, logical_not
from .create import INT, like, made, number_of, sizes_of, space_of
from .inplace import check_write, put
from .shape import common_shape

# --- draws ----------------------------------------------------------------------------------------


def source(space, generator: Generator | None):
    """NumPy's generator for the next draw; a backend without numbers has one that draws none."""
    return getattr(space, "draws", None) or (generator or default_generator).numpy()


def floating(name: str, dtype) -> np.dtype:
    """A dtype, by default the default one, which must be a float's.

    Raises: NotImplementedError for others.
    """
    dtype = kernels.DEFAULT if dtype is None else dtype_of(dtype)
    if not is_float(dtype):
        raise NotImplementedError(f"{name}: random numbers of this kind are floats, got {dtype}")
    return dtype


def uniform(draw, shape, dtype):
    """Numbers in [0, 1) that stay below 1 in `dtype`."""
    if dtype.itemsize == 2:
        steps = 2 ** (finfo(dtype).nmant + 1)
        return draw.integers(0, steps, shape) / steps
    return draw.random(shape, np.float32 if dtype.itemsize == 4 else np.float64)


def drawn(draw, dtype, device, requires_grad: bool, generator: Generator | None) -> Tensor:
    """A Tensor of random numbers: draw(numpy generator), moved to the device."""
    space = space_of(device)
    raw = draw(source(space, generator)).astype(dtype, copy=False)
    return made(space.asarray(raw), requires_grad)


def rand(
    *sizes, size=None, dtype=None, device=None, requires_grad: bool = False, generator=None
) -> Tensor:
    """Uniform random numbers in [0, 1)."""
    shape = sizes_of("rand", sizes, size)
    dtype = floating("rand", dtype)
    return drawn(lambda r: uniform(r, shape, dtype), dtype, device, requires_grad, generator)


def randn(
    *sizes, size=None, dtype=None, device=None, requires_grad: bool = False, generator=None
) -> Tensor:
    """Normal random numbers of mean 0 and standard deviation 1."""
    shape = sizes_of("randn", sizes, size)
    dtype = floating("randn", dtype)
    return drawn(lambda r: r.standard_normal(shape), dtype, device, requires_grad, generator)


def check_bounds(name: str, low, high) -> None:
    """Raise RuntimeError unless there is a whole number from low up to, not including, high."""
    if not number_of(name, low) < number_of(name, high):
        raise RuntimeError(f"{name}: low is less than high, got {low} and {high}")


def randint(
    low, high=None, size=None, *, dtype=None, device=None, requires_grad=False, generator=None
) -> Tensor:
    """Random whole numbers from low (0 if only one bound is given) up to, not including, high."""
    if size is None or high is None:
        low, high, size = (0, low, high if size is None else size)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"randint: size is a tuple of sizes, got {size!r}")
    shape = sizes_of("randint", (), size)
    check_bounds("randint", low, high)
    dtype = INT if dtype is None else dtype_of(dtype)
    made_by = functools.partial(whole, low=low, high=high, shape=shape)
    return drawn(made_by, dtype, device, requires_grad, generator)


def whole(draw, low: int, high: int, shape: tuple):
    """Whole numbers from low up to, not including, high."""
    return draw.integers(low, high, shape)


def randperm(
    n: int, *, dtype=None, device=None, requires_grad: bool = False, generator=None
) -> Tensor:
    """The numbers 0 .. n-1 in random order."""
    (n,) = sizes_of("randperm", (n,))
    dtype = INT if dtype is None else dtype_of(dtype)
    return drawn(lambda r: r.permutation(n), dtype, device, requires_grad, generator)


def rand_like(
    input, *, dtype=None, device=None, requires_grad: bool = False, generator=None
) -> Tensor:
    """Uniform random numbers in [0, 1) in the shape of `input`."""
    settings = like("rand_like", input, dtype, device, requires_grad)
    return rand(generator=generator, **settings)


def randn_like(
    input, *, dtype=None, device=None, requires_grad: bool = False, generator=None
) -> Tensor:
    """Normal random numbers in the shape of `input`."""
    settings = like("randn_like", input, dtype, device, requires_grad)
    return randn(generator=generator, **settings)


def randint_like(
    input, low, high=None, *, dtype=None, device=None, requires_grad=False, generator=None
) -> Tensor:
    """Random whole numbers in the shape of `input`, bounded as in `randint`."""
    settings = like("randint_like", input, dtype, device, requires_grad)
    bounds = (0, low) if high is None else (low, high)
    return randint(*bounds, generator=generator, **settings)


# --- distributions --------------------------------------------------------------------------------


def bernoulli(input, p=None, *, generator=None) -> Tensor:
    """1 with the probability that `input` holds, or p, else 0; in input's shape and dtype.

    Raises: RuntimeError for probabilities outside [0, 1].
    """
    floating("bernoulli", input.dtype)
    made_like_it = input.detach().new_empty(input.shape)
    return bernoulli_(made_like_it, input if p is None else p, generator=generator)


def normal(
    mean, std=1.0, size=None, *, generator=None, dtype=None, device=None, requires_grad=False
) -> Tensor:
    """Normal random numbers of these means and standard deviations, numbers or Tensors.

    size: the shape, where both are numbers; then dtype, device and requires_grad may be given.

    Raises: RuntimeError for a negative std, TypeError for two numbers without a size.
    """
    tensors = [t.detach() for t in (mean, std) if isinstance(t, Tensor)]
    if tensors:
        size = common_shape("normal", *[t.shape for t in tensors])
        dtype, device = tensors[0].dtype, tensors[0].device
    elif size is None:
        raise TypeError("normal: a mean and a std that are numbers need a size")
    check_std("normal", std)
    z = randn(size=size, dtype=dtype, device=device, generator=generator)
    return (z * std + mean).detach().requires_grad_(requires_grad)


def check_std(name: str, std) -> None:
    """Raise RuntimeError for a negative standard deviation."""
    negative = std < 0
    if isinstance(negative, Tensor):
        negative = negative.device.type != "meta" and bool(negative.any())
    if negative:
        raise RuntimeError(f"{name}: a standard deviation is not negative, got {std}")


def multinomial(input, num_samples: int, replacement: bool = False, *, generator=None) -> Tensor:
    """Places along the last axis, drawn with probabilities that are proportional to `input`.

    Shape: input (n,) or (rows, n) -> (num_samples,) or (rows, num_samples).

    Raises: RuntimeError for weights that are negative, not finite or all 0, for more samples than
    there are places without replacement, and for other numbers of axes.

    Source: without replacement Efraimidis & Spirakis 2006: the places of the largest weight / e,
    with e drawn from the exponential distribution.
    """
    if input.ndim not in (1, 2) or not is_float(input.dtype):
        raise RuntimeError(
            f"multinomial: weights are floats of 1 or 2 axes, got {input.dtype} of {input.shape}"
        )
    weights = input.numpy(force=True).astype(np.float64)
    count = weights.shape[-1]
    if num_samples < 1 or (num_samples > count and not replacement):
        raise RuntimeError(f"multinomial: {num_samples} samples cannot be drawn of {count} places")
    total = weights.sum(-1, keepdims=True)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (total > 0).all()):
        raise RuntimeError("multinomial: weights are finite, not negative and not all 0")
    draw = source(space_of(None), generator)
    if replacement:
        u = draw.random((*weights.shape[:-1], num_samples, 1)) * total[..., None]
        places = (u >= weights.cumsum(-1)[..., None, :]).sum(-1)
    else:
        keys = weights / draw.standard_exponential(weights.shape)
        places = np.argsort(-keys, axis=-1)[..., :num_samples]
    return made(space_of(input.device).asarray(places.astype(INT)), False)


# --- in place -------------------------------------------------------------------------------------


def filled(x: Tensor, name: str, z: Tensor) -> Tensor:
    """x, with z written into it: the in-place method `name`.

    Raises: RuntimeError where x may not be written, or z has another shape.
    """
    check_write(x, name, ())
    if z.shape != x.shape:
        raise RuntimeError(f"{name}: a result of shape {z.shape} for a tensor of {x.shape}")
    return put(x, ..., z)


def uniform_(x, from_=0.0, to=1.0, *, generator=None):
    """x, filled with uniform random numbers in [from_, to).

    Raises: RuntimeError where from_ lies above to.
    """
    from_, to = number_of("uniform_", from_), number_of("uniform_", to)
    if from_ > to:
        raise RuntimeError(f"uniform_: from_ lies below to, got {from_} and {to}")
    z = rand(size=x.shape, dtype=x.dtype, device=x.device, generator=generator)
    return filled(x, "uniform_", z * (to - from_) + from_)


def normal_(x, mean=0.0, std=1.0, *, generator=None):
    """x, filled with normal random numbers of this mean and standard deviation.

    Raises: RuntimeError for a negative std.
    """
    settings = {"dtype": x.dtype, "device": x.device, "generator": generator}
    return filled(x, "normal_", normal(mean, std, x.shape, **settings))


def bernoulli_(x, p=0.5, *, generator=None):
    """x, filled with 1 with probability p, a number or a Tensor, else 0.

    Raises: RuntimeError for probabilities outside [0, 1].
    """
    p = p.detach() if isinstance(p, Tensor) else p
    outside = logical_not(logical_and(p >= 0, p <= 1)) if isinstance(p, Tensor) else not 0 <= p <= 1
    if isinstance(outside, Tensor):
        outside = outside.device.type != "meta" and bool(outside.any())
    if outside:
        raise RuntimeError(f"bernoulli: probabilities lie within [0, 1], got {p}")
    u = rand(size=x.shape, dtype="float64", device=x.device, generator=generator)
    return filled(x, "bernoulli_", u < p)


def random_(x, from_=0, to=None, *, generator=None):
    """x, filled with random whole numbers from from_ (0 with one bound) up to, not including, to.

    Without bounds: up to the largest that x's dtype holds, of floats that it holds exactly.
    """
    if to is None:
        from_, to = (0, from_) if from_ else (0, most(x.dtype))
    settings = {"device": x.device, "generator": generator}
    return filled(x, "random_", randint(from_, to, tuple(x.shape), **settings))


def most(dtype) -> int:
    """The bound of whole numbers that a dtype holds exactly."""
    if is_float(dtype):
        return 2 ** (finfo(dtype).nmant + 1)
    return 2 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def attach(cls: type) -> None:
    """Give Tensor what fills it with random numbers."""
    for method in (uniform_, normal_, bernoulli_, random_, bernoulli, multinomial):
        setattr(cls, method.__name__, method)
