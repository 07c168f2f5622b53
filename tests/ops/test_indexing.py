"""Indexing: keys of every kind as in PyTorch, read and written, and their gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import host
from torch_calls import check_call

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad

KEYS = """
0; -1; 2; -3; (0, 1); (0, 1, 2); (0, 1, 2, 0); (1, 3); slice(1); slice(-5, 9); slice(2, 1)
(slice(None), 1); (..., 0); (..., 0, 1); (0, ..., 1); (0, 1, 2, ...); ...; (); None; (None, 0)
(0, None); (..., None); (slice(None, None, 2), slice(None, None, 3)); slice(None, None, -1)
slice(0, 5, 0); slice(1.0, 2); [0, 1]; [1]; []; [-1, 0, -1]; [2]; [-3]; ([0, 1], [0, 1])
([0, 1], [0, 1, 2]); ([[0], [1]], [0, 1, 2]); (0, [1, 2]); ([0, 1], 0); ([0, 1], slice(1, 3))
(slice(None), [0, 2]); (slice(None), [0, 2], [1, 3]); (0, slice(None), [1, 2])
([0, 1], slice(None), [1, 2]); ([0, 1], slice(None), 3); (..., [0, 1]); ([0], ..., [1])
(slice(None), [0], ..., [1]); ([0], None, [1]); (None, [0, 1]); (0, [1, 2], None)
(0, None, [1, 2]); ([1], 0, [2]); (slice(None), 0, [2, 2]); (0, 1, [2, 2]); (0, ..., [1, 2])
([[0, 1], [1, 0]],); (range(2),); ((0, 1),); (slice(None), range(3)); [0, 1, 1, 0, 0]; long(1)
long(-1); long(5); long([0, 1]); long([[0, 1], [1, 1]]); (long(0), slice(None), [1, 2])
(long(1), long(2)); (long([1]), 2); (slice(long(0), long(1)),); long([]); j[:, :2] // 2
i.int() // 2; (slice(None), i); (slice(None), i, 1); (1, i); (..., i)
(slice(None), i[:, None], j); (slice(None), b); (0, b); (slice(None), b, 0); (0, b, slice(1)); b
(..., b); [True, False]; (slice(None), [True, False, True]); x > 5; (0, m > 20); (x > 5, None)
(x[..., 0] > 0, 1); (slice(None), m > 14); (b[:2], [0]); ([0], b); b[:2]; (b[:2], b)
(b[:2], slice(None), i); x > 99; True; False; (True, 0); (0, True); (True, [0, 1])
tg.tensor(True); (0, tg.tensor(False)); 1.5; s; v; (0, 1.5);
i.to(tg.int8) * 0.5
"""


def keys() -> list[str]:
    """The keys of the table, as text."""
    return KEYS.strip().replace("\n", "; ").split("; ")


@pytest.mark.parametrize("key", keys())
def test_keys_read_what_they_read_in_pytorch(key, torch):
    check_call(f"x[{key}]", torch)


@pytest.mark.parametrize("key", keys())
@pytest.mark.parametrize("value", ["-1.5", "s", "m[0, 0]"])
def test_keys_write_where_they_write_in_pytorch(key, value, torch):
    check_call(f"x[{key}] := {value}", torch)


CALLS = """
s[0]; s[...]; s[None]; s[True]; s[()]; s[tg.tensor(False)]; v[b]; e[:, 1]; e[0]; e[[]]
e[long([])]; b[i]; i[i // 2]; m[m > 10][::2]; j[0][b]; v[1:][0]; m[1, [0, 1]]; x[1][:, 2][-1]
v[v > 0]; s[...] := 1.0; s[()] := s * 2; s[True] := 3; v[b] := 0; v[b] := m[0, :2]; v[b] := v
v[b] := v[:1]; x[0] := v; x[0] := m; x[0] := m[0]; x[0] := x[:1]; x[0] := x[:1, None]; x[0] := x
x[:, 0] := m[0] * 2; x[:, 0] := x[:, 1]; x[[0, 1]] := m; x[[0, 1]] := x[None] * 2
x[..., [0, 1]] := x[..., 2:] * 2; x[..., [0, 1]] := x; x[0, :, [1, 2]] := m[:, :2]
x[0, :, [1, 2]] := m[:2, :3]; x[x > 3] := x[x > 3] * 2; x[x > 3] := v; j[0] := 1.75
j[0] := long([5, 6, 7]); j[0] := v; j[j > 0] := -1; b[0] := 2; x[0] := [1, 2]
x[0] := [1, 2, 3, 4]; x[0] := 'a'; x[0] := None; x[9] := 1; x[[9]] := 1; x[::-1] := 1; x[1.5] := 1
x[0, 0, 0, 0] := 1; x[long(1), long(2)] := m[0]; x[b] := 1; e[0] := 1; e[:] := 1; x[()] := 0
m[i] := 5; m[i, i] := v[:2]; x[:, i] := m[:2]; x[0][1] := 7
"""


@pytest.mark.parametrize("call", CALLS.strip().replace("\n", "; ").split("; "))
def test_calls_return_and_raise_what_they_do_in_pytorch(call, torch):
    check_call(call, torch)


ARRAYS = hnp.arrays(
    "float64",
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=4),
    elements=st.floats(-9, 9),
)


@given(ARRAYS, st.data())
def test_indexing_is_numpys_and_sends_gradients_back(a, data):
    key = data.draw(
        st.one_of(
            hnp.basic_indices(a.shape, allow_newaxis=True),
            hnp.integer_array_indices(a.shape),
            hnp.arrays(bool, a.shape),
        )
    )
    parts = key if isinstance(key, tuple) else (key,)
    x = tg.tensor(a, requires_grad=True)
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
        with pytest.raises(ValueError, match="flip"):
            x[key]
        return
    z = x[key]
    assert np.array_equal(host(z), a[key])
    z.sum().backward()
    times = np.zeros(a.shape)
    np.add.at(times, key, 1.0)
    assert np.array_equal(host(x.grad), times)


@given(ARRAYS, st.data())
def test_what_was_written_is_read_again(a, data):
    key = data.draw(st.one_of(hnp.integer_array_indices(a.shape), hnp.arrays(bool, a.shape)))
    x = tg.tensor(a)
    x[key] = 0.5
    a[key] = 0.5
    assert np.array_equal(host(x), a)


def test_a_place_named_twice_gets_both_gradients_to_second_order():
    x = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64, requires_grad=True)
    z = (x[[0, 0, 2]] ** 3).sum()
    (g,) = grad(z, x, create_graph=True)
    assert g.tolist() == [6.0, 0.0, 27.0]
    (again,) = grad((g * g).sum(), x)
    assert again.tolist() == [144.0, 0.0, 972.0]


def test_writing_to_a_graph_is_refused():
    x = tg.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="write under no_grad"):
        x[0] = 1.0
    with pytest.raises(RuntimeError, match="makes a new tensor"):
        (x * 2)[0] = 1.0
    with pytest.raises(RuntimeError, match="lose a gradient"):
        tg.zeros(3)[:] = x
    with tg.no_grad():
        x[[0, 2]] = 5.0
    assert x.tolist() == [5.0, 1.0, 5.0]


def test_a_write_through_a_key_of_arrays_is_seen_by_a_graph():
    x, y = tg.ones(3, requires_grad=True), tg.ones(2, 3)
    z = (x * y).sum()
    y[1, [0, 2]] = 5.0
    with pytest.raises(RuntimeError, match="was modified by an in-place operation"):
        z.backward()


def test_read_only_memory_cannot_be_written():
    with pytest.raises(RuntimeError, match="clone"):
        tg.ones(1).expand(3)[0] = 1.0


def test_the_device_double_reads_and_writes_by_keys(double):
    there = tg.arange(24, device="cpu").reshape(2, 3, 4)
    for key in ((0, slice(None), [1, 2]), ([1, 0], ..., 2), (slice(1), [True, False, True]), -1):
        x = tg.Tensor(double.asarray(there.numpy()))
        assert np.array_equal(host(x[key]), there[key].numpy())
        x[key] = 7
        copy = there.clone()
        copy[key] = 7
        assert np.array_equal(host(x), copy.numpy())
    place = tg.Tensor(double.asarray(np.array(1)))
    x[place, :, [0, 1]] = 9
    assert double.asnumpy(x[place, :, [0, 1]].raw).tolist() == [[9, 9]] * 3


@pytest.mark.parametrize(
    "key, error, sentence",
    [
        (1.5, IndexError, "cannot be indexed by 1.5"),
        (tg.tensor([0.5]), IndexError, "whole numbers or a mask, got float32"),
        (tg.tensor([1], dtype=tg.uint8), IndexError, "got uint8; cast it with .long"),
        (7, IndexError, r"index 7 is out of range for axis 0 of size 2 in .* \(2, 3\)"),
        ((slice(None), -4), IndexError, "index -4 is out of range for axis 1 of size 3"),
        ((..., 3), IndexError, "index 3 is out of range for axis 1 of size 3"),
        ((0, 0, 0), IndexError, r"a key for 3 axes is too long .* \(2, 3\)"),
        ([[0, 5]], IndexError, "index 5 is out of range for axis 0 of size 2"),
        (tg.ones(3, dtype="bool"), IndexError, r"a mask of shape \(3,\) does not fit .* \(2,\)"),
        (([0, 1], [0, 1, 2]), IndexError, r"shapes \[\(2,\), \(3,\)\]; these must broadcast"),
        ((..., ...), IndexError, "one Ellipsis at most, got 2"),
        (slice(None, None, -1), ValueError, "at least 1, got .*flip"),
        (slice(0.5), TypeError, "bounds and the step of a slice are whole numbers"),
        ([[0], [0, 1]], IndexError, "rows of equal length"),
    ],
)
def test_sentences_show_key_and_shape(key, error, sentence):
    x = tg.ones(2, 3)
    with pytest.raises(error, match=sentence):
        x[key]
    with pytest.raises(error, match=sentence):
        x[key] = 0.0


@pytest.mark.parametrize(
    "key, value, error, sentence",
    [
        (0, [1, 2, 3], TypeError, "a number or a tensor, got list; tg.tensor"),
        (0, tg.ones(2), RuntimeError, r"shape \(2,\) does not broadcast to .* of shape \(3,\)"),
        ([0, 1, 1], tg.ones(2), RuntimeError, r"shape \(2,\) does not .* of shape \(3, 3\)"),
    ],
)
def test_sentences_show_the_value(key, value, error, sentence):
    with pytest.raises(error, match=sentence):
        tg.ones(2, 3)[key] = value
