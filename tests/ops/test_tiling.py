"""Repeating, rolling and windows: calls as in PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import host
from torch_calls import check_call

import tinygrad_cnn as tg

CALLS = """
v.repeat(2); v.repeat(2, 2); x.repeat(2); x.repeat(2, 1, 3); x.repeat((2, 2, 1, 1))
x.repeat(2, -1, 1); x.repeat(0, 1, 1); s.repeat(3); s.repeat(2, 2); e.repeat(2, 1); i.repeat(2)
x.repeat(1.5, 1, 1); x.tile(2); x.tile(2, 1); x.tile((2, 2, 1, 1)); x.tile(()); tg.tile(v, (2,))
s.tile(2); v.repeat_interleave(2); x.repeat_interleave(2); x.repeat_interleave(2, 1)
x.repeat_interleave(-1, 1); x.repeat_interleave(3, dim=-1); v.repeat_interleave(long([1, 2, 0]))
v.repeat_interleave(long([1, 2])); x.repeat_interleave(long([0, 2, 1]), 1)
v.repeat_interleave(long([2])); v.repeat_interleave(long(2))
v.repeat_interleave(long([-1, 2, 3])); v.repeat_interleave(long([[1, 2, 0]]))
v.repeat_interleave([1, 2, 0]); v.repeat_interleave(2, output_size=6)
v.repeat_interleave(long([1, 2, 0]), output_size=4); s.repeat_interleave(2)
x.repeat_interleave(2, 3); tg.repeat_interleave(long([1, 2, 0])); e.repeat_interleave(2, 0)
v.repeat_interleave(0); tg.meshgrid(v, s, indexing='ij'); tg.meshgrid(v, x, indexing='ij')
tg.meshgrid(v, m[0], indexing='xy'); tg.meshgrid(v, m[0], v, indexing='xy')
tg.meshgrid(v, indexing='ab'); tg.meshgrid([v, v], indexing='ij'); tg.meshgrid(indexing='ij')
tg.meshgrid(v, i, indexing='ij'); tg.meshgrid(v, indexing='xy'); x.roll(1); x.roll(-1, 0)
x.roll((1, 2), (0, 2)); x.roll((1, 2), (0, 0)); x.roll((1, 2), 0); x.roll((1, 2)); x.roll(1, 3)
x.roll(30, -1); x.roll(1.5, 0); s.roll(1); s.roll(1, 0); e.roll(1, 0)
tg.roll(m, shifts=2, dims=1); i.roll(1); x.unfold(1, 2, 1); x.unfold(2, 2, 2); x.unfold(0, 2, 5)
x.unfold(1, 4, 1); x.unfold(1, 2, 0); x.unfold(1, -1, 1); x.unfold(1, 0, 1); x.unfold(3, 1, 1)
s.unfold(0, 1, 1); s.unfold(0, 2, 1); m.unfold(0, 2, 1).unfold(1, 3, 1); i.unfold(0, 1, 1)
"""


@pytest.mark.parametrize("call", CALLS.strip().replace("\n", "; ").split("; "))
@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_calls_return_and_raise_what_they_do_in_pytorch(call, torch):
    check_call(call, torch)


@given(
    hnp.arrays("float64", hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)),
    st.data(),
)
def test_copies_are_those_of_numpy(a, data):
    x = tg.Tensor(a)
    times = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    counts = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=a.shape[axis], max_size=a.shape[axis])), int
    )
    assert np.array_equal(host(x.tile(*times)), np.tile(a, times), equal_nan=True)
    once = tg.Tensor(counts)
    assert np.array_equal(
        host(x.repeat_interleave(once, axis)), np.repeat(a, counts, axis), equal_nan=True
    )
    if a.shape[axis]:
        size = data.draw(st.integers(1, a.shape[axis]))
        windows = np.lib.stride_tricks.sliding_window_view(a, size, axis)
        assert np.array_equal(host(x.unfold(axis, size, 1)), windows, equal_nan=True)


def test_windows_send_gradients_back_to_every_place_they_show():
    x = tg.ones(5, requires_grad=True)
    x.unfold(0, 3, 1).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 3.0, 2.0, 1.0]


def test_repeats_and_windows_work_without_numbers():
    x = tg.zeros(2, 3, device="meta")
    assert x.repeat(2, 2).shape == (4, 6)
    assert x.unfold(1, 2, 1).shape == (2, 2, 2)
    assert x.repeat_interleave(3, 1).shape == (2, 9)
    assert [z.shape for z in tg.meshgrid(x[0], x[1])] == [(3, 3)] * 2


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda x: x.repeat(2), RuntimeError, r"each axis of shape \(2, 3\), got \(2,\)"),
        (lambda x: x.repeat_interleave(-1), RuntimeError, "at least 0, got -1"),
        (lambda x: x.roll((1, 2), 0), RuntimeError, r"got \(1, 2\) for 0"),
        (lambda x: x.unfold(1, 4, 1), RuntimeError, "size 4 and step 1 do not fit .* of size 3"),
        (lambda x: tg.meshgrid(x), RuntimeError, r"one axis, got shapes \[\(2, 3\)\]"),
    ],
)
def test_sentences_show_what_was_given(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(tg.ones(2, 3))
