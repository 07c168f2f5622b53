"""Mixed precision: who computes in which dtype, what stays float32, and the scale of the loss."""

import importlib.util
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.graph import CASTS
from tinygrad_cnn.nn import functional as F

# Without ml_dtypes there is no bfloat16, and the device double has none.
BFLOAT = importlib.util.find_spec("ml_dtypes") and tg.get_default_device().type != "double"
LOWS = [tg.float16, tg.bfloat16] if BFLOAT else [tg.float16]
LOW = st.sampled_from(LOWS)
PRODUCTS = {
    "matmul": lambda x: x @ x,
    "einsum": lambda x: tg.einsum("ij,jk->ik", x, x),
    "linear": lambda x: F.linear(x, x, x[0]),
    "conv2d": lambda x: F.conv2d(x[None, None], x[None, None], x[0, :1]),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x[None, None], x[None, None]),
}
WIDE = {
    "exp": lambda x: x.exp(),
    "sum": lambda x: x.sum(),
    "softmax": lambda x: F.softmax(x, 1),
    "cross_entropy": lambda x: F.cross_entropy(x, tg.arange(3)),
    "mse_loss": lambda x: F.mse_loss(x, x * 2),
    "layer_norm": lambda x: F.layer_norm(x, (3,)),
}
AS_THEY_COME = {
    "add": lambda x: x + x,
    "relu": lambda x: x.relu(),
    "max_pool2d": lambda x: F.max_pool2d(x[None, None], 2),
    "batch_norm": lambda x: nn.BatchNorm1d(3)(x),
    "cat": lambda x: tg.cat([x, x]),
}


