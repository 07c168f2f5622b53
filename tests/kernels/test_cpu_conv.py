"""Which kernel serves which convolution, and what is left to the bodies."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import report
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to choose from")
from tinygrad_cnn.kernels import cpu_columns, cpu_conv, cpu_depthwise, cpu_narrow, cpu_tile

SETTINGS = {"stride": (1, 1), "padding": (2, 2), "dilation": (1, 1), "groups": 1}


@pytest.mark.parametrize(
    "x, w, groups, dtype, kernels",
    [
        ((8, 3, 8, 8), (16, 3, 3, 3), 1, "float32", cpu_columns),
        ((1, 3, 8, 8), (16, 3, 3, 3), 1, "float32", cpu_tile),
        ((8, 3, 8, 8), (17, 3, 3, 3), 1, "float32", cpu_tile),
        ((8, 3, 32, 32), (16, 3, 3, 3), 1, "float32", cpu_tile),
        ((8, 1, 32, 32), (6, 1, 5, 5), 1, "float32", cpu_columns),
        ((8, 16, 8, 8), (16, 16, 3, 3), 1, "float32", cpu_tile),
        ((8, 16, 5, 5), (120, 16, 5, 5), 1, "float32", cpu_columns),
        ((8, 17, 5, 5), (120, 17, 5, 5), 1, "float32", cpu_tile),
        ((2, 3, 8, 8), (6, 3, 3, 3), 1, "float64", cpu_narrow),
        ((2, 32, 8, 8), (32, 32, 3, 3), 1, "float64", cpu_narrow),
        ((2, 4, 8, 8), (4, 2, 3, 3), 2, "float32", cpu_tile),
        ((2, 4, 8, 8), (4, 1, 3, 3), 4, "float32", cpu_depthwise),
        ((2, 4, 8, 8), (8, 1, 3, 3), 4, "float32", cpu_tile),
        ((2, 4, 8, 8), (4, 2, 3, 3), 2, "float64", None),
        ((2, 3, 8), (6, 3, 3), 1, "float32", cpu_tile),
        ((2, 3, 5, 5, 5), (6, 3, 3, 3, 3), 1, "float32", cpu_tile),
        ((2, 3, 5, 5, 5), (6, 3, 3, 3, 3), 1, "float64", None),
        ((2, 3, 8, 8), (6, 3, 3, 3), 1, "float16", None),
        ((2, 3, 8, 8), (6, 2, 3, 3), 1, "float32", None),
        ((2, 3, 2, 8), (6, 3, 3, 3), 1, "float32", None),
        ((2, 3, 2, 2, 2, 2), (6, 3, 1, 1, 1, 1), 1, "float32", None),
    ],
)
def test_the_rules(x, w, groups, dtype, kernels):
    settings = [(s,) * (len(x) - 2) for s in (1, 0, 1)]
    raws = [np.empty(0, dtype)] * 2
    assert cpu_conv.kernels_for(x, w, settings, groups, *raws) is kernels


@pytest.mark.parametrize(
    "n, channels, kernels", [(8, 7, "cpu_columns"), (8, 8, "cpu_tile"), (1, 7, "cpu_tile")]
)
def test_a_gradient_of_few_channels_is_made_with_the_batch_innermost(
    n, channels, kernels, monkeypatch
):
    module = getattr(cpu_conv, kernels)
    monkeypatch.setattr(module, "conv_dx", lambda *inputs, **settings: kernels)
    u, w = np.ones((n, 32, 10, 10), "f4"), np.ones((32, channels, 3, 3), "f4")
    assert cpu_conv.conv_dx(u, w, space=(8, 8), **SETTINGS) == kernels


@pytest.mark.parametrize(
    "x_shape, w_shape, dtype, groups",
    [
        ((2, 4, 6, 6), (4, 2, 3, 3), "float64", 2),
        ((2, 3, 6), (4, 3, 3), "float64", 1),
        ((1, 2, 3, 3, 3, 3), (3, 2, 2, 2, 2, 2), "float32", 1),
    ],
    ids=["groups", "one axis", "four axes"],
)
def test_what_is_not_covered_is_computed_by_the_body(x_shape, w_shape, dtype, groups):
    rank = len(x_shape) - 2
    axes = {"stride": (1,) * rank, "padding": (0,) * rank, "dilation": (1,) * rank}
    settings = {**axes, "groups": groups}
    rng = np.random.default_rng(0)
    x = rng.standard_normal(x_shape).astype(dtype)
    w = rng.standard_normal(w_shape).astype(dtype)
    assert cpu_conv.conv(x, w, None, **settings) is NotImplemented
    u = conv(x, w, None, **settings)
    gates = {
        "conv_dx": lambda: conv_dx(u, w, space=x.shape[2:], **settings),
        "conv_dw": lambda: conv_dw(u, x, window=w.shape[2:], **settings),
    }
    assert np.array_equal(u, conv.gate.body(x, w, None, **settings))
    for name, run in gates.items():
        before = report().get(name)
        run()
        after = report()[name]
        assert after.calls == (before.calls if before else 0)
        assert after.fallbacks == (before.fallbacks if before else 0) + 1


@pytest.mark.parametrize("channels", [3, 16])
def test_shapes_that_do_not_fit_are_left_to_the_body(channels):
    x, w = np.ones((2, channels, 6, 6), "f4"), np.ones((4, channels, 3, 3), "f4")
    u = np.ones((2, 4, 8, 8), "f4")
    assert cpu_conv.conv(x, w[:, :2], None, **SETTINGS) is NotImplemented
    assert cpu_conv.conv(x, w, np.ones(5, "f4"), **SETTINGS) is NotImplemented
    assert cpu_conv.conv(x, w, np.ones(4), **SETTINGS) is NotImplemented
    assert cpu_conv.conv_dx(u[:, :3], w, space=(6, 6), **SETTINGS) is NotImplemented
    assert cpu_conv.conv_dx(u, w, space=(7, 6), **SETTINGS) is NotImplemented
    assert cpu_conv.conv_dw(u, x, window=(2, 2), **SETTINGS) is NotImplemented
    assert cpu_conv.conv_dw(u[:1], x, window=(3, 3), **SETTINGS) is NotImplemented


def test_a_network_keeps_its_layout_and_owns_its_arrays():
    """Rows go through convolutions and what stands between them, and are written in place."""
    x = tg.randn(2, 16, 6, 6, requires_grad=True)
    w = tg.randn(16, 16, 3, 3, requires_grad=True)
    z = conv(conv(x, w, None, **SETTINGS).relu(), w, None, **SETTINGS)
    before = report().conversions  # x came in planes
    again = conv(z.relu(), w, None, **SETTINGS)
    assert report().conversions == before
    again.sum().backward(retain_graph=True)
    assert z.raw.base is None
    assert z.raw.transpose(0, 2, 3, 1).flags.c_contiguous
    z.sum().backward()
    assert x.grad.raw.base is None
    assert w.grad.raw.flags.c_contiguous
