"""Joining and cutting: calls as in PyTorch, and that they undo each other."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import host
from torch_calls import check_call

import tinygrad_cnn as tg

ARRAYS = hnp.arrays(
    "float64",
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
    elements=st.floats(-9, 9),
)

CALLS = """
tg.cat([x, x]); tg.cat([x, x[:, :2]], 1); tg.cat((x, x), dim=-1); tg.cat([x, x[:, :2]])
tg.cat([]); tg.cat(x); tg.cat([x, 1.0]); tg.cat([x, v]); tg.cat([s, s]); tg.cat([x, s])
tg.cat([x, x], 3); tg.cat([x, x], -4); tg.cat([e, m[:, :3]]); tg.cat([x, tg.ones(0)])
tg.cat([tg.ones(0), x], 2); tg.cat([tg.ones(0), x], 3); tg.cat([tg.ones(0), tg.ones(0)])
tg.cat([tg.ones(0), long([1])]); tg.cat([x, x.float()]); tg.cat([v, i]); tg.cat([i, b])
tg.cat([v.half(), i]); tg.cat(tensors=[v, v]); tg.cat([v, x[0, 0], v]); tg.concat([v, v])
tg.concatenate([m, m], 1); tg.cat([x]); tg.stack([x, x]); tg.stack([v, v], 1)
tg.stack([v, v], -1); tg.stack([x, v]); tg.stack([x, x], 4); tg.stack([s, s]); tg.stack([])
tg.stack([v, i[[0, 1, 0]]]); tg.stack([e, e], 2); tg.stack([v, 1.0]); tg.stack(v)
tg.hstack([s, s]); tg.hstack([v, s]); tg.hstack([m, m]); tg.hstack([x, x]); tg.hstack([])
tg.hstack([m, v]); tg.vstack([v, v]); tg.vstack([s, s]); tg.vstack([m, m[0]]); tg.vstack([x, x])
tg.vstack([]); tg.vstack([m, v]); x.split(1); x.split(2, 1); x.split(5, 1); x.split([1, 2], 1)
x.split([1, 1], 1); x.split([-1, 3]); x.split([3, -1]); x.split(0); x.split(-1); x.split(1, 3)
x.split(1.5); s.split(1); e.split(0); e.split(2); x.split([0, 2]); tg.split(x, 2, -1)
x.split((), 0); x.chunk(2); x.chunk(2, 1); x.chunk(9, 1); x.chunk(3, -1); x.chunk(0)
x.chunk(2, 3); s.chunk(1); e.chunk(3); tg.chunk(x, 2, 2); x.unbind(); x.unbind(1); x.unbind(-1)
x.unbind(3); s.unbind(); e.unbind(); e.unbind(1); tg.unbind(m, 1); x.tensor_split(2)
x.tensor_split(5); x.tensor_split(2, 1); x.tensor_split([1, 5, -1], 1)
x.tensor_split(long([1, 2]), 1); v.tensor_split(long(2)); x.tensor_split(0); s.tensor_split(1)
x.tensor_split(2, 3); tg.tensor_split(v, (1,)); x.tensor_split([2, 1], 2); x.narrow(1, 0, 2)
x.narrow(1, 0, 5); x.narrow(1, 3, 0); x.narrow(1, 4, 0); x.narrow(1, -1, 1); x.narrow(1, -1, 2)
x.narrow(1, -4, 1); x.narrow(1, 0, -1); x.narrow(1, long(1), 1); s.narrow(0, 0, 1)
x.narrow(3, 0, 1); tg.narrow(x, -1, 1, 2); x.select(1, 2); x.select(1, -1); x.select(1, 3)
x.select(1, -4); x.select(3, 0); s.select(0, 0); tg.select(x, 0, 1); v.select(0, 1)
v.chunk(10**18); x.chunk((2,)); x.chunk("a"); v.split(10**18)
"""


@pytest.mark.parametrize("call", CALLS.strip().replace("\n", "; ").split("; "))
def test_calls_return_and_raise_what_they_do_in_pytorch(call, torch):
    check_call(call, torch)


def test_nobody_waits_for_more_pieces_than_there_is_room_for():
    for cut in (tg.zeros(3).tensor_split, tg.zeros(0).chunk):
        with pytest.raises(RuntimeError, match=r"makes 16777216 pieces at most, got 10{20}"):
            cut(10**20)


@given(ARRAYS, st.data())
def test_cutting_and_joining_undo_each_other(a, data):
    x = tg.tensor(a, requires_grad=True)
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    size = data.draw(st.integers(1, 5))
    for parts in (x.split(size, axis), x.chunk(size, axis), x.tensor_split(size, axis)):
        assert np.array_equal(host(tg.cat(parts, axis)), a)
    if a.shape[axis]:
        assert np.array_equal(host(tg.stack(x.unbind(axis), axis)), a)
    assert all(part.shape[axis] <= size for part in x.split(size, axis))
    assert len(x.chunk(size, axis)) <= size == len(x.tensor_split(size, axis))
    tg.cat(x.split(size, axis), axis).sum().backward()
    assert x.grad.tolist() == np.ones(a.shape).tolist()


@given(st.lists(st.sampled_from(["float32", "float64", "int64", "uint8", "bool"]), min_size=1))
def test_joined_tensors_take_their_common_dtype(dtypes):
    joined = tg.cat([tg.ones(2, dtype=d) for d in dtypes])
    assert (
        joined.dtype
        == functools.reduce(lambda x, y: x + y, [tg.ones(1, dtype=d) for d in dtypes]).dtype
    )


def test_an_empty_tensor_that_adds_nothing_gets_a_gradient_of_nothing():
    x, none = tg.ones(2, 3, requires_grad=True), tg.ones(0, requires_grad=True)
    tg.cat([none, x], 1).sum().backward()
    assert x.grad.tolist() == [[1.0] * 3] * 2
    assert none.grad.shape == (0,)


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda x: tg.cat([]), ValueError, "at least one tensor, got none"),
        (lambda x: tg.cat(x), TypeError, "list or tuple of tensors, got Tensor"),
        (lambda x: tg.cat([x, 1.0]), TypeError, "takes tensors, got float at place 1"),
        (lambda x: tg.cat([x, tg.ones(2, 4)]), RuntimeError, r"got shapes \(2, 3\) and \(2, 4\)"),
        (lambda x: tg.cat([x, tg.ones(2)]), RuntimeError, r"as many axes, got shapes \(2, 3\) and"),
        (lambda x: tg.stack([x, x.T]), RuntimeError, r"one shape, got \(2, 3\) and \(3, 2\)"),
        (lambda x: x.split(0), RuntimeError, "at least 1, got 0"),
        (lambda x: x.split([1, 5]), RuntimeError, r"sizes \[1, 5\] .* add up to 2"),
        (lambda x: x.chunk(0), RuntimeError, "at least 1 piece, got 0"),
        (lambda x: x.narrow(1, 2, 2), RuntimeError, "length 2 from place 2 on .* of size 3"),
        (lambda x: x.select(1, 3), IndexError, "index 3 is out of range for axis 1 of size 3"),
    ],
)
def test_sentences_show_what_was_given(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(tg.ones(2, 3))
