"""gather, scatter and their relatives: calls as in PyTorch, and which places they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_calls import check_call

import tinygrad_cnn as tg

CALLS = """
x.gather(2, j[None]); m.gather(1, j); m.gather(0, j); m.gather(-1, j[:, :1])
v.gather(0, long([-1])); v.gather(0, long([5])); v.gather(0, j); v.gather(0, v)
v.gather(0, long([0]).int()); v.gather(0, b); v.gather(0, long(1)); s.gather(0, long([0, 0]))
s.gather(0, long(0)); s.gather(0, long([1])); m.gather(0, long([[0, 1, 2, 0, 1]]))
x.gather(3, j[None]); m.gather(0, long([]).reshape(0, 4)); tg.gather(m, 1, j)
m.gather(dim=1, index=j); v.gather(0, long([2, 2, 2, 2])); v.scatter(0, i, 5.0)
v.scatter(0, i, v[:2] * 2); v.scatter(0, i, v.detach()); v.scatter(0, i, v[:1])
v.scatter(0, long([5]), 1.0); v.scatter(0, i, i); v.scatter(0, v, 1.0); v.scatter(0, j, 1.0)
v.scatter(0, i, value=2); v.scatter(0, i, True); s.scatter(0, long(0), 2.0)
s.scatter(0, long([0]), 2.0); m.scatter(1, j[:, :1], m.detach())
m.scatter(0, j[:1], m[:1, :3] * 2); m.scatter(1, j, -1.0); i.scatter(0, long([0]), 1.75)
m.scatter(2, j, 1.0); v.scatter(0, i); tg.scatter(v, 0, i, v[1:]); m.scatter(0, long([[-1]]), 1.0)
v.scatter_add(0, i, v[1:]); v.scatter_add(0, long([1, 1, 1]), v); v.scatter_add(0, long([5]), v)
v.scatter_add(0, i, v.float()); v.scatter_add(0, long([]), v.detach())
m.scatter_add(1, j[:, :2], m.detach()); s.scatter_add(0, long([0, 0]), v[1:])
s.scatter_add(0, long(0), s); tg.scatter_add(m, 0, j, m[:2, :3] * m[1:, :3])
i.scatter_add(0, long([0, 0]), i); x.index_select(1, i); x.index_select(-1, long([3, 3]))
v.index_select(0, long([5])); v.index_select(0, long([-1])); v.index_select(0, j)
v.index_select(0, long(1)); s.index_select(0, long([0])); v.index_select(0, v)
x.index_select(3, i); v.index_select(0, i.int()); v.index_select(0, b)
x.index_select(0, long([])); tg.index_select(m, 0, i); v.index_add(0, i, v[1:])
v.index_add(0, long([1, 1]), v[1:], alpha=2.5); v.index_add(0, long([5]), v[:1])
v.index_add(0, long([-1]), v[:1]); v.index_add(0, long([0]), v)
v.index_add(0, long([0]), v[:1].float()); x.index_add(1, long([0, 0]), x[:, 1:])
x.index_add(1, long([0, 0]), x); x.index_add(1, i, v[:2]); s.index_add(0, long([0]), s)
x.index_add(3, i, x); tg.index_add(m, 0, i, m[1:], alpha=-1); v.take_along_dim(long([2, 0, 0, 1]))
v.take_along_dim(long([-1])); x.take_along_dim(long([5, 1])); x.take_along_dim(long([[[1]]]), 1)
x.take_along_dim(long([1]), 1); m.take_along_dim(j[:1, :1], 0); m.take_along_dim(j[:, :1], 0)
tg.take_along_dim(x, long([[[0]]]), dim=0); x[:1].take_along_dim(long([[[0]], [[1]]]), 2)
x.take_along_dim(long([5, 1]), dim=None); v.masked_select(b); x.masked_select(v > 9)
x.masked_select(m[0] > 13); m.masked_select(m > 14); v.masked_select(i); s.masked_select(b)
v.masked_select(m[:, :1] > 13); tg.masked_select(v, b); v.masked_select(b[:2]); x.nonzero()
s.nonzero(); v.nonzero(); b.nonzero(); e.nonzero(); v.nonzero(as_tuple=True)
s.nonzero(as_tuple=True); x.nonzero(as_tuple=True); tg.nonzero(m > 14); tg.argwhere(v)
s.argwhere(); v.take_along_dim(long([-1, 0]), 0); m.take_along_dim(long([[-1]]), 1)
v.gather(0, [0, 1]); v.take_along_dim([0, 1], 0); v.masked_select([True]); v.index_select(0, [0])
v.index_add(0, i, [1.0, 2.0]); v.scatter(0, i, [1.0, 2.0]); v.scatter_add(0, i, 1.0)
b.index_add(0, long([1]), b[:1], alpha=2); b.index_add(0, long([1]), b[:1], alpha=0)
(s * 0).nonzero(); (s * 0).argwhere(); m[m.nonzero(as_tuple=True)]
"""


@pytest.mark.parametrize("call", CALLS.strip().replace("\n", "; ").split("; "))
def test_calls_return_and_raise_what_they_do_in_pytorch(call, torch):
    check_call(call, torch)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.data())
def test_scattering_undoes_gathering(seed, axis, data):
    rng = np.random.default_rng(seed)
    shape = tuple(data.draw(st.lists(st.integers(0, 4), min_size=3, max_size=3)))
    x = tg.Tensor(rng.standard_normal(shape))
    order = tg.Tensor(np.argsort(rng.random(shape), axis))
    mixed = x.gather(axis, order)
    assert (tg.zeros_like(x).scatter(axis, order, mixed) == x).all()
    assert (tg.zeros_like(x).scatter_add(axis, order, mixed) == x).all()
    assert (x.take_along_dim(order, axis) == mixed).all()


def test_only_what_was_written_gets_a_gradient():
    x, src = (tg.ones(3, requires_grad=True) for _ in "xs")
    places = tg.tensor([2, 0])
    (x.scatter(0, places, src) * tg.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 2.0, 0.0]
    assert src.grad.tolist() == [3.0, 1.0, 0.0]


def test_writing_in_place():
    x = tg.zeros(3)
    same = x.scatter_(0, tg.tensor([2, 0]), 1.0)
    assert same is x
    assert x.scatter_add_(0, tg.tensor([0, 0]), tg.ones(2)).tolist() == [3.0, 0.0, 1.0]
    assert x.index_add_(0, tg.tensor([1]), tg.ones(1)).tolist() == [3.0, 1.0, 1.0]
    assert x is same
    leaf = tg.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="under no_grad"):
        leaf.scatter_(0, tg.tensor([0]), 1.0)


def test_the_device_double_gathers_without_being_asked_for_numbers(double):
    x = tg.Tensor(double.asarray(np.arange(6.0).reshape(2, 3)), requires_grad=True)
    places = tg.Tensor(double.asarray(np.array([[2, 0], [1, 1]])))
    with double.counting_syncs() as seen:
        z = x.gather(1, places) + x.index_select(1, places[0]) + x.scatter(1, places, 0.0)[:, :2]
        z.sum().backward()
    assert seen == []
    assert double.asnumpy(x.grad.raw).tolist() == [[2.0, 1.0, 2.0], [2.0, 2.0, 1.0]]


def test_what_depends_on_numbers_is_an_error_where_there_are_none():
    x = tg.zeros(2, 3, device="meta")
    assert x.gather(1, tg.zeros(2, 1, dtype="int64", device="meta")).shape == (2, 1)
    assert x[True].shape == (1, 2, 3)
    for call in (tg.argwhere, lambda x: x.repeat_interleave(x[0].long(), 1), lambda x: x[x > 0]):
        with pytest.raises(RuntimeError, match="no numbers"):
            call(x)


READ = pytest.mark.host("the device's numbers are not read to refuse some")


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        pytest.param(
            lambda x, i: x.gather(1, i + 5),
            RuntimeError,
            "index 7 is out of range for dim 1 of size",
            marks=READ,
        ),
        pytest.param(
            lambda x, i: x.gather(1, i - 1),
            RuntimeError,
            "index -1 is out of range .* from 0",
            marks=READ,
        ),
        (lambda x, i: x.gather(1, i.float()), RuntimeError, "int64 or int32, got float32"),
        (lambda x, i: x.gather(1, i[0]), RuntimeError, r"as many axes as x, got shapes \(2,\)"),
        (lambda x, i: x.scatter(1, i, x[:1]), RuntimeError, "src is no smaller than index"),
        (lambda x, i: x.scatter(1, i, x.double()), RuntimeError, "float32 and float64"),
        (lambda x, i: x.scatter(1, i), TypeError, "takes src, .* got neither"),
        (lambda x, i: x.index_select(0, i), IndexError, r"one axis, got shape \(2, 2\)"),
        (lambda x, i: x.masked_select(i), RuntimeError, "truth values, got int64"),
        (lambda x, i: x.index_add(1, i[0], x), RuntimeError, r"has shape \(2, 2\), got \(2, 3\)"),
    ],
)
def test_sentences_show_what_was_given(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(tg.ones(2, 3), tg.tensor([[2, 0], [1, 1]]))
