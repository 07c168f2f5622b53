"""Schedules: against PyTorch step by step, resumed anywhere, and what they refuse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import io, optim
from tinygrad_cnn.optim import SGD, Adam, lr_scheduler

STEPS = 20
SCHEDULES = {
    "lambda": ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}),
    "lambdas": ("LambdaLR", {"lr_lambda": [lambda t: 0.9**t, lambda t: 1 / (1 + t)]}),
    "step": ("StepLR", {"step_size": 3}),
    "step by half": ("StepLR", {"step_size": 7, "gamma": 0.5}),
    "cosine": ("CosineAnnealingLR", {"T_max": 20}),
    "cosine up again": ("CosineAnnealingLR", {"T_max": 6, "eta_min": 0.01}),
    "cycle": ("OneCycleLR", {"max_lr": 0.3, "total_steps": 20}),
    "cycle of epochs": ("OneCycleLR", {"max_lr": 0.3, "epochs": 5, "steps_per_epoch": 4}),
    "cycle in lines": (
        "OneCycleLR",
        {"max_lr": [0.3, 0.2], "total_steps": 20, "anneal_strategy": "linear", "div_factor": 10.0},
    ),
    "cycle of three": (
        "OneCycleLR",
        {"max_lr": 0.3, "total_steps": 23, "three_phase": True, "final_div_factor": 100.0},
    ),
    "cycle, no momentum": (
        "OneCycleLR",
        {"max_lr": 0.3, "total_steps": 20, "cycle_momentum": False, "pct_start": 0.0},
    ),
    "cycle, momenta": (
        "OneCycleLR",
        {"max_lr": 0.3, "total_steps": 20, "base_momentum": 0.5, "max_momentum": [0.9, 0.8]},
    ),
}


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


def optimizer_of(kind, tensor, optim):
    groups = [{"params": [tensor([1.0])]}, {"params": [tensor([2.0])], "lr": 0.05}]
    if kind == "sgd":
        return optim.SGD(groups, lr=0.1, momentum=0.9)
    return optim.Adam(groups, lr=0.1)


def ours(kind="sgd"):
    return optimizer_of(kind, lambda x: tg.tensor(x, requires_grad=True), optim)


def rates(optimizer):
    """All that a schedule sets: the rate and the momentum of each group."""
    return [
        number
        for group in optimizer.param_groups
        for number in (group["lr"], group.get("momentum"), *group.get("betas", ()))
        if number is not None
    ]


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_steps_as_torch(schedule, kind):
    torch = pytest.importorskip("torch")
    name, options = schedule
    optimizer = ours(kind)
    twin = optimizer_of(kind, lambda x: torch.tensor(x, requires_grad=True), torch.optim)
    ours_now = getattr(lr_scheduler, name)(optimizer, **options)
    theirs_now = getattr(torch.optim.lr_scheduler, name)(twin, **options)
    assert rates(optimizer) == pytest.approx(rates(twin), rel=1e-12, abs=1e-15)
    for _ in range(STEPS):
        twin.step()
        ours_now.step()
        theirs_now.step()
        assert rates(optimizer) == pytest.approx(rates(twin), rel=1e-12, abs=1e-15)
        assert ours_now.get_last_lr() == pytest.approx(theirs_now.get_last_lr(), rel=1e-12)
        assert ours_now.last_epoch == theirs_now.last_epoch


@given(done=st.integers(0, STEPS - 1))
@settings(max_examples=5)
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_loaded_state_goes_on_bit_by_bit(name, done, tmp_path_factory):
    cls, options = SCHEDULES[name]
    optimizer, twin = ours(), ours()
    one = getattr(lr_scheduler, cls)(optimizer, **options)
    for _ in range(done):
        one.step()
    path = tmp_path_factory.mktemp("state") / "state"
    io.save([optimizer.state_dict(), one.state_dict()], path)
    two = getattr(lr_scheduler, cls)(twin, **options)
    for part, state in zip((twin, two), io.load(path), strict=True):
        part.load_state_dict(state)
    assert rates(optimizer) == rates(twin)
    while one.last_epoch < STEPS:
        one.step()
        two.step()
        assert rates(optimizer) == rates(twin)


def test_last_epoch_goes_on(schedule):
    name, options = schedule
    optimizer = ours()
    one = getattr(lr_scheduler, name)(optimizer, **options)
    for _ in range(8):
        one.step()
    before = rates(optimizer)
    again = getattr(lr_scheduler, name)(optimizer, last_epoch=7, **options)
    assert again.last_epoch == 8
    assert rates(optimizer) == before


@given(
    total=st.integers(1, 300),
    share=st.floats(0, 1),
    three=st.booleans(),
    shape=st.sampled_from(["cos", "linear"]),
)
def test_a_cycle_stays_between_its_ends(total, share, three, shape):
    optimizer = SGD([tg.zeros(1)], momentum=0.9)
    cycle = lr_scheduler.OneCycleLR(
        optimizer, 1.0, total, pct_start=share, three_phase=three, anneal_strategy=shape
    )
    for _ in range(total - 1):
        cycle.step()
        [group] = optimizer.param_groups
        assert group["min_lr"] - 1e-9 <= group["lr"] <= group["max_lr"] + 1e-9
        assert group["base_momentum"] - 1e-9 <= group["momentum"] <= group["max_momentum"] + 1e-9


def test_a_cycle_ends():
    cycle = lr_scheduler.OneCycleLR(ours(), 0.1, total_steps=3)
    for _ in range(3):
        cycle.step()
    with pytest.raises(ValueError, match="step 4 of a cycle of 3"):
        cycle.step()


def test_what_is_refused():
    optimizer = ours()
    with pytest.raises(ValueError, match="total_steps"):
        lr_scheduler.OneCycleLR(optimizer, 0.1)
    with pytest.raises(ValueError, match="total_steps=0"):
        lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=0)
    with pytest.raises(ValueError, match=r"pct_start.*1\.5"):
        lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3, pct_start=1.5)
    with pytest.raises(ValueError, match=r"'cos' or 'linear'.*'log'"):
        lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3, anneal_strategy="log")
    with pytest.raises(ValueError, match="max_lr has 3 entries for 2"):
        lr_scheduler.OneCycleLR(optimizer, [0.1] * 3, total_steps=3)
    with pytest.raises(ValueError, match="lr_lambda has 1 entries for 2"):
        lr_scheduler.LambdaLR(optimizer, [lambda t: 1.0])
    with pytest.raises(ValueError, match=r"step_size.*0"):
        lr_scheduler.StepLR(optimizer, 0)
    with pytest.raises(ValueError, match=r"T_max.*0"):
        lr_scheduler.CosineAnnealingLR(optimizer, 0)
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(Adam([tg.zeros(1)]), 3, last_epoch=5)


def test_a_cycle_needs_a_momentum():
    class Plain(optim.Optimizer):
        pass

    plain = Plain([tg.zeros(1)], {"lr": 0.1})
    with pytest.raises(ValueError, match="Plain"):
        lr_scheduler.OneCycleLR(plain, 0.1, total_steps=3)
    lr_scheduler.OneCycleLR(plain, 0.1, total_steps=3, cycle_momentum=False)
