"""Convolution, and windows as columns."""

import math

import numpy as np
import oracles
from drawing import REAL, Case, convolution, generators
from hypothesis import strategies as st

from rows import norm
from rows.row import Row


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


@st.composite
def unfolded(draw, back: bool = False) -> Case:
    """What unfold takes; with `back` what fold takes."""
    case = draw(convolution("conv"))
    x, w, _ = case.inputs
    settings = {name: case.settings[name] for name in ("stride", "padding", "dilation")}
    window = w.shape[2:]
    if not back:
        return Case((x,), {"window": window, **settings})
    out = oracles.out_shape(x.shape[2:], window, *settings.values())
    u = REAL(draw(generators()), (len(x), x.shape[1] * math.prod(window), math.prod(out)))
    return Case((u,), {"space": x.shape[2:], "window": window, **settings})


def unfold(x, window, stride, padding, dilation):
    out = oracles.out_shape(x.shape[2:], window, stride, padding, dilation)
    z = np.zeros((*x.shape[:2], *window, *out))
    for q, r, at in oracles.inside(x.shape[2:], window, stride, padding, dilation, out):
        z[(..., *r, *q)] = x[(..., *at)]
    return z.reshape(len(x), x.shape[1] * math.prod(window), math.prod(out))


def fold(u, space, window, stride, padding, dilation):
    out = oracles.out_shape(space, window, stride, padding, dilation)
    z = np.zeros((len(u), u.shape[1] // math.prod(window), *space))
    u = u.reshape(*z.shape[:2], *window, *out)
    for q, r, at in oracles.inside(space, window, stride, padding, dilation, out):
        z[(..., *at)] += u[(..., *r, *q)]
    return z


def relu(z):
    return np.where(z > 0, z, 0.0)


@st.composite
def activated(draw) -> Case:
    """What conv_relu takes: no result near 0."""
    case = draw(convolution("conv"))
    x, w, _ = case.inputs
    low = oracles.conv(x, w, None, **case.settings)
    biases = draw(generators()).choice([-1.0, 1.0], len(w)) * (np.abs(low).max(initial=0) + 0.5)
    return Case((x, w, biases), case.settings)


@st.composite
def normalised(draw) -> Case:
    """What conv_norm takes: a convolution, statistics, and a residual that leaves none near 0."""
    case = draw(convolution("conv"))
    x, w, b = case.inputs
    rng = draw(generators())
    size = len(w)
    weight, bias = (REAL(rng, (size,)) if draw(st.booleans()) else None for _ in "wb")
    vectors = (REAL(rng, (size,)), rng.uniform(0.5, 2.0, size), weight, bias)
    settings = {"eps": 0.01, "relu": draw(st.booleans())}
    z = conv_norm(x, w, b, *vectors, None, 0.01, False, **case.settings)
    residual = REAL(rng, z.shape) if draw(st.booleans()) else None
    if settings["relu"]:
        residual = np.where(rng.random(z.shape) < 0.5, -1.0, 1.0) * (np.abs(z) + 0.5) - z
    return Case((x, w, b, *vectors, residual), settings | case.settings)


def conv_norm(x, w, b, mean, variance, weight, bias, residual, eps, relu, **settings):
    z = oracles.conv(x, w, b, **settings)
    return norm.running_norm(z, mean, variance, weight, bias, residual, eps, relu)


def torch_conv_norm(torch, x, w, b, mean, variance, weight, bias, residual, eps, relu, **settings):
    z = torch_conv(torch, x, w, b, **settings)
    vectors = (mean, variance, weight, bias)
    return norm.torch_running_norm(torch, z, *vectors, residual, eps, relu)


@st.composite
def onto(draw, ranks: tuple[int, ...] = (1, 2, 3)) -> Case:
    """What conv_dx_onto takes: as conv_dx, and numbers to add to."""
    case = draw(convolution("conv_dx", ranks))
    u, w = case.inputs
    shape = (len(u), w.shape[1] * case.settings["groups"], *case.settings["space"])
    return Case((u, w, REAL(draw(generators()), shape)), case.settings)


def conv_dx_onto(u, w, onto, **settings):
    return onto + oracles.conv_dx(u, w, **settings)


def torch_conv_dx_onto(torch, u, w, onto, **settings):
    return onto + torch_conv_dx(torch, u, w, **settings)


def bias_dx(g):
    return g.sum((0, *range(2, g.ndim)))


ROWS = {
    "bias_dx": Row(convolution("conv").map(lambda case: Case(case.inputs[:1])), bias_dx),
    "conv": Row(convolution("conv"), oracles.conv, torch_conv),
    "conv_relu": Row(
        activated(),
        lambda x, w, b, **settings: relu(oracles.conv(x, w, b, **settings)),
        lambda torch, *inputs, **settings: torch.relu(torch_conv(torch, *inputs, **settings)),
    ),
    "conv_norm": Row(normalised(), conv_norm, torch_conv_norm),
    "conv_dx": Row(convolution("conv_dx"), oracles.conv_dx, torch_conv_dx),
    "conv_dx_onto": Row(onto(), conv_dx_onto, torch_conv_dx_onto),
    "conv_dw": Row(convolution("conv_dw"), oracles.conv_dw, torch_conv_dw),
    "unfold": Row(unfolded(), unfold, view=True),
    "fold": Row(unfolded(back=True), fold),
}
