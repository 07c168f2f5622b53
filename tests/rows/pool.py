"""Pooling."""

import numpy as np
import oracles
from drawing import DIFFERENT, REAL, Case, between, places, pooling
from hypothesis import strategies as st

from rows.row import Row
from tinygrad_cnn.ops import pool


def torch_max_pool(torch, x, window, stride, padding, dilation, out):
    pool = getattr(torch.nn.functional, f"max_pool{len(stride)}d")
    found = pool(x, window, stride, padding, dilation, ceil_mode=True)
    return found[(slice(None), slice(None), *(slice(q) for q in out))]


@st.composite
def drawings(draw):
    """What pooling takes, without dilation, of numbers some of which are 0; and a draw's name."""
    case = draw(pooling(between(-1.0, 2.0)))
    settings = {n: value for n, value in case.settings.items() if n != "dilation"}
    name = {"seed": draw(st.integers(0, 9)), "counter": 3}
    return Case((np.maximum(case.inputs[0], 0.0),), settings | name)


def drawn_places(x, window, stride, padding, out, seed, counter):
    """The race of each window, run for itself."""
    bits = np.random.Philox(key=seed, counter=[0, 0, counter, 0])
    draws = np.random.Generator(bits).random((*x.shape[:2], *out, *window), dtype=np.float32)
    z = np.zeros((*x.shape[:2], *out), np.int64)
    for spot in np.ndindex(*z.shape):
        best = -1.0
        for place in np.ndindex(*window):
            geometry = zip(spot[2:], stride, padding, place, strict=True)
            at = tuple(q * s - p + r for q, s, p, r in geometry)
            inside = tuple(min(max(a, 0), n - 1) for a, n in zip(at, x.shape[2:], strict=True))
            speed = 0.0
            if at == inside:
                speed = x[(*spot[:2], *at)] / -np.log(1 - draws[(*spot, *place)])
            if speed > best:
                best = speed
                z[spot] = np.ravel_multi_index(inside, x.shape[2:])
    return z


@st.composite
def means(draw, back=False):
    """What window_mean and window_mean_dx take."""
    case = draw(pooling(REAL, back=back))
    return Case(case.inputs, {**case.settings, "count": draw(st.integers(1, 5))})


def window_mean(x, count, **settings):
    return oracles.window_sum(x, **settings) / count


def window_mean_dx(u, count, **settings):
    return oracles.window_sum_dx(u, **settings) / count


@st.composite
def winners(draw):
    """Numbers for the windows of a pooling, and where the largest number of each was."""
    case = draw(pooling(DIFFERENT))
    settings = dict(case.settings)
    z, indices = pool.max_pool.full(*case.inputs, **settings)
    space = case.inputs[0].shape[2:]
    del settings["out"]
    u = np.random.default_rng(draw(st.integers(0, 9))).standard_normal(z.shape)
    return Case((u, np.asarray(indices)), {"space": space, **settings})


def max_pool_dx(u, indices, space, **settings):
    return oracles.unpool(u, indices, space)


ROWS = {
    "max_pool": Row(pooling(DIFFERENT), oracles.max_pool, torch_max_pool),
    "max_pool_dx": Row(winners(), max_pool_dx),
    "window_sum": Row(pooling(REAL), oracles.window_sum),
    "window_mean": Row(means(), window_mean),
    "window_sum_dx": Row(pooling(REAL, back=True), oracles.window_sum_dx),
    "window_mean_dx": Row(means(back=True), window_mean_dx),
    "unpool": Row(places(back=True), oracles.unpool),
    "pick": Row(places(), oracles.pick),
    "drawn_places": Row(drawings(), drawn_places),
}
