"""Batch norm folded into the layer before it computes what both computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import utils

BOOLS = st.booleans()


def evaluated(bn):
    """A batch norm in float64 with statistics and weights of its own, in evaluation."""
    rng = np.random.default_rng(0)
    for t in bn.double().state_dict().values():
        if t.shape:
            t.copy_(tg.tensor(rng.uniform(0.5, 2.0, t.shape)))
    return bn.eval()


@given(st.integers(1, 3), BOOLS, BOOLS, BOOLS)
def test_convolutions(rank, bias, affine, transpose):
    kind = "ConvTranspose" if transpose else "Conv"
    conv = getattr(nn, f"{kind}{rank}d")(2, 3, 2, bias=bias).double().eval()
    bn = evaluated(getattr(nn, f"BatchNorm{rank}d")(3, affine=affine))
    before = [p.raw.copy() for p in conv.parameters()]
    fused = utils.fuse_conv_bn_eval(conv, bn, transpose)
    x = tg.randn(2, 2, *[3] * rank, dtype="float64")
    agree("both layers", fused(x).detach().raw, bn(conv(x)).detach().raw, 1e-12)
    assert type(fused) is type(conv)
    assert list(fused.state_dict()) == ["weight", "bias"]
    assert fused.weight.requires_grad
    for p, b in zip(conv.parameters(), before, strict=True):
        assert np.array_equal(p.raw, b)


@given(BOOLS, BOOLS)
def test_linear_layers(bias, affine):
    linear = nn.Linear(2, 3, bias=bias).double().eval()
    bn = evaluated(nn.BatchNorm1d(3, affine=affine))
    x = tg.randn(4, 2, dtype="float64")
    fused = utils.fuse_linear_bn_eval(linear, bn)
    agree("both layers", fused(x).detach().raw, bn(linear(x)).detach().raw, 1e-12)


def test_float32_stays():
    conv, bn = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
    assert {p.dtype.name for p in utils.fuse_conv_bn_eval(conv, bn).parameters()} == {"float32"}


@pytest.mark.parametrize(
    ("layer", "bn", "words"),
    [
        (nn.Linear(2, 3), nn.BatchNorm1d(3).eval(), "for evaluation alone"),
        (nn.Linear(2, 3).eval(), nn.BatchNorm1d(3), "for evaluation alone"),
        (nn.Linear(2, 3).eval(), nn.BatchNorm1d(2).eval(), "of 3 outputs .* of 2 features"),
        (
            nn.Linear(2, 3).eval(),
            nn.BatchNorm1d(3, track_running_stats=False).eval(),
            "running statistics",
        ),
    ],
)
def test_what_cannot_be_fused(layer, bn, words):
    with pytest.raises(AssertionError, match=words):
        utils.fuse_linear_bn_eval(layer, bn)
