"""What the tests of schedules need: an optimiser of two groups, and all that a schedule sets."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import optim


def optimizer_of(kind, tensor, optim):
    groups = [{"params": [tensor([1.0])]}, {"params": [tensor([2.0])], "lr": 0.05}]
    if kind == "sgd":
        return optim.SGD(groups, lr=0.1, momentum=0.9)
    return optim.Adam(groups, lr=0.1)


@pytest.fixture(scope="session")
def ours():
    """A function: an optimiser of ours."""
    return lambda kind="sgd": optimizer_of(kind, lambda x: tg.tensor(x, requires_grad=True), optim)


@pytest.fixture(scope="session")
def theirs():
    """A function: PyTorch's twin of it."""
    torch = pytest.importorskip("torch", reason="PyTorch is an extra oracle: install torch")
    return lambda kind="sgd": optimizer_of(
        kind, lambda x: torch.tensor(x, requires_grad=True), torch.optim
    )


@pytest.fixture(scope="session")
def rates():
    """A function: all that a schedule sets, the rate and the momentum of each group."""

    def of(optimizer):
        return [
            number
            for group in optimizer.param_groups
            for number in (group["lr"], group.get("momentum"), *group.get("betas", ()))
            if number is not None
        ]

    return of
