"""Clipping of gradients: PyTorch's numbers, in place, without reading from a device."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.nn import utils

SHAPES = [(3, 2), (4,), (), (2, 0)]
ORDERS = st.sampled_from([1, 2.0, 3.0, math.inf])


def gradients(seed=0):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)) for shape in SHAPES[:3]]


def parameters(make, dtype=None):
    """Parameters of a library with gradients, and one without."""
    found = [make(np.ones(g.shape)).requires_grad_() for g in gradients()]
    for p, g in zip(found, gradients(), strict=True):
        p.grad = make(g)
    return [*found, make(np.ones(2)).requires_grad_()]


@given(ORDERS, st.sampled_from([0.1, 1.0, 100.0]))
def test_norms_are_clipped_as_torchs(torch, order, most):
    ours, theirs = parameters(tg.tensor), parameters(torch.tensor)
    total = utils.clip_grad_norm_(ours, most, order)
    twin = torch.nn.utils.clip_grad_norm_(theirs, most, order)
    agree("PyTorch", total.raw, twin.numpy(), 1e-12)
    for p, q in zip(ours[:-1], theirs[:-1], strict=True):
        agree("PyTorch", p.grad.raw, q.grad.numpy(), 1e-12)
    clipped = utils.get_total_norm([p.grad for p in ours[:-1]], order)
    assert clipped.item() <= most


@given(st.sampled_from([0.1, 1.0, 100.0]))
def test_values_are_clipped(most):
    ours = parameters(tg.tensor)
    held = ours[0].grad
    utils.clip_grad_value_(ours, most)
    assert ours[0].grad is held
    for p, g in zip(ours[:-1], gradients(), strict=True):
        assert np.array_equal(host(p.grad), g.clip(-most, most))


def test_a_single_tensor_will_do():
    p = parameters(tg.tensor)[0]
    assert utils.clip_grad_norm_(p, 0.5).shape == ()
    assert utils.get_total_norm(p.grad).item() == pytest.approx(0.5, rel=1e-5)
    utils.clip_grad_value_(p, 0.1)
    assert abs(host(p.grad)).max() <= 0.1


def test_nothing_has_norm_zero():
    assert utils.clip_grad_norm_([tg.ones(2, requires_grad=True)], 1.0).item() == 0
    assert utils.get_total_norm([]).item() == 0


def test_gradients_keep_dtype_and_memory():
    p = tg.ones(3, requires_grad=True)
    (p * 3).sum().backward()
    raw = p.grad.raw
    total = utils.clip_grad_norm_([p], 1.0)
    assert total.dtype == p.grad.dtype == "float32"
    assert p.grad.raw is raw


def test_gradients_on_the_graph_are_clipped_too():
    p = tg.ones(3, requires_grad=True)
    (p * p).sum().backward(create_graph=True)
    utils.clip_grad_norm_([p], 1.0)
    assert p.grad.norm().item() == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_norms_that_are_not_finite(wrong):
    p = tg.ones(2, requires_grad=True)
    p.grad = tg.tensor([1.0, wrong])
    with pytest.raises(RuntimeError, match=f"order 2.0 of these gradients is {wrong}"):
        utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert p.grad[0].item() == 1
    utils.clip_grad_norm_([p], 1.0)


def test_a_device_is_not_waited_for(double):
    p = tg.ones(2, 3, device="double", requires_grad=True)
    (p * p).sum().backward()
    with double.counting_syncs() as seen:
        utils.clip_grad_norm_([p], 1.0)
        utils.clip_grad_value_([p], 0.1)
    assert seen == []
