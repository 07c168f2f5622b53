"""Convolution, and windows as columns."""

import math

import numpy as np
import oracles
from drawing import REAL, Case, convolution, generators
from hypothesis import strategies as st

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


ROWS = {
    "conv": Row(convolution("conv"), oracles.conv, torch_conv),
    "conv_dx": Row(convolution("conv_dx"), oracles.conv_dx, torch_conv_dx),
    "conv_dw": Row(convolution("conv_dw"), oracles.conv_dw, torch_conv_dw),
    "unfold": Row(unfolded(), unfold, view=True),
    "fold": Row(unfolded(back=True), fold),
}
