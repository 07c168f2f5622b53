"""The convolution family: three gates, closed under differentiation, for any number of axes.

`conv` is the cross-correlation that networks call convolution, `conv_dx` its gradient for the input
(the transposed convolution) and `conv_dw` its gradient for the weights. Each one's rules are the
other two, so gradients of any order are there. The bodies turn windows into columns (im2col) and
multiply matrices. The step between windows and columns is a pair of gates of its own, `unfold` and
`fold`, each the other's gradient.

Shapes: x (N, C, *space), w (K, C/groups, *window), z (N, K, *out). The settings stride, padding and
dilation hold one whole number per axis of space; padding is the same on both sides.
"""

import itertools
import math

from ..gate import composite, gate
from ..kernels import xp
from ..kernels.shapes import out_size
from .activation import relu_dx
from .norm import running_norm
from .reduce import bias_dx


def padded(x, padding: tuple):
    """x within a border of zeros around its axes of space."""
    if not any(padding):
        return x
    return xp(x).pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))


def windows(x, window: tuple, stride: tuple, dilation: tuple):
    """Every window of x, as a view without a copy.

    Shape: x (N, C, *space) -> (N, C, *out, *window).
    """
    settings = zip(x.shape[2:], window, stride, dilation, strict=True)
    out = [out_size(size, r, s, 0, d) for size, r, s, d in settings]
    space = x.strides[2:]
    over = [step * s for step, s in zip(space, stride, strict=True)]
    within = [step * d for step, d in zip(space, dilation, strict=True)]
    return xp(x).lib.stride_tricks.as_strided(
        x, (*x.shape[:2], *out, *window), (*x.strides[:2], *over, *within)
    )


def columns(x, window: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int):
    """The windows of x as the columns of one matrix per sample and group.

    Shape: x (N, C, *space) -> (N, groups, C/groups * prod(window), prod(out)).
    """
    view = windows(padded(x, padding), window, stride, dilation)
    rank = len(window)
    out = range(2, 2 + rank)
    size = x.shape[1] // groups * math.prod(window)
    positions = math.prod(view.shape[2 : 2 + rank])
    order = (0, 1, *range(2 + rank, 2 + 2 * rank), *out)
    return view.transpose(order).reshape(x.shape[0], groups, size, positions)


