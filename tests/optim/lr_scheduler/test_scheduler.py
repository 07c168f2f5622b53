"""All schedules: against PyTorch step by step, resumed anywhere, and what they refuse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import io
from tinygrad_cnn.optim import Adam, lr_scheduler

STEPS = 20
SCHEDULES = {
    "lambda": ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}),
    "lambdas": ("LambdaLR", {"lr_lambda": [lambda t: 0.9**t, lambda t: 1 / (1 + t)]}),
    "step": ("StepLR", {"step_size": 3}),
    "step by half": ("StepLR", {"step_size": 7, "gamma": 0.5}),
    "cosine": ("CosineAnnealingLR", {"T_max": 20}),
    "cosine up again": ("CosineAnnealingLR", {"T_max": 6, "eta_min": 0.01}),
    "exponential": ("ExponentialLR", {"gamma": 0.9}),
    "milestones": ("MultiStepLR", {"milestones": [12, 3, 3, 8], "gamma": 0.5}),
    "milestone at 0": ("MultiStepLR", {"milestones": [0, 30]}),
    "line": ("LinearLR", {}),
    "line down": ("LinearLR", {"start_factor": 0.9, "end_factor": 0.0, "total_iters": 12}),
    "polynomial": ("PolynomialLR", {}),
    "square": ("PolynomialLR", {"total_iters": 15, "power": 2.0}),
    "constant": ("ConstantLR", {}),
    "constant by half": ("ConstantLR", {"factor": 0.5, "total_iters": 9}),
    "restarts": ("CosineAnnealingWarmRestarts", {"T_0": 6, "eta_min": 0.01}),
    "longer restarts": ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 3}),
    "triangles": ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.4, "step_size_up": 3}),
    "halved triangles": (
        "CyclicLR",
        {
            "base_lr": [0.1, 0.2],
            "max_lr": [0.4, 0.6],
            "step_size_up": 3,
            "step_size_down": 5,
            "mode": "triangular2",
            "base_momentum": 0.5,
            "max_momentum": [0.7, 0.9],
        },
    ),
    "falling triangles": (
        "CyclicLR",
        {
            "base_lr": 0.1,
            "max_lr": 0.4,
            "step_size_up": 4,
            "mode": "exp_range",
            "gamma": 0.9,
            "cycle_momentum": False,
        },
    ),
    "scaled by cycle": (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.4, "step_size_up": 3, "scale_fn": lambda n: 1 / n},
    ),
    "scaled by step": (
        "CyclicLR",
        {
            "base_lr": 0.1,
            "max_lr": 0.4,
            "step_size_up": 3,
            "scale_fn": lambda n: 0.8**n,
            "scale_mode": "iterations",
        },
    ),
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


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_steps_as_torch(torch, schedule, ours, theirs, rates, kind):
    name, options = schedule
    optimizer = ours(kind)
    twin = theirs(kind)
    ours_now = getattr(lr_scheduler, name)(optimizer, **options)
    theirs_now = getattr(torch.optim.lr_scheduler, name)(twin, **options)
    assert rates(optimizer) == pytest.approx(rates(twin), rel=1e-12, abs=1e-15)
    for _ in range(STEPS):
        twin.step()
        ours_now.step()
        theirs_now.step()
        assert rates(optimizer) == pytest.approx(rates(twin), rel=1e-12, abs=1e-15)
        assert ours_now.get_last_lr() == pytest.approx(
            theirs_now.get_last_lr(), rel=1e-12, abs=1e-15
        )
        assert ours_now.last_epoch == theirs_now.last_epoch


@given(done=st.integers(0, STEPS - 1))
@settings(max_examples=5)
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_loaded_state_goes_on_bit_by_bit(name, done, ours, rates, tmp_path_factory):
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


def test_last_epoch_goes_on(schedule, ours, rates):
    name, options = schedule
    optimizer = ours()
    one = getattr(lr_scheduler, name)(optimizer, **options)
    for _ in range(8):
        one.step()
    before = rates(optimizer)
    again = getattr(lr_scheduler, name)(optimizer, last_epoch=7, **options)
    assert again.last_epoch == 8
    assert rates(optimizer) == before


CHAINABLE = [
    ("StepLR", {"step_size": 3}),
    ("MultiStepLR", {"milestones": [4, 9]}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("LinearLR", {"total_iters": 8}),
    ("PolynomialLR", {"total_iters": 15, "power": 2.0}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 6}),
    ("CosineAnnealingLR", {"T_max": 30, "eta_min": 0.001}),
]


@pytest.mark.parametrize("name, options", CHAINABLE)
@pytest.mark.parametrize("other, others", CHAINABLE)
def test_two_at_once_and_a_change_by_hand_as_torch(
    torch, ours, theirs, rates, name, options, other, others
):
    one, two = ours(), theirs()
    pairs = [(one, lr_scheduler), (two, torch.optim.lr_scheduler)]
    schedules = [
        [getattr(module, name)(optimizer, **options), getattr(module, other)(optimizer, **others)]
        for optimizer, module in pairs
    ]
    for t in range(STEPS):
        two.step()
        for (optimizer, _), both in zip(pairs, schedules, strict=True):
            if t == 5:
                optimizer.param_groups[0]["lr"] *= 0.5
            for schedule in both:
                schedule.step()
        assert rates(one) == pytest.approx(rates(two), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("StepLR", {"step_size": 0}, r"step_size.*0"),
        ("LinearLR", {"start_factor": 0.0}, r"start_factor within \(0, 1\].*0\.0"),
        ("LinearLR", {"start_factor": 1.5}, r"start_factor.*1\.5"),
        ("LinearLR", {"end_factor": -0.5}, r"end_factor.*-0\.5"),
        ("LinearLR", {"total_iters": 0}, r"total_iters.*0"),
        ("PolynomialLR", {"total_iters": 0}, r"total_iters.*0"),
        ("ConstantLR", {"factor": 2.0}, r"factor within \[0, 1\].*2\.0"),
        ("LambdaLR", {"lr_lambda": [abs]}, "lr_lambda has 1 entries for 2"),
    ],
)
def test_settings_out_of_range(ours, name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(lr_scheduler, name)(ours(), **options)


def test_what_is_no_optimizer_is_refused(schedule):
    name, options = schedule
    with pytest.raises(TypeError, match=r"takes an Optimizer.*got list"):
        getattr(lr_scheduler, name)([], **options)


def test_going_on_needs_initial_rates():
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(Adam([tg.zeros(1)]), 3, last_epoch=5)


def test_constant_zero_comes_back(ours, rates):
    """Where PyTorch divides by zero."""
    optimizer = ours()
    schedule = lr_scheduler.ConstantLR(optimizer, factor=0.0, total_iters=2)
    assert schedule.get_last_lr() == [0.0, 0.0]
    schedule.step()
    schedule.step()
    assert schedule.get_last_lr() == [0.1, 0.05]
