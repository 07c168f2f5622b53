"""Schedules made of schedules: against PyTorch, nested, resumed, and what they refuse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_cnn import io
from tinygrad_cnn.optim import lr_scheduler

STEPS = 20


def warm_up(lr, optimizer):
    parts = [lr.LinearLR(optimizer, 0.1, total_iters=4), lr.CosineAnnealingLR(optimizer, 12, 1e-3)]
    return lr.SequentialLR(optimizer, parts, [5])


def three(lr, optimizer):
    parts = [
        lr.ConstantLR(optimizer, 0.5, 10),
        lr.ExponentialLR(optimizer, 0.9),
        lr.StepLR(optimizer, 2, 0.5),
    ]
    return lr.SequentialLR(optimizer, parts, milestones=[3, 11])


def restarts(lr, optimizer):
    parts = [
        lr.LambdaLR(optimizer, lambda t: 1 / (t + 1)),
        lr.CosineAnnealingWarmRestarts(optimizer, 3, 2),
    ]
    return lr.SequentialLR(optimizer, parts, [4])


def none_of_the_first(lr, optimizer):
    parts = [lr.LinearLR(optimizer), lr.ExponentialLR(optimizer, 0.5)]
    return lr.SequentialLR(optimizer, parts, [0])


def chain(lr, optimizer):
    parts = [lr.ConstantLR(optimizer, 0.1, 3), lr.ExponentialLR(optimizer, 0.9)]
    return lr.ChainedScheduler(parts, optimizer)


def chain_of_three(lr, optimizer):
    parts = [
        lr.LinearLR(optimizer, total_iters=7),
        lr.MultiStepLR(optimizer, [4, 12]),
        lr.PolynomialLR(optimizer, 18),
    ]
    return lr.ChainedScheduler(parts)


LIKE_TORCH = [
    warm_up,
    three,
    restarts,
    none_of_the_first,
    chain,
    chain_of_three,
]


# PyTorch takes these too, but does not start the inner schedule at its first step.


def chain_in_a_sequence(lr, optimizer):
    first = lr.LinearLR(optimizer, total_iters=3)
    return lr.SequentialLR(optimizer, [first, chain(lr, optimizer)], [4])


def sequence_in_a_sequence(lr, optimizer):
    first = lr.LinearLR(optimizer, total_iters=3)
    return lr.SequentialLR(optimizer, [first, three(lr, optimizer)], [4])


NESTED = [chain_in_a_sequence, sequence_in_a_sequence]


@pytest.mark.parametrize("make", LIKE_TORCH)
def test_steps_as_torch(torch, ours, theirs, rates, make):
    one, two = ours(), theirs()
    schedule, twin = make(lr_scheduler, one), make(torch.optim.lr_scheduler, two)
    assert rates(one) == pytest.approx(rates(two), rel=1e-12)
    for _ in range(STEPS):
        two.step()
        schedule.step()
        twin.step()
        assert rates(one) == pytest.approx(rates(two), rel=1e-12, abs=1e-15)
        assert schedule.get_last_lr() == pytest.approx(twin.get_last_lr(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("make", "inner"), [(chain_in_a_sequence, chain), (sequence_in_a_sequence, three)]
)
def test_nested_schedules_go_as_alone_from_their_milestone_on(ours, rates, make, inner):
    one, alone = ours(), ours()
    both = make(lr_scheduler, one)
    for _ in range(4):
        both.step()
    other = inner(lr_scheduler, alone)
    for _ in range(STEPS):
        assert rates(one) == pytest.approx(rates(alone), rel=1e-12)
        both.step()
        other.step()


@given(done=st.integers(0, STEPS - 1))
@settings(max_examples=5)
@pytest.mark.parametrize("make", [*LIKE_TORCH, *NESTED])
def test_a_loaded_state_goes_on_bit_by_bit(make, done, ours, rates, tmp_path_factory):
    optimizer, twin = ours(), ours()
    one = make(lr_scheduler, optimizer)
    for _ in range(done):
        one.step()
    path = tmp_path_factory.mktemp("state") / "state"
    io.save([optimizer.state_dict(), one.state_dict()], path)
    two = make(lr_scheduler, twin)
    parts = list(two.schedulers)
    for part, state in zip((twin, two), io.load(path), strict=True):
        part.load_state_dict(state)
    assert two.schedulers == parts
    assert rates(optimizer) == rates(twin)
    for _ in range(done, STEPS):
        one.step()
        two.step()
        assert rates(optimizer) == rates(twin)
        assert one.last_epoch == two.last_epoch


@given(done=st.integers(0, STEPS))
def test_a_sequence_goes_on_from_its_last_epoch(done, ours, rates):
    one, two = ours(), ours()
    schedule = warm_up(lr_scheduler, one)
    for _ in range(done):
        schedule.step()
    parts = [lr_scheduler.LinearLR(two, 0.1, total_iters=4)]
    parts.append(lr_scheduler.CosineAnnealingLR(two, 12, 1e-3))
    again = lr_scheduler.SequentialLR(two, parts, [5], last_epoch=done - 1)
    assert again.last_epoch == schedule.last_epoch == done
    assert rates(one) == rates(two)


@pytest.mark.parametrize("name", ["SequentialLR", "ChainedScheduler"])
def test_parts_that_are_refused(ours, name):
    optimizer = ours()
    step = lr_scheduler.StepLR(optimizer, 3)

    def make(*parts):
        if name == "ChainedScheduler":
            return lr_scheduler.ChainedScheduler(parts, optimizer)
        return lr_scheduler.SequentialLR(optimizer, parts, list(range(1, len(parts))))

    with pytest.raises(ValueError, match=f"{name} needs at least one schedule"):
        make()
    with pytest.raises(TypeError, match=f"{name} takes schedules, got 7 at 1"):
        make(step, 7)
    with pytest.raises(ValueError, match="ReduceLROnPlateau, got one at 1"):
        make(step, lr_scheduler.ReduceLROnPlateau(optimizer))
    with pytest.raises(ValueError, match="a StepLR of another at 1"):
        make(step, lr_scheduler.StepLR(ours(), 3))
    with pytest.raises(ValueError, match=r"state has 1 schedules, this .* has 2"):
        make(step, step).load_state_dict(make(step).state_dict())


def test_milestones_that_are_refused(ours):
    optimizer = ours()
    with pytest.raises(ValueError, match="got 2 milestones for 1 schedules"):
        lr_scheduler.SequentialLR(optimizer, [lr_scheduler.StepLR(optimizer, 3)], [1, 2])
