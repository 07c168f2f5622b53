"""Random tensors: what PyTorch makes of the arguments, and what the numbers are like."""

import numpy as np
import pytest
from calls import check
from oracles import host

import tinygrad_cnn as tg

MADE = """\
T.rand(2, 3).shape
T.rand(size=(2, 3)).shape
T.rand(2, dtype=T.int64)
T.randn(2, dtype=T.int64)
T.randn(2, -1)
T.randn(2, dtype=T.float64).dtype
T.randint(5, (2,)).dtype
T.randint(5, (2, 3)).shape
T.randint(0, 0, (2,))
T.randint(5, 2, (2,))
T.randint(0, 5, 2)
T.randint(0, 5, (2,), dtype=T.float32).dtype
T.randint(high=5, low=4, size=(2,))
T.randperm(-1)
T.randperm(3, dtype=T.int32).dtype
T.rand_like(x).shape
T.rand_like(i)
T.randn_like(i, dtype=T.float64).dtype
T.randint_like(x, 5).dtype
T.randint_like(x, 4, 5)
T.bernoulli(T.tensor([0.0, 1.0]))
T.bernoulli(T.tensor([0.0, 1.5]))
T.bernoulli(T.tensor([0, 1]))
T.bernoulli(T.ones(3), 0.0)
T.normal(T.zeros(2), T.ones(2)).dtype
T.normal(0.0, T.ones(2)).shape
T.normal(T.zeros(2)).shape
T.normal(T.zeros(2), 1.0).shape
T.normal(0.0, 1.0, (2, 3)).shape
T.normal(0.0, 1.0, size=(2, 3)).dtype
T.normal(0, 1, (2,)).dtype
T.normal(0.0, -1.0, (2, 3))
T.normal(T.zeros(2), -T.ones(2))
T.normal(T.zeros(2), T.ones(3))
T.normal(T.zeros(2, 1), T.ones(3)).shape
T.normal(0.0, 1.0)
T.normal(T.zeros(2, dtype=T.int64), 1.0)
T.normal(3.0, 0.0, (2,))
T.multinomial(T.tensor([1.0, 2.0]), 3)
T.multinomial(T.tensor([1.0, 2.0]), 3, True).dtype
T.multinomial(T.tensor([[0.0, 2.0], [3.0, 0.0]]), 1)
T.multinomial(T.tensor([[0.0, 2.0], [3.0, 0.0]]), 2, replacement=True)
T.multinomial(T.tensor([-1.0, 2.0]), 1)
T.multinomial(T.tensor([0.0, 0.0]), 1)
T.multinomial(T.tensor([float("nan"), 1.0]), 1)
T.multinomial(T.tensor([1, 2]), 1)
T.multinomial(T.tensor([[[1.0]]]), 1)
T.multinomial(T.tensor([1.0, 2.0]), 0)
x.uniform_(2, 1)
x.uniform_(1, 1)
i.uniform_()
i.normal_()
x.normal_(0, -1)
x.normal_(3, 0)
x.bernoulli_(2)
x.bernoulli_(1.0)
i.bernoulli_(1.0)
x.bernoulli_(T.zeros(2, 2))
x.bernoulli_(T.zeros(2, 1, 2))
x.uniform_("a")
x.random_(3, 1)
x.random_(1)
x.random_(2, 3)
i.random_(3).dtype
b.random_(1)
leaf.uniform_()"""


@pytest.mark.parametrize("line", MADE.splitlines())
def test_random_tensors_are_made_as_pytorch_makes_them(torch, line):
    check(torch, line)


def moments(x):
    """Mean and standard deviation."""
    return x.double().mean().item(), x.double().std().item()


def test_random_numbers_are_what_they_are_called():
    tg.manual_seed(0)
    n = 100_000
    assert moments(tg.rand(n)) == pytest.approx((0.5, 12**-0.5), abs=0.01)
    assert moments(tg.randn(n)) == pytest.approx((0.0, 1.0), abs=0.02)
    assert moments(tg.normal(3.0, 2.0, (n,))) == pytest.approx((3.0, 2.0), abs=0.04)
    assert moments(tg.zeros(n).uniform_(1, 3)) == pytest.approx((2.0, 2 * 12**-0.5), abs=0.02)
    assert moments(tg.zeros(n).normal_(1, 3)) == pytest.approx((1.0, 3.0), abs=0.06)
    assert tg.bernoulli(tg.full((n,), 0.3)).mean().item() == pytest.approx(0.3, abs=0.01)
    assert sorted(tg.randperm(10).tolist()) == list(range(10))
    assert set(tg.randint(3, (1000,)).tolist()) == {0, 1, 2}
    weights = tg.tensor([1.0, 0.0, 3.0])
    drawn = tg.multinomial(weights, n, replacement=True)
    assert drawn.bincount(minlength=3).div(n).tolist() == pytest.approx([0.25, 0, 0.75], abs=0.01)
    first = [tg.multinomial(weights, 2)[0].item() for _ in range(2000)]
    assert first.count(2) / 2000 == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_numbers_stay_below_one(dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
        if tg.get_default_device().type == "double":
            pytest.skip("the double has no bfloat16")
    x = tg.rand(20_000, dtype=dtype)
    assert str(x.dtype) == dtype
    assert x.min().item() >= 0 and x.max().item() < 1
    if dtype == "float64":
        assert not np.array_equal(host(x), host(x).astype(np.float32))


def test_random_tensors_are_leaves_and_stand_outside_the_graph():
    assert tg.randn(2, requires_grad=True).is_leaf
    assert tg.normal(0.0, 1.0, (2,), requires_grad=True).is_leaf
    mean = tg.zeros(2, requires_grad=True)
    assert not tg.normal(mean, 1.0).requires_grad
    assert not tg.bernoulli(tg.ones(2, requires_grad=True)).requires_grad
    with tg.no_grad():
        assert mean.normal_() is mean
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        mean.normal_()
