"""Functions that move numbers: what they return, and what they say of wrong arguments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_cnn as tg

ARRAYS = hnp.arrays(
    "float64",
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=4),
    elements=st.floats(-9, 9),
)


def graph(a):
    """A leaf of these numbers."""
    return tg.tensor(a, requires_grad=True)


def test_view_shares_memory_or_says_why_not():
    x = tg.arange(6).float().reshape(2, 3)
    assert np.shares_memory(x.view(3, 2).raw, x.raw)
    assert np.shares_memory(x[1:].view(3).raw, x.raw)
    assert x.view(-1).shape == (6,)
    assert tg.zeros(0, 3).view(3, 0).shape == (3, 0)
    with pytest.raises(RuntimeError, match=r"view: shape \(3, 2\) .*without a copy; use reshape"):
        x.T.view(6)
    assert x.T.reshape(6).tolist() == [0, 3, 1, 4, 2, 5]


@given(ARRAYS, st.data())
def test_axes_move_as_in_numpy(a, data):
    x = graph(a)
    axis = st.integers(-a.ndim, a.ndim - 1)
    i, j = data.draw(axis), data.draw(axis)
    assert np.array_equal(x.transpose(i, j).raw, a.swapaxes(i, j))
    assert np.array_equal(x.movedim(i, j).raw, np.moveaxis(a, i, j))
    assert np.array_equal(x.unsqueeze(i).raw, np.expand_dims(a, i))
    assert np.array_equal(x.T.raw, a.T)
    assert np.array_equal(x.flip(i).raw, np.flip(a, i))
    assert x.flatten().shape == (a.size,)
    assert x.squeeze().shape == a.squeeze().shape


@given(ARRAYS, st.data())
def test_cutting_and_joining_undo_each_other(a, data):
    x = graph(a)
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    size = data.draw(st.integers(1, 5))
    for parts in (x.split(size, axis), x.chunk(size, axis)):
        assert np.array_equal(tg.cat(parts, axis).raw, a)
    assert np.array_equal(tg.stack(x.unbind(axis), axis).raw, a)
    assert all(part.shape[axis] <= size for part in x.split(size, axis))
    assert len(x.chunk(size, axis)) <= size


@given(ARRAYS, st.data())
def test_indexing_is_numpys_and_sends_gradients_back(a, data):
    key = data.draw(
        st.one_of(
            hnp.basic_indices(a.shape, allow_newaxis=True),
            hnp.integer_array_indices(a.shape),
            hnp.arrays(bool, a.shape),
        )
    )
    x = graph(a)
    z = x[key]
    assert np.array_equal(z.raw, a[key])
    z.sum().backward()
    times = np.zeros(a.shape)
    np.add.at(times, key, 1.0)
    assert np.array_equal(x.grad.raw, times)


def test_keys_of_tensors_and_lists():
    x = tg.arange(12).reshape(3, 4)
    assert x[tg.tensor([0, 2])].tolist() == x[[0, 2]].tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert x[x > 9].tolist() == [10, 11]
    assert x[tg.tensor(1), -1].item() == 7
    x[x > 9] = 0
    assert x.sum().item() == 45


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda x: x[1.5], IndexError, "cannot be indexed by 1.5"),
        (lambda x: x[tg.tensor([0.5])], IndexError, "whole numbers or a mask, got float32"),
        (lambda x: x[7], IndexError, "out of bounds"),
        (lambda x: x.transpose(0, 2), IndexError, "dim 2 is out of range for a tensor of 2 axes"),
        (lambda x: x.flatten(1, 0), RuntimeError, "start_dim 1 lies behind end_dim 0"),
        (lambda x: x.split(0), RuntimeError, "at least 1, got 0"),
        (lambda x: x.split([1, 5]), RuntimeError, r"sizes \[1, 5\] do not add up to 2"),
        (lambda x: x.chunk(0), RuntimeError, "at least 1 piece, got 0"),
        (lambda x: x.reshape(4, 2), ValueError, "cannot reshape"),
    ],
)
def test_wrong_arguments(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(tg.ones(2, 3))


def test_gather_reads_along_one_axis():
    x = graph(np.arange(6.0).reshape(2, 3))
    z = x.gather(1, tg.tensor([[2, 0], [1, 1]]))
    assert z.tolist() == [[2.0, 0.0], [4.0, 4.0]]
    z.sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]]