def rows(u, groups: int):
    """Channels by group, positions in one axis.

    Shape: u (N, K, *out) -> (N, groups, K/groups, prod(out)).
    """
    return u.reshape(u.shape[0], groups, u.shape[1] // groups, math.prod(u.shape[2:]))


def weights(w, groups: int):
    """One matrix per group.

    Shape: w (K, C/groups, *window) -> (groups, K/groups, C/groups * prod(window)).
    """
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


def input_dx(g, w, held, *settings):
    """The gradient for x, added to what is held where that is not None."""
    if held is None:
        return conv_dx(g, w, *settings)
    return conv_dx_onto(g, w, held, *settings, spare=True)


@gate(
    autocast="low",
    x=lambda g, w, x_shape, x_held, stride, padding, dilation, groups: input_dx(
        g, w, x_held, x_shape[2:], stride, padding, dilation, groups
    ),
    w=lambda g, x, w_shape, stride, padding, dilation, groups: conv_dw(
        g, x, w_shape[2:], stride, padding, dilation, groups
    ),
    b=lambda g: bias_dx(g),
)
def conv(x, w, b, *, stride, padding, dilation, groups):
    """The cross-correlation of x with w, plus b where it is not None.

    Shape: x (N, C, *space), w (K, C/groups, *window), b (K,) -> (N, K, *out).

    Rule: dx = conv_dx(g, w), dw = conv_dw(g, x), db = Σ g over samples and positions.
    """
    cols = columns(x, w.shape[2:], stride, padding, dilation, groups)
    z = xp(x).matmul(weights(w, groups), cols)
    settings = zip(x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
    z = z.reshape(x.shape[0], w.shape[0], *(out_size(*s) for s in settings))
    return z if b is None else z + b.reshape(-1, *[1] * len(stride))


def conv_relu_dx(g, z, x, w, needs, held, stride, padding, dilation, groups):
    """The gradients of conv_relu for x, w and the bias, where they are needed; held: see gate."""
    settings = (stride, padding, dilation, groups)
    u = relu_dx(g, z)
    gx = None if needs[0] is None else input_dx(u, w, held, x.shape[2:], *settings)
    gw = None if needs[1] is None else conv_dw(u, x, w.shape[2:], *settings)
    return gx, gw, None if needs[2] is None else bias_dx(u)


@gate(
    autocast="low",
    all=lambda g, z, x, w, needs, x_held, stride, padding, dilation, groups: conv_relu_dx(
        g, z, x, w, needs, x_held, stride, padding, dilation, groups
    ),
)
def conv_relu(x, w, b, *, stride, padding, dilation, groups):
    """conv, then relu: one sweep over memory where there are two.

    Shape: x (N, C, *space), w (K, C/groups, *window), b (K,) -> (N, K, *out).

    Rule: with u = g where z > 0, else 0: dx = conv_dx(u, w), dw = conv_dw(u, x), db = Σ u.
    """
    z = conv(x, w, b, stride, padding, dilation, groups)
    return xp(z).maximum(z, 0)


@composite
def conv_norm(
    x, w, b, mean, variance, weight, bias, residual, *, eps, relu, stride, padding, dilation, groups
):
    """running_norm of conv: a convolution, a batch norm in evaluation, a skip and an activation.

    A kernel folds the norm into the weights and does what follows the sums while they are at hand.

    Shape: x (N, C, *space), w (K, C/groups, *window), residual (N, K, *out), all others (K,)
    -> (N, K, *out).
    """
    z = conv(x, w, b, stride, padding, dilation, groups)
    return running_norm(z, mean, variance, weight, bias, residual, eps, relu)


@gate(
    autocast="low",
    u=lambda g, w, stride, padding, dilation, groups: conv(
        g, w, None, stride, padding, dilation, groups
    ),
    w=lambda g, u, w_shape, stride, padding, dilation, groups: conv_dw(
        u, g, w_shape[2:], stride, padding, dilation, groups
    ),
)
def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """The gradient of conv for its input, also called transposed convolution.

    Shape: u (N, K, *out), w (K, C/groups, *window) -> (N, C, *space).

    Rule: du = conv(g, w), dw = conv_dw(u, g).
    """
    n, _, *out = u.shape
    window = w.shape[2:]
    cols = xp(u).matmul(weights(w, groups).swapaxes(-1, -2), rows(u, groups))
    cols = cols.reshape(n, w.shape[1] * groups, *window, *out)
    return summed(cols, space, stride, padding, dilation)


@composite
def conv_dx_onto(u, w, onto, *, space, stride, padding, dilation, groups, spare=False):
    """onto + conv_dx; spare: a kernel may write over onto.

    Shape: u (N, K, *out), w (K, C/groups, *window), onto (N, C, *space) -> (N, C, *space).
    """
    return onto + conv_dx(u, w, space, stride, padding, dilation, groups)


def summed(cols, space: tuple, stride: tuple, padding: tuple, dilation: tuple):
    """An array in which every element of every window was added where it lies.

    Shape: cols (N, C, *window, *out) -> (N, C, *space).
    """
    rank = len(space)
    n, c, *sizes = cols.shape
    window, out = sizes[:rank], sizes[rank:]
    z = xp(cols).zeros(
        (n, c, *(s + 2 * p for s, p in zip(space, padding, strict=True))), cols.dtype
    )
    for place in itertools.product(*map(range, window)):
        z[(slice(None), slice(None), *steps(place, out, stride, dilation))] += cols[
            (slice(None), slice(None), *place)
        ]
    return z[(slice(None), slice(None), *inner(space, padding))]


def inner(space: tuple, padding: tuple) -> list[slice]:
    """Where in a padded input the input lies."""
    return [slice(p, p + s) for s, p in zip(space, padding, strict=True)]


def steps(place: tuple, out: list, stride: tuple, dilation: tuple) -> list[slice]:
    """Where in the padded input the element `place` of every window lies."""
    starts = [r * d for r, d in zip(place, dilation, strict=True)]
    return [slice(a, a + (q - 1) * s + 1, s) for a, q, s in zip(starts, out, stride, strict=True)]


@gate(
    u=lambda g, x, stride, padding, dilation, groups: conv(
        x, g, None, stride, padding, dilation, groups
    ),
    x=lambda g, u, x_shape, stride, padding, dilation, groups: conv_dx(
        u, g, x_shape[2:], stride, padding, dilation, groups
    ),
)
def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The gradient of conv for its weights.

    Shape: u (N, K, *out), x (N, C, *space) -> (K, C/groups, *window).

    Rule: du = conv(x, g), dx = conv_dx(u, g).
    """
    view = windows(padded(x, padding), window, stride, dilation)
    rank = len(window)
    out = range(2, 2 + rank)
    places = x.shape[0] * math.prod(u.shape[2:])
    inside = (1, *range(2 + rank, 2 + 2 * rank), 0, *out)
    k, c = u.shape[1], x.shape[1] // groups
    cols = view.transpose(inside).reshape(groups, c * math.prod(window), places)
    flat = u.transpose(1, 0, *out).reshape(groups, k // groups, places)
    z = xp(u).matmul(flat, cols.swapaxes(-1, -2))
    return z.reshape(k, c, *window)


@gate(
    x=lambda g, x_shape, window, stride, padding, dilation: fold(
        g, x_shape[2:], window, stride, padding, dilation
    )
)
def unfold(x, *, window, stride, padding, dilation):
    """Every window of x as a column (im2col).

    Shape: x (N, C, *space) -> (N, C * prod(window), prod(out)).

    Rule: dx = fold(g): an element gets the gradients of all columns it is in.
    """
    cols = columns(x, window, stride, padding, dilation, 1)
    return cols.reshape(x.shape[0], *cols.shape[2:])


@gate(u=lambda g, window, stride, padding, dilation: unfold(g, window, stride, padding, dilation))
def fold(u, *, space, window, stride, padding, dilation):
    """The sum of all columns of u, each added where its window lies (col2im): unfold's adjoint.

    Shape: u (N, C * prod(window), prod(out)) -> (N, C, *space).

    Rule: du = unfold(g).
    """
    out = [out_size(*s) for s in zip(space, window, stride, padding, dilation, strict=True)]
    channels = u.shape[1] // math.prod(window)
    cols = u.reshape(u.shape[0], channels, *window, *out)
    return summed(cols, space, stride, padding, dilation)