def square(dtype=tg.float32):
    """A recorded 3 x 3 matrix."""
    return tg.tensor(np.linspace(-1, 1, 9).reshape(3, 3), dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("name", PRODUCTS)
@given(LOW)
def test_products_are_computed_in_16_bits_and_gradients_arrive_in_float32(name, low):
    x = square()
    with tg.autocast(dtype=low):
        z = PRODUCTS[name](x)
    assert z.dtype == low
    z.sum().backward()
    assert x.grad.dtype == tg.float32
    exact = PRODUCTS[name](square())
    assert np.allclose(host(z.detach().to(tg.float32)), host(exact.detach()), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("name", WIDE)
@given(LOW)
def test_sums_and_losses_are_computed_in_float32(name, low):
    x = square(low)
    with tg.autocast(dtype=low):
        z = WIDE[name](x)
    assert z.dtype == tg.float32
    z.sum().backward()
    assert x.grad.dtype == low


@pytest.mark.parametrize("name", AS_THEY_COME)
@given(LOW, LOW)
def test_everything_else_keeps_its_inputs_dtype(name, low, own):
    with tg.autocast(dtype=low):
        for dtype in (own, tg.float32):
            assert AS_THEY_COME[name](square(dtype)).dtype == dtype


@pytest.mark.parametrize("name", [*PRODUCTS, *WIDE])
def test_float64_and_whole_numbers_stay(name):
    with tg.autocast(dtype=LOWS[-1]):
        assert {**PRODUCTS, **WIDE}[name](square(tg.float64)).dtype == tg.float64
        assert tg.arange(3).sum().dtype == tg.int64
        assert (tg.eye(2, dtype=tg.int64) @ tg.eye(2, dtype=tg.int64)).dtype == tg.int64


@pytest.mark.skipif(not BFLOAT, reason="bfloat16 needs ml_dtypes; the double has none")
def test_the_default_is_bfloat16_and_on_a_gpu_float16():
    with tg.autocast():
        assert (square() @ square()).dtype == tg.bfloat16
    assert tg.autocast("cuda").state[0] == tg.float16


def test_a_context_is_nested_switched_off_and_closed_by_an_error():
    x = square()
    with tg.autocast(dtype=tg.float16):
        with tg.autocast(enabled=False):
            assert (x @ x).dtype == tg.float32
            assert not tg.amp.is_autocast_enabled()
        with tg.autocast("cuda", tg.float16):
            assert (x @ x).dtype == tg.float32, "an autocast for another device leaves this alone"
            assert tg.amp.is_autocast_enabled("cuda")
            assert not tg.amp.is_autocast_enabled("cpu")
        assert (x @ x).dtype == tg.float16
    with pytest.raises(ZeroDivisionError), tg.autocast(dtype=LOWS[0]):
        raise ZeroDivisionError
    assert (x @ x).dtype == tg.float32
    assert not CASTS


def test_a_gate_that_fails_leaves_the_context_as_it_was():
    with tg.autocast(dtype=tg.float16):
        with pytest.raises(RuntimeError, match="matmul"):
            tg.ones(2, 3) @ tg.ones(2, 3)
        assert (tg.ones(2, 2) @ tg.ones(2, 2)).dtype == tg.float16


def test_it_decorates_a_function_each_call_anew():
    @tg.autocast(dtype=tg.float16)
    def product(x):
        return x @ x

    assert product(square()).dtype == tg.float16
    assert product(square()).dtype == tg.float16
    assert (square() @ square()).dtype == tg.float32


def test_a_thread_has_its_own():
    found = []
    with tg.autocast(dtype=tg.float16):
        worker = threading.Thread(target=lambda: found.append((square() @ square()).dtype))
        worker.start()
        worker.join()
    assert found == [tg.float32]


def test_backward_follows_the_forward_pass_and_can_be_differentiated_again():
    x = square()
    with tg.autocast(dtype=LOWS[-1]):
        loss = (x @ x).square().sum()
    (g,) = tg.autograd.grad(loss, [x], create_graph=True)
    assert g.dtype == tg.float32
    g.square().sum().backward()
    assert x.grad.dtype == tg.float32
    exact = square()
    (g,) = tg.autograd.grad((exact @ exact).square().sum(), [exact], create_graph=True)
    g.square().sum().backward()
    assert np.allclose(host(x.grad), host(exact.grad), rtol=0.05, atol=0.3)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_another_dtype_is_refused(dtype):
    with pytest.raises(ValueError, match=f"bfloat16 or float16, got {dtype}"):
        tg.autocast(dtype=dtype)


@pytest.mark.parametrize("low", LOWS, ids=str)
def test_a_network_learns_with_float32_weights(low):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
    model.append(nn.Linear(8 * 4, 2))
    images = tg.randn(32, 1, 4, 4)
    labels = (images.mean((1, 2, 3)) > 0).to(tg.int64)
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = tg.GradScaler(init_scale=1024.0)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        with tg.autocast(dtype=low):
            loss = F.cross_entropy(model(images), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert all(p.dtype == tg.float32 for p in model.parameters())
    assert losses[-1] < losses[0] / 4


def test_float16_products_lose_no_more_than_one_rounding():
    x = tg.randn(64, 64, dtype=tg.float64)
    half = x.to(tg.float16)
    z = host(half @ half).astype(np.float64)
    exact = host(half).astype(np.float64) @ host(half).astype(np.float64)
    assert np.all(np.abs(z - exact) <= 2.0**-11 * np.abs(exact) + 1e-4)


# --- the scaler ----------------------------------------------------------------------------------

EVENTS = st.lists(st.sampled_from(["fine", "inf", "nan"]), min_size=1, max_size=12)


def scaled_steps(library, events, interval):
    """Weights, scales and tracker of a run in which some gradients are inf or nan."""
    w = library.tensor([1.0, 2.0], requires_grad=True)
    optimizer = library.optim.SGD([w], lr=0.125)
    settings = {"init_scale": 8.0, "growth_interval": interval}
    scaler = library.amp.GradScaler("cpu", **settings)
    seen = []
    for event in events:
        optimizer.zero_grad()
        factor = {"fine": 1.0, "inf": float("inf"), "nan": float("nan")}[event]
        scaler.scale((w * library.tensor([1.0, factor])).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append((w.tolist(), scaler.get_scale()))
    return seen, scaler.state_dict()


@given(EVENTS, st.integers(1, 4))
def test_the_scale_moves_as_pytorchs(torch, events, interval):
    assert scaled_steps(tg, events, interval) == scaled_steps(torch, events, interval)


@given(EVENTS, st.integers(1, 4))
def test_a_step_with_bad_gradients_is_skipped_and_halves_the_scale(events, interval):
    seen, state = scaled_steps(tg, events, interval)
    scale, good, weights = 8.0, 0, [1.0, 2.0]
    for event, (found, found_scale) in zip(events, seen, strict=True):
        if event == "fine":
            good += 1
            weights = [w - 0.125 for w in weights]
        else:
            scale, good = scale / 2, 0
        if good == interval:
            scale, good = scale * 2, 0
        assert (found, found_scale) == (weights, scale)
    assert state["_growth_tracker"] == good


@settings(max_examples=20)
@given(EVENTS)
def test_a_saved_scaler_goes_on_where_it_was(events):
    _, state = scaled_steps(tg, events, 3)
    fresh = tg.GradScaler()
    fresh.load_state_dict(state)
    assert fresh.state_dict() == state


def ready():
    """An optimizer whose parameter has a gradient, and a scaler."""
    w = tg.ones(2, requires_grad=True)
    optimizer = tg.optim.SGD([w], lr=1.0)
    scaler = tg.GradScaler(init_scale=4.0)
    scaler.scale(w.sum()).backward()
    return w, optimizer, scaler


def test_gradients_can_be_clipped_between_unscale_and_step():
    w, optimizer, scaler = ready()
    assert w.grad.tolist() == [4.0, 4.0]
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [1.0, 1.0]
    nn.utils.clip_grad_value_([w], 0.5)
    scaler.step(optimizer)
    assert w.tolist() == [0.5, 0.5]


def test_calls_out_of_order_are_refused():
    _, optimizer, scaler = ready()
    with pytest.raises(RuntimeError, match="no gradients were unscaled"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="closure"):
        scaler.step(optimizer, lambda: None)
    scaler.update()
    optimizer.zero_grad()
    with pytest.raises(RuntimeError, match="none of the optimizer's parameters"):
        scaler.step(optimizer)


def test_float16_parameters_are_refused():
    w = tg.ones(2, dtype=tg.float16, requires_grad=True)
    scaler = tg.GradScaler()
    scaler.scale(w.sum()).backward()
    with pytest.raises(ValueError, match="float16 gradients"):
        scaler.unscale_(tg.optim.SGD([w], lr=1.0))


def test_switched_off_it_does_nothing():
    w = tg.ones(2, requires_grad=True)
    optimizer = tg.optim.SGD([w], lr=1.0)
    scaler = tg.GradScaler(enabled=False)
    loss = w.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.0, 0.0]
    assert scaler.get_scale() == 1.0
    assert scaler.state_dict() == {}


@pytest.mark.parametrize(
    "named", [{"init_scale": 0.0}, {"growth_factor": 1.0}, {"backoff_factor": 1.0}]
)
def test_settings_out_of_range_are_refused(named):
    with pytest.raises(ValueError, match="GradScaler needs"):
        tg.GradScaler(**named)
