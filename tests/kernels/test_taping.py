"""Calls are repeated with other numbers as they were made; how is found by trial."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.kernels import capture, taping
from tinygrad_cnn.kernels.capture import HERE
from tinygrad_cnn.kernels.taping import Again, Calls, Drawn, Made, arrays_in, others, replaced

pytest.importorskip("numba", reason="launches are Numba's machine code")

from tinygrad_cnn.kernels.cpu_pointwise import shared
from tinygrad_cnn.kernels.parallel import arguments


@shared
def double(task, first, last, part):
    x, z = arguments(task)
    for i in range(first, last):
        z[i] = 2 * x[i]


def launched(x):
    """2 x, by machine code alone."""
    z = np.empty_like(x)
    double(x.size, x.size, x, z)
    return z


def between(x):
    """2 (x + 1), of which NumPy adds."""
    return launched(x + 1)


def told(x):
    """2 (x + 1), of which NumPy adds and says so."""
    return launched(capture.noted(np.add, x, 1))


def behind(x):
    """2 x + 1."""
    z = launched(x)
    z += 1
    return z


def into(x, z):
    """2 x added to z, which is written over."""
    z += launched(x)
    return z


def recorded(f, *args):
    """What f returns, and its call written down."""
    calls = Calls()
    HERE.calls = calls
    capture.HOLDING.append(calls.hold)
    try:
        return calls.call(f, *args), calls
    finally:
        HERE.calls = None
        capture.HOLDING.clear()


def kinds(calls):
    """Of each part whether it is a launch or what function is called again."""
    return [part.f if isinstance(part, Again) else "launch" for part in calls.parts]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (launched, ["launch"]),
        (between, [between]),
        (told, [np.add, "launch"]),
        (behind, [behind]),
        (np.sin, [np.sin]),
        (lambda x: (launched(x), {"again": [launched(x)]}), ["launch"] * 2),
    ],
)
@given(st.lists(st.floats(-4, 4, width=32), min_size=2, max_size=9, unique=True))
def test_a_call_is_repeated_on_other_numbers(f, expected, numbers):
    x = np.array(numbers, np.float32)
    before = x.copy()
    result, calls = recorded(f, x)
    assert kinds(calls) == expected
    np.testing.assert_array_equal(x, before)
    for a, b in zip(arrays_in(result), arrays_in(f(x)), strict=True):
        np.testing.assert_array_equal(a, b)
    x[:] = x[::-1] - 3
    for part in calls.finish():
        part()
    for a, b in zip(arrays_in(result), arrays_in(f(x)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_written_in_place_is_written_once_at_each_repetition():
    x, z = np.ones(3, np.float32), np.zeros(3, np.float32)
    result, calls = recorded(into, x, z)
    assert result is z
    assert z.tolist() == [2, 2, 2]
    for part in calls.finish():
        part()
    assert z.tolist() == [4, 4, 4]


def test_a_write_that_changes_nothing_is_repeated_all_the_same():
    x, z = np.ones(3, np.float32), np.ones(3, np.float32)

    def put(z, x):
        z[...] = x

    _, calls = recorded(put, z, x)
    x[:] = 5
    for part in calls.finish():
        part()
    assert z.tolist() == [5, 5, 5]


def test_views_cost_nothing():
    x = np.arange(6.0)
    result, calls = recorded(lambda x: (x.reshape(2, 3), x[::2]), x)
    assert calls.parts == []
    x[0] = 9
    assert result[0][0, 0] == result[1][0] == 9


def test_one_number_that_stands_for_many_can_be_written_by_a_repetition():
    x = np.ones(1)
    result, calls = recorded(lambda x: np.broadcast_to(x + 1, (4,)), x)
    x[0] = 4
    for part in calls.finish():
        part()
    assert result.tolist() == [5] * 4


def test_arrays_beside_the_items_of_a_tuple_are_found():
    class Pair(tuple):
        bits = None

    pair = Pair((np.zeros(1), np.zeros(2)))
    pair.bits = np.zeros(3)
    assert [a.size for a in arrays_in([pair, {"x": pair[0]}])] == [1, 2, 3]


def test_a_draw_is_named_anew_at_each_repetition():
    counter = [1]
    x = np.zeros(2)
    name = Drawn(1, lambda: counter[0])
    result, calls = recorded(lambda x, how: x + how["counter"], x, {"counter": name})
    counter[0] = 7
    for part in calls.finish():
        part()
    assert result.tolist() == [7, 7]


def test_a_result_of_another_shape_is_refused():
    x = np.array([1.0, 0.0, 2.0])
    _, calls = recorded(lambda x: x[x > 0], x)
    x[:] = 1
    with pytest.raises(RuntimeError, match=r"changed its shape .* from \(2,\) to \(3,\)"):
        calls.finish()[0]()


def test_memory_of_one_call_serves_the_next_but_not_where_it_was_returned():
    calls = Calls()
    taken = []

    def work(x):
        taken.append(calls.room(8))
        return x + 1

    def kept(x):
        taken.append(calls.room(8))
        return taken[-1]

    for f in (work, kept, work, work):
        calls.call(f, np.zeros(8))
    bases = [taping.root(a) for a in taken if a is not None]
    assert len(set(bases)) == 2
    result = calls.call(kept, np.zeros(8))
    assert taping.root(result) not in {taping.root(calls.room(8))}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_other_numbers_differ_by_argument_and_stay_within_what_they_were(dtype):
    numbers = np.array([0, 1, 1, 0, 1, 0, 0]).astype(dtype)
    first, second = others(numbers, 0), others(numbers, 1)
    assert first.dtype == numbers.dtype
    assert not np.array_equal(first, numbers)
    assert not np.array_equal(first, second)
    if numbers.dtype.kind != "f":
        assert sorted(first) == sorted(numbers)


def test_results_know_which_of_their_arrays_are_views():
    x = np.zeros(4)
    made = Made((x[:2], x + 1, 3, np.float32(2)), [x])
    assert [i for i, _ in made.targets] == [1, 2]
    assert replaced({"x": [1, (2,)]}, lambda n: n + 1) == {"x": [2, (3,)]}
