"""Writing into tensors: PyTorch's results and errors, and what aliases and graphs see."""

import numpy as np
import pytest
from calls import check
from hypothesis import given
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg

WRITES = """\
i += 0.5; i
i /= 2; i
i *= 2; i
i //= 2; i
i %= 2; i
i **= 2; i
b += 1; b
b += b; b
b |= b; b
i &= 1; i
x += T.ones(2, 2, dtype=T.float64); x
x += T.ones(3); x
x += T.ones(3, 2, 2); x
x += "a"; x
x.add_("a")
x.add_(1, alpha=2)
x.add_(x, alpha=2)
i.add_(i, alpha=0.5)
x.sub_(x, alpha=2)
x.mul_(3)
x.div_(2, rounding_mode="floor")
i.div_(2)
i.div_(2, rounding_mode="trunc")
x.pow_(2)
i.pow_(0.5)
x.addcmul_(x, x, value=2)
x.addcdiv_(x, x, value=2)
x.lerp_(x + 1, 0.5)
x.lerp_(x + 1, x)
x.clamp_(2, 3)
x.clamp_(min=2)
x.clamp_(max=T.tensor([1.0, 2.5]))
x.clamp_()
i.clamp_(0.5, 2)
i.sqrt_()
i.neg_()
b.neg_()
i.exp_()
i.relu_()
i.abs_()
x.neg_().relu_()
x.sqrt_()
x.exp_()
x.sigmoid_()
x.tanh_()
x.log_()
x.floor_()
x.reciprocal_()
x.copy_(T.ones(2))
x.copy_(T.ones(3))
x.copy_(i[:2])
x.copy_(3.0)
x.copy_(np.ones(2))
i.copy_(T.tensor([1.7, 2.0, 3.0]))
b.copy_(T.tensor([0.0, 0.5]))
x.fill_("a")
x.fill_(T.tensor(2.0))
x.fill_(T.tensor([2.0, 3.0]))
i.fill_(2.7)
i.fill_(float("nan"))
b.fill_(3)
x.zero_()
x.masked_fill_(x > 2, 0)
x.masked_fill_(x, 0)
i.masked_fill_(i > 1, 2.5)
x.masked_fill_(b, 7)
x.masked_fill_(T.ones(3, dtype=T.bool), 7)
x.masked_fill_(x > 2, T.tensor(9.0))
x.masked_fill_(x > 2, T.tensor([9.0]))
x[5] = 1; x
x[0, 5] = 1; x
x[0] = "a"; x
x[0] = [1, 2]; x
x[0] = T.ones(3); x
x[0] = T.ones(2, 2); x
x[0] = T.ones(1, 2); x
x[0] = T.ones(1, 1, 2); x
i[0] = 2.7; i
i[0] = T.tensor(2.7); i
i[0] = float("nan"); i
T.zeros(2, dtype=T.int8)[0].fill_(300)
x[x > 2] = 0; x
x[x > 2] = T.ones(2); x
x[x > 2] = T.ones(3); x
x[0, 0] = T.tensor([7.0]); x
x[0, 0] = T.tensor([7.0, 8.0]); x
x[0, 0, 0] = 1; x
x[None] = 1; x
x[...] = 1; x
x[1.5] = 1; x
x[T.tensor([0, 1])] = 5.0; x
x[T.tensor([0, 5])] = 5.0; x
e.add_(1)
e += 1; e
e.copy_(x)
e[0] = 1; e
leaf.add_(1)
leaf.zero_()
leaf[0] = 1; leaf
leaf += 1; leaf
leaf.data -= 0.5; leaf
leaf.data.add_(1); leaf
leaf.data = T.ones(3); leaf.shape
leaf.data = T.ones(2, dtype=T.float64); leaf
leaf.data = T.ones(2, dtype=T.int64); leaf
leaf.data = [1.0]; leaf
leaf.data = np.ones(2); leaf
leaf.data = y; leaf.is_leaf"""


def writes():
    """The lines; one names a place that there is not by a tensor."""
    outside = pytest.mark.host("the device's numbers are not read to refuse some")
    marked = "x[T.tensor([0, 5])] = 5.0; x"
    return [pytest.param(w, marks=outside) if w == marked else w for w in WRITES.splitlines()]


@pytest.mark.parametrize("line", writes())
def test_writing_is_pytorchs(torch, line):
    check(torch, line)


ALONE = (
    *("abs", "neg", "square", "exp", "expm1", "log", "log2", "log1p", "sqrt", "rsqrt", "sin"),
    *("cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "sigmoid", "relu", "floor"),
    *("ceil", "trunc", "round", "sign", "reciprocal", "frac", "nan_to_num"),
)


@pytest.mark.parametrize("name", ALONE)
@given(numbers=st.lists(st.floats(-2, 2, width=32), max_size=4))
def test_a_method_writes_what_the_function_returns(name, numbers):
    x = tg.tensor(numbers)
    raw = x.raw
    want = getattr(tg, name)(x)
    assert getattr(x, f"{name}_")() is x
    assert x.raw is raw
    assert np.array_equal(host(x), host(want), equal_nan=True)


def test_optimisers_written_by_hand_keep_their_memory():
    p, m, v = (tg.ones(3, requires_grad=True), tg.zeros(3), tg.zeros(3))
    raw = p.raw
    (p * p).sum().backward()
    with tg.no_grad():
        m.lerp_(p.grad, 0.1)
        v.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
        p.addcdiv_(m, v.sqrt().add_(1e-8), value=-0.01)
        p //= 1
        p **= 2
    assert p.raw is raw
    assert p.requires_grad and p.is_leaf


def test_read_only_memory_is_not_written():
    frozen = np.ones(3)
    frozen.flags.writeable = False
    for write in (lambda x: x.add_(1), lambda x: x.zero_(), lambda x: x.normal_()):
        with pytest.raises(RuntimeError, match=r"clone\(\) it before writing"):
            write(tg.from_numpy(frozen))
    assert frozen.tolist() == [1.0, 1.0, 1.0]


def test_a_failed_write_leaves_everything_as_it_was():
    w = tg.ones(3, requires_grad=True)
    c = tg.ones(3)
    z = (w * c).sum()
    for fail in (lambda: c.copy_(tg.ones(2)), lambda: c.add_(tg.ones(2)), lambda: c.fill_("a")):
        with pytest.raises((RuntimeError, TypeError)):
            fail()
    z.backward()  # c was not written, so the graph is sound
    assert w.grad.tolist() == [1.0, 1.0, 1.0]
    z = (w * c).sum()
    c.copy_(tg.zeros(3))
    with pytest.raises(RuntimeError, match="mul: a tensor needed for its gradient"):
        z.backward()


def test_another_device_is_copied_from():
    assert tg.zeros(2, device="meta").copy_(tg.ones(2)).shape == (2,)


def test_data_takes_the_place_and_keeps_the_graph():
    p = tg.ones(2, requires_grad=True)
    z = (p * p).sum()
    p.data = tg.full((2,), 5.0)
    z.backward()
    assert p.grad.tolist() == [2.0, 2.0]  # of the numbers that were multiplied
    p.data = tg.zeros(3, dtype="float64")
    p.grad = None
    (p * 2).sum().backward()
    assert p.grad.dtype == np.float64 and p.grad.shape == (3,)
