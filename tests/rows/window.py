"""Convolution and pooling."""

import oracles
from drawing import DIFFERENT, REAL, convolution, places, pooling

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


def torch_max_pool(torch, x, window, stride, padding, dilation, out):
    pool = getattr(torch.nn.functional, f"max_pool{len(stride)}d")
    found = pool(x, window, stride, padding, dilation, ceil_mode=True)
    return found[(slice(None), slice(None), *(slice(q) for q in out))]


ROWS = {
    "conv": Row(convolution("conv"), oracles.conv, torch_conv),
    "conv_dx": Row(convolution("conv_dx"), oracles.conv_dx, torch_conv_dx),
    "conv_dw": Row(convolution("conv_dw"), oracles.conv_dw, torch_conv_dw),
    "max_pool": Row(pooling(DIFFERENT), oracles.max_pool, torch_max_pool),
    "window_sum": Row(pooling(REAL), oracles.window_sum),
    "window_sum_dx": Row(pooling(REAL, back=True), oracles.window_sum_dx),
    "unpool": Row(places(back=True), oracles.unpool),
    "pick": Row(places(), oracles.pick),
}
