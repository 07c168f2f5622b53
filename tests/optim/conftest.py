"""What several tests of optimisers need."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg

SHAPES = ((3, 2), (4,), (), (2, 1, 3))


@pytest.fixture
def numbers():
    """A function: arrays of the test shapes, the same for the same seed."""

    def draw(seed, dtype="float64"):
        rng = np.random.default_rng(seed)
        return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]

    return draw


@pytest.fixture
def parameters(numbers):
    """A function: parameters with these numbers."""

    def make(seed=0, dtype="float64"):
        return [tg.tensor(x, requires_grad=True) for x in numbers(seed, dtype)]

    return make


@pytest.fixture
def give_gradients(numbers):
    """A function: gives Tensors of ours the gradients of step t; the second one had none at t=0."""

    def give(params, t):
        for i, (p, g) in enumerate(zip(params, numbers(100 + t, p_dtype(params)), strict=True)):
            p.grad = None if (i, t) == (1, 0) else tg.tensor(g)

    return give


def p_dtype(params):
    return params[0].dtype.name


@pytest.fixture
def like_torch(numbers, parameters, give_gradients):
    """A function: runs both libraries for 50 steps and compares parameters at each, to 1e-12.

    The single numbers in PyTorch's states have its default dtype: float64 meanwhile.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is an extra oracle: install torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)

    def compare(ours, theirs, steps=50):
        params = parameters()
        twins = [torch.nn.Parameter(torch.tensor(x)) for x in numbers(0)]
        optimizer = ours(params)
        twin = theirs(torch, twins)
        for t in range(steps):
            give_gradients(params, t)
            for p, q in zip(params, twins, strict=True):
                q.grad = None if p.grad is None else torch.tensor(host(p.grad))
            optimizer.step()
            twin.step()
            for p, q in zip(params, twins, strict=True):
                np.testing.assert_allclose(host(p), q.detach().numpy(), rtol=1e-12, atol=1e-12)
        return optimizer, twin

    yield compare
    torch.set_default_dtype(before)
