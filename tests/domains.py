"""The table of gates: for each one how its inputs and settings are drawn, and what is true of it.

A gate without a row fails the suite; a new gate needs one row here and no other test, since what
`test_gates.py` asks is asked of every row. A row says

    cases     a strategy of `Case`: inputs as NumPy arrays (float64, whole numbers for indices,
              truth values for masks, None for an input that is left out), and settings
    truth     what the gate computes, in NumPy or in plain loops
    torch     the same in PyTorch, given the module; True stands for its function of that name
    scalar    whether the gate works on single numbers as well
    view      whether the result may share memory with an input
    fixed     inputs that hold floats, but are not differentiated
    waits     whether a device has to be waited for

Which inputs can be differentiated is no column: a gate's record says for which it has rules.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import oracles
from drawing import (
    DIFFERENT,
    EVEN,
    MASK,
    NONZERO,
    ODD,
    POSITIVE,
    POWERS,
    REAL,
    TIES,
    UNIT,
    WILD,
    along_one,
    between,
    bounded,
    chosen,
    classified,
    contracted,
    convolution,
    elementwise,
    expanded,
    flipped,
    framed,
    gradient_of,
    indexed,
    joined,
    matrices,
    normalised,
    normalised_back,
    one_axis,
    permuted,
    places,
    pooling,
    reduced,
    reshaped,
    spread_out,
    summed_to,
    targets,
    triangles,
)
from hypothesis import strategies as st


@dataclasses.dataclass(frozen=True)
class Row:
    """What the table says about one gate."""

    cases: st.SearchStrategy
    truth: Callable
    torch: Callable | bool = False
    scalar: bool = False
    view: bool = False
    fixed: tuple[str, ...] = ()
    waits: bool = False


def pointwise(
    truth: Callable, *domains: Callable, torch: Callable | bool = True, **settings
) -> Row:
    """The row of a gate that works element by element, on arrays and on numbers."""
    return Row(elementwise(*domains, **settings), truth, torch, scalar=True)


def reduction(
    truth: Callable, domain: Callable, torch: Callable | bool = True, least: int = 0, **more
) -> Row:
    """The row of a gate that takes dim and keepdim."""
    return Row(reduced(domain, least, keepdim=st.booleans(), **more), truth, torch)


def leaky(x, negative_slope):
    return np.where(x > 0, x, negative_slope * x)


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


# --- the same in PyTorch, where it is not one function of that name -------------------------------


def functional(name: str) -> Callable:
    """A function of torch.nn.functional."""
    return lambda torch, *inputs, **settings: getattr(torch.nn.functional, name)(
        *inputs, **settings
    )


def torch_conv(torch, x, w, b, stride, padding, dilation, groups):
    conv = getattr(torch.nn.functional, f"conv{len(stride)}d")
    return conv(x, w, b, stride, padding, dilation, groups)


def torch_conv_dx(torch, u, w, space, stride, padding, dilation, groups):
    conv = getattr(torch.nn.functional, f"conv_transpose{len(stride)}d")
    geometry = zip(space, u.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
    extra = [n - ((q - 1) * s - 2 * p + d * (r - 1) + 1) for n, q, r, s, p, d in geometry]
    return conv(u, w, None, stride, padding, extra, groups, dilation)


def torch_conv_dw(torch, u, x, window, stride, padding, dilation, groups):
    conv = getattr(torch.nn.grad, f"conv{len(stride)}d_weight")
    shape = (u.shape[1], x.shape[1] // groups, *window)
    return conv(x, shape, u, stride, padding, dilation, groups)


def torch_max_pool(torch, x, window, stride, padding, dilation, out):
    pool = getattr(torch.nn.functional, f"max_pool{len(stride)}d")
    found = pool(x, window, stride, padding, dilation, ceil_mode=True)
    return found[(slice(None), slice(None), *(slice(q) for q in out))]


def torch_batch_norm(torch, x, weight, bias, residual, eps, relu):
    z = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    z = z if residual is None else z + residual
    return torch.relu(z) if relu else z


def torch_flip(torch, x, dims):
    return torch.flip(x, dims if isinstance(dims, tuple) else (dims,))


def torch_put(torch, x, indices, dim, shape):
    return torch.zeros(shape, dtype=x.dtype).scatter_add(dim, indices, x)


def over_all(name: str) -> Callable:
    """A reduction of PyTorch that takes no None for all axes."""

    def reduce(torch, x, dim, keepdim):
        return getattr(torch, name)(x, tuple(range(x.ndim)) if dim is None else dim, keepdim)

    return reduce


def unreduced(name: str) -> Callable:
    """A loss of torch.nn.functional for every sample."""
    return lambda torch, x, t: getattr(torch.nn.functional, name)(x, t, reduction="none")


# --- the table ------------------------------------------------------------------------------------

CORRECTION = st.sampled_from([0, 1])
KEEP = st.booleans()
DROP = {"p": st.sampled_from([0.25, 0.5, 1.0]), "seed": st.integers(0, 9), "counter": st.just(3)}

ROWS = {
    # arithmetic
    "add": pointwise(np.add, REAL, REAL),
    "sub": pointwise(np.subtract, REAL, REAL),
    "mul": pointwise(np.multiply, REAL, REAL),
    "div": pointwise(np.divide, REAL, NONZERO),
    "neg": pointwise(np.negative, REAL),
    "floor_divide": pointwise(np.floor_divide, REAL, NONZERO),
    "remainder": pointwise(np.remainder, ODD, POWERS),
    "pow": pointwise(np.power, POSITIVE, REAL),
    "square": pointwise(np.square, REAL),
    "reciprocal": pointwise(np.reciprocal, NONZERO),
    "abs": pointwise(np.abs, NONZERO),
    # locally constant
    "sign": pointwise(np.sign, WILD, torch=False),  # PyTorch's sign of nan is 0
    "floor": pointwise(np.floor, WILD),
    "ceil": pointwise(np.ceil, WILD),
    "trunc": pointwise(np.trunc, WILD),
    "round": pointwise(np.rint, WILD),
    "equal": pointwise(np.equal, WILD, WILD, torch=lambda torch, x, y: torch.eq(x, y)),
    "not_equal": pointwise(np.not_equal, WILD, WILD),
    "greater": pointwise(np.greater, WILD, WILD),
    "greater_equal": pointwise(np.greater_equal, WILD, WILD),
    "less": pointwise(np.less, WILD, WILD),
    "less_equal": pointwise(np.less_equal, WILD, WILD),
    "isnan": pointwise(np.isnan, WILD),
    "isinf": pointwise(np.isinf, WILD),
    "isfinite": pointwise(np.isfinite, WILD),
    "logical_not": pointwise(np.logical_not, WILD),
    "logical_and": pointwise(np.logical_and, WILD, WILD),
    "logical_or": pointwise(np.logical_or, WILD, WILD),
    # exponentials and trigonometry
    "exp": pointwise(np.exp, REAL),
    "expm1": pointwise(np.expm1, REAL),
    "log": pointwise(np.log, POSITIVE),
    "log2": pointwise(np.log2, POSITIVE),
    "log1p": pointwise(np.log1p, between(-0.5, 2.0)),
    "sqrt": pointwise(np.sqrt, POSITIVE),
    "rsqrt": pointwise(lambda x: 1 / np.sqrt(x), POSITIVE),
    "sin": pointwise(np.sin, REAL),
    "cos": pointwise(np.cos, REAL),
    "tan": pointwise(np.tan, UNIT),
    "asin": pointwise(np.arcsin, UNIT),
    "acos": pointwise(np.arccos, UNIT),
    "atan": pointwise(np.arctan, REAL),
    "sinh": pointwise(np.sinh, REAL),
    "cosh": pointwise(np.cosh, REAL),
    # choices
    "maximum": pointwise(np.maximum, EVEN, ODD),
    "minimum": pointwise(np.minimum, EVEN, ODD),
    "where": pointwise(np.where, MASK, REAL, REAL),
    "clamp": Row(bounded(), oracles.clamp, True, scalar=True),
    "within": Row(bounded(), oracles.within, scalar=True),
    # activations
    "tanh": pointwise(np.tanh, REAL),
    "sigmoid": pointwise(lambda x: 1 / (1 + np.exp(-x)), REAL),
    "relu": pointwise(lambda x: np.where(x > 0, x, 0.0), DIFFERENT),
    "relu_dx": pointwise(lambda g, z: np.where(z > 0, g, 0.0), REAL, DIFFERENT, torch=False),
    "leaky_relu": pointwise(
        leaky, DIFFERENT, torch=functional("leaky_relu"), negative_slope=st.floats(-0.5, 0.5)
    ),
    "elu": pointwise(elu, DIFFERENT, torch=functional("elu"), alpha=st.floats(0.25, 2.0)),
    # shapes
    "reshape": Row(reshaped(), np.reshape, True, view=True),
    "expand": Row(expanded(), oracles.expand, lambda torch, x, shape: x.expand(shape), view=True),
    "sum_to": Row(summed_to(), oracles.sum_to, lambda torch, x, shape: x.sum_to_size(shape)),
    "permute": Row(permuted(), lambda x, dims: x.transpose(dims), True, view=True),
    "flip": Row(
        flipped(), lambda x, dims: np.flip(x, oracles.axes_of(x, dims)), torch_flip, view=True
    ),
    "cat": Row(
        joined(), lambda *xs, dim: np.concatenate(xs, dim), lambda t, *xs, dim: t.cat(xs, dim)
    ),
    "pad_constant": Row(framed(), oracles.pad_constant),
    "index": Row(indexed(), lambda x, key: x[key], view=True, waits=True),
    "index_add": Row(indexed(back=True), oracles.index_add, waits=True),
    "take_along": Row(
        chosen(),
        lambda x, indices, dim: np.take_along_axis(x, indices, dim),
        lambda torch, x, indices, dim: torch.gather(x, dim, indices),
    ),
    "put_along": Row(chosen(back=True), oracles.put_along, torch_put),
    "cast": Row(
        elementwise(REAL, dtype=st.just(np.dtype("float64"))), lambda x, dtype: x.astype(dtype)
    ),
    "clone": Row(elementwise(REAL), np.copy, True),
    "move": Row(
        elementwise(REAL, device=st.just("cpu"), home=st.just("cpu")),
        lambda x, device, home: x,
        view=True,
        waits=True,
    ),
    "ones_like": Row(elementwise(REAL), np.ones_like, True),
    "zeros_like": Row(elementwise(REAL), np.zeros_like, True),
    "tri": Row(triangles(), oracles.tri),
    # reductions
    "sum": reduction(oracles.over(np.sum), REAL),
    "mean": reduction(oracles.mean, REAL),
    "var": reduction(oracles.var, REAL, correction=CORRECTION),
    "std": Row(
        spread_out(correction=CORRECTION, keepdim=KEEP),
        lambda x, dim, correction, keepdim: np.sqrt(oracles.var(x, dim, correction, keepdim)),
        True,
    ),
    "euclidean_norm": reduction(
        oracles.norm, NONZERO, torch=lambda t, x, **s: t.linalg.vector_norm(x, **s), least=1
    ),
    "euclidean_norm_dx": Row(gradient_of(oracles.norm, NONZERO), oracles.norm_dx),
    "cumsum": Row(reduced(REAL, dims=one_axis), oracles.cumsum, True),
    "prod": reduction(oracles.over(np.prod), REAL, torch=False),
    "amax": reduction(oracles.over(np.amax), DIFFERENT, over_all("amax"), least=1),
    "amin": reduction(oracles.over(np.amin), DIFFERENT, over_all("amin"), least=1),
    "extreme_dx": Row(
        gradient_of(oracles.over(np.amax), DIFFERENT), oracles.extreme_dx, fixed=("z", "x")
    ),
    "argmax": reduction(oracles.over_one(np.argmax), TIES, least=1, dims=one_axis),
    "argmin": reduction(oracles.over_one(np.argmin), TIES, least=1, dims=one_axis),
    "any": reduction(oracles.over(np.any), MASK),
    "all": reduction(oracles.over(np.all), MASK),
    "logsumexp": reduction(oracles.logsumexp, REAL, over_all("logsumexp"), least=1),
    "logsumexp_dx": Row(gradient_of(oracles.logsumexp, REAL), oracles.logsumexp_dx),
    # contractions
    "mm": Row(matrices(), np.matmul, lambda torch, x, y: torch.matmul(x, y)),
    "matmul": Row(matrices(vectors=True), np.matmul, True),
    "contract": Row(contracted(), oracles.contract, view=True),
    # windows
    "conv": Row(convolution("conv"), oracles.conv, torch_conv),
    "conv_dx": Row(convolution("conv_dx"), oracles.conv_dx, torch_conv_dx),
    "conv_dw": Row(convolution("conv_dw"), oracles.conv_dw, torch_conv_dw),
    "max_pool": Row(pooling(DIFFERENT), oracles.max_pool, torch_max_pool),
    "window_sum": Row(pooling(REAL), oracles.window_sum),
    "window_sum_dx": Row(pooling(REAL, back=True), oracles.window_sum_dx),
    "unpool": Row(places(back=True), oracles.unpool),
    "pick": Row(places(), oracles.pick),
    # norms and losses
    "dropped": Row(elementwise(REAL, **DROP), oracles.dropped),
    "batch_norm": Row(normalised(), oracles.batch_norm, torch_batch_norm),
    "batch_norm_dx": Row(normalised_back(), oracles.batch_norm_dx, view=True),
    "softmax": Row(along_one(REAL), oracles.softmax, True),
    "softmax_dx": Row(along_one(REAL, REAL), oracles.softmax_dx),
    "log_softmax": Row(along_one(REAL), oracles.log_softmax, True),
    "log_softmax_dx": Row(along_one(REAL, REAL), oracles.log_softmax_dx),
    "one_hot": Row(targets(), oracles.one_hot),
    "nll": Row(classified(), oracles.nll, unreduced("nll_loss")),
    "cross_entropy": Row(classified(), oracles.cross_entropy, unreduced("cross_entropy")),
    "cross_entropy_dx": Row(classified(back=True), oracles.cross_entropy_dx),
}
