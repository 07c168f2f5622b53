"""What all optimisers share: groups, state, gradients, resuming, and what they refuse."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import io, optim
from tinygrad_cnn.optim import (
    LARS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)

MAKERS = {
    "sgd": lambda params: SGD(params, lr=0.1),
    "momentum": lambda params: SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda params: Adam(params, lr=0.1, weight_decay=0.1),
    "amsgrad": lambda params: AdamW(params, lr=0.1, amsgrad=True),
    "rmsprop": lambda params: RMSprop(params, lr=0.05, momentum=0.5, centered=True, eps=0.1),
    "adagrad": lambda params: Adagrad(params, lr=0.5, initial_accumulator_value=0.1),
    "adadelta": lambda params: Adadelta(params, lr=1.0, eps=0.01),
    "nadam": lambda params: NAdam(params, lr=0.1, weight_decay=0.1),
    "radam": lambda params: RAdam(params, lr=0.1, betas=(0.9, 0.9), decoupled_weight_decay=True),
    "lars": lambda params: LARS(params, lr=1.0, momentum=0.5, trust_coefficient=0.05),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS)
def maker(request):
    return request.param


def run(optimizer, params, give_gradients, steps):
    for t in steps:
        give_gradients(params, t)
        optimizer.step()


# --- the step ---


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(maker, parameters, give_gradients, dtype):
    params = parameters(dtype=dtype)
    optimizer = maker(params)
    run(optimizer, params, give_gradients, range(3))
    assert {p.dtype.name for p in params} == {dtype}
    for state in optimizer.state_dict()["state"].values():
        assert {x.dtype.name for x in state.values() if isinstance(x, tg.Tensor)} <= {dtype}


def test_a_numpy_rate_does_not_widen(maker, parameters, give_gradients):
    params = parameters(dtype="float32")
    twins = parameters(dtype="float32")
    optimizer, twin = maker(params), maker(twins)
    optimizer.param_groups[0]["lr"] = np.float64(twin.param_groups[0]["lr"])
    run(optimizer, params, give_gradients, range(3))
    run(twin, twins, give_gradients, range(3))
    for p, q in zip(params, twins, strict=True):
        np.testing.assert_array_equal(host(p), host(q))


def test_writes_in_place_and_leaves_gradients(maker, parameters, give_gradients):
    params = parameters()
    arrays = [p.raw for p in params]
    give_gradients(params, 1)
    before = [(host(p).copy(), host(p.grad).copy()) for p in params]
    maker(params).step()
    for p, array, (old, grad) in zip(params, arrays, before, strict=True):
        assert p.raw is array
        assert (host(p) != old).all()
        np.testing.assert_array_equal(host(p.grad), grad)
        assert p.requires_grad
        assert p.is_leaf


def test_without_gradient_nothing_happens(maker, parameters):
    params = parameters()
    before = [host(p).copy() for p in params]
    optimizer = maker(params)
    optimizer.step()
    for p, old in zip(params, before, strict=True):
        np.testing.assert_array_equal(host(p), old)
    assert optimizer.state_dict()["state"] == {}


def test_goes_down(maker):
    w = tg.tensor([3.0, -2.0], requires_grad=True)
    optimizer = maker([w])
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


def test_closure_runs_with_gradients(maker):
    w = tg.tensor([3.0], requires_grad=True)

    def closure():
        w.grad = None
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert maker([w]).step(closure).item() == 9.0
    assert w.item() < 3.0


def test_a_live_graph_notices_the_step(maker):
    w = tg.tensor([3.0], requires_grad=True)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    maker([w]).step()
    with pytest.raises(RuntimeError, match=r"mul.*modified"):
        loss.backward()


def test_a_gradient_with_a_graph_is_a_gradient(maker):
    w = tg.tensor([3.0], requires_grad=True)
    (w * w * w).sum().backward(create_graph=True)
    assert w.grad.requires_grad
    optimizer = maker([w])
    optimizer.step()
    assert w.is_leaf
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.item() == 0.0
    assert not w.grad.requires_grad


def test_zero_grad(maker, parameters, give_gradients):
    params = parameters()
    optimizer = maker(params)
    give_gradients(params, 1)
    kept = [p.grad for p in params]
    optimizer.zero_grad(set_to_none=False)
    assert all((host(p.grad) == 0).all() for p in params)
    assert all((host(g) == 0).all() for g in kept)  # in place, as PyTorch
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)


# --- groups ---


def test_groups_have_their_own_settings():
    a, b, c = (tg.tensor([1.0], requires_grad=True) for _ in range(3))
    optimizer = SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.25)
    optimizer.add_param_group({"params": [c], "lr": 0.0})
    for w in (a, b, c):
        w.grad = tg.tensor([1.0])
    optimizer.step()
    assert [w.item() for w in (a, b, c)] == [0.75, 0.5, 1.0]
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5, 0.0]
    assert "lr: 0.5" in repr(optimizer)


def test_parameters_from_a_generator():
    w = tg.tensor([1.0], requires_grad=True)
    assert SGD(w for _ in range(1)).param_groups[0]["params"] == [w]


def test_bad_parameters_are_refused():
    w = tg.tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="empty list"):
        SGD([])
    with pytest.raises(TypeError, match="single Tensor"):
        SGD(w)
    with pytest.raises(TypeError, match="takes Tensors, got str"):
        SGD(["w"])
    with pytest.raises(ValueError, match=r"non-leaf.*mul of shape \(1,\)"):
        SGD([w * 2])
    with pytest.raises(ValueError, match="given twice"):
        SGD([w, w])
    with pytest.raises(ValueError, match="given twice"):
        SGD([{"params": [w]}, {"params": [w]}])
    with pytest.raises(ValueError, match="lr"):
        SGD([w]).add_param_group({"params": [tg.zeros(1)], "lr": -1.0})


@pytest.mark.parametrize("rule", [SGD, Adam, RMSprop, LARS])
def test_settings_are_finite_numbers(rule):
    w = tg.tensor([1.0], requires_grad=True)
    for value in ("0.1", None):
        with pytest.raises(
            TypeError, match=f"{rule.__name__} needs lr to be a number, got {value!r}"
        ):
            rule([w], lr=value)
    for value in (float("inf"), float("nan"), -1.0):
        with pytest.raises(ValueError, match=f"needs lr to be 0 or more and finite, got {value}"):
            rule([w], lr=value)
    assert rule([w], lr=np.float32(0.5)).param_groups[0]["lr"] == 0.5


# --- states ---


def test_a_loaded_state_goes_on_bit_by_bit(maker, parameters, give_gradients, tmp_path):
    params = parameters()
    optimizer = maker(params)
    run(optimizer, params, give_gradients, range(5))
    optimizer.param_groups[0]["lr"] = 0.05
    io.save(optimizer.state_dict(), tmp_path / "optimizer")
    twins = [tg.tensor(host(p), requires_grad=True) for p in params]
    twin = maker(twins)
    twin.load_state_dict(io.load(tmp_path / "optimizer"))
    run(optimizer, params, give_gradients, range(5, 10))
    run(twin, twins, give_gradients, range(5, 10))
    for p, q in zip(params, twins, strict=True):
        np.testing.assert_array_equal(host(p), host(q))
    assert str(twin.state_dict()) == str(optimizer.state_dict())


def test_a_loaded_state_is_a_copy(parameters, give_gradients):
    params = parameters()
    optimizer = SGD(params, momentum=0.9)
    run(optimizer, params, give_gradients, range(2))
    state = optimizer.state_dict()
    before = host(state["state"][0]["momentum_buffer"]).copy()
    twins = parameters()
    twin = SGD(twins, momentum=0.9)
    twin.load_state_dict(state)
    run(twin, twins, give_gradients, range(2, 4))
    np.testing.assert_array_equal(host(state["state"][0]["momentum_buffer"]), before)


def test_numbers_count_through_the_groups(parameters, give_gradients):
    params = parameters()
    optimizer = Adam([{"params": params[:1]}, {"params": params[1:]}])
    give_gradients(params, 1)
    optimizer.step()
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1, 2, 3]]
    assert sorted(state["state"]) == [0, 1, 2, 3]
    assert set(state["state"][2]) == {"step", "exp_avg", "exp_avg_sq"}


def test_states_of_other_shapes_are_refused(parameters):
    params = parameters()
    state = SGD(params[:2]).state_dict()
    with pytest.raises(ValueError, match=r"groups of \[2\].*groups of \[4\]"):
        SGD(params).load_state_dict(state)


@pytest.mark.parametrize(
    "name", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "NAdam", "RAdam"]
)
def test_torchs_states_can_be_loaded(like_torch, parameters, give_gradients, name):
    settings = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    cls = getattr(optim, name)
    ours, theirs = like_torch(
        lambda params: cls(params, lr=0.1, **settings),
        lambda torch, params: getattr(torch.optim, name)(params, lr=0.1, **settings),
        steps=3,
    )
    state = theirs.state_dict()
    as_ours = {
        "param_groups": state["param_groups"],
        "state": {
            number: {k: tg.tensor(v.numpy()) for k, v in entry.items()}
            for number, entry in state["state"].items()
        },
    }
    params = ours.param_groups[0]["params"]
    twins = [tg.tensor(host(p), requires_grad=True) for p in params]
    twin = cls(twins, lr=9.0)
    twin.load_state_dict(as_ours)
    run(ours, params, give_gradients, range(3, 6))
    run(twin, twins, give_gradients, range(3, 6))
    for p, q in zip(params, twins, strict=True):
        np.testing.assert_allclose(host(p), host(q), rtol=1e-12)


def test_a_rule_of_ones_own():
    class SignDescent(Optimizer):
        def update(self, p, g, state, group):
            p.sub_(tg.tensor(g).sign() * group["lr"])

    w = tg.tensor([3.0, -2.0], requires_grad=True)
    w.grad = tg.tensor([7.0, -0.1])
    SignDescent([w], {"lr": 1.0}).step()
    assert w.tolist() == [2.0, -1.0]


def test_a_step_stays_on_the_device(maker, double, parameters, give_gradients):
    """The same numbers as on the CPU, and none of them read by the host on the way."""
    params = parameters()
    twins = [p.detach().to("double").requires_grad_() for p in params]
    optimizer, twin = maker(params), maker(twins)
    for t in range(3):
        give_gradients(params, t)
        for p, q in zip(params, twins, strict=True):
            q.grad = None if p.grad is None else p.grad.to("double")
        optimizer.step()
        with double.counting_syncs() as syncs:
            twin.step()
        assert not syncs
        for p, q in zip(params, twins, strict=True):
            np.testing.assert_array_equal(host(p), host(q.detach().cpu()))
    twin.load_state_dict(optimizer.state_dict())
    for entry in twin.state_dict()["state"].values():
        assert {x.device.type for x in entry.values() if isinstance(x, tg.Tensor)} <= {"double"}
