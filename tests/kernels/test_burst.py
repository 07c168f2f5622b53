"""Launches in a row: each sees all that the ones before have written, whoever does which part."""

import threading
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to launch")
from tinygrad_cnn.kernels import burst
from tinygrad_cnn.kernels.compiled import compiled
from tinygrad_cnn.kernels.taping import Launch, grouped
from tinygrad_cnn.kernels.workers import Worker, address, call, numbers, record

SIZE = 97


class Turning(NamedTuple):
    """Numbers to be read from another place: z[i] = x[(i + by) % SIZE] + part."""

    x: int
    z: int
    by: int


@Worker
def turn(words, first, last, part):
    """Items are numbers; each is read from where, as a rule, another part has written it."""
    t = record(words, Turning)
    x, z = numbers(t.x, SIZE), numbers(t.z, SIZE)
    for i in range(first, last):
        z[i] = x[(i + t.by) % SIZE] + part


@compiled
def walk_as(code, words, thread):
    """Walk along a row as one of the threads."""
    call(code, words, thread, thread + 1, thread)


def expected(x, steps):
    """What launches in a row make of x."""
    for by, parts in steps:
        ends = [SIZE * part // parts for part in range(parts + 1)]
        x = np.roll(x, -by) + np.repeat(np.arange(parts), np.diff(ends))
    return x


class Row:
    """Launches in a row, on two arrays by turns, and what they need to live."""

    def __init__(self, steps):
        self.arrays = [np.arange(SIZE, dtype=np.float32), np.zeros(SIZE, np.float32)]
        self.words = []
        self.launches = []
        for i, (by, parts) in enumerate(steps):
            x, z = self.arrays[i % 2], self.arrays[1 - i % 2]
            self.words.append(np.array(Turning(address(x), address(z), by)))
            place = address(self.words[-1])
            self.launches.append(Launch(turn.address, place, SIZE, parts))
        self.result = self.arrays[len(steps) % 2]

    def begin(self):
        """Let the first launch find the first numbers again."""
        self.arrays[0][:] = np.arange(SIZE)


STEPS = st.lists(
    st.tuples(st.integers(0, SIZE), st.sampled_from([1, 1, 2, 3, 5, 62, 63, 70])), max_size=12
)


@given(STEPS)
def test_a_row_is_its_launches_one_after_the_other(steps):
    row = Row(steps)
    again = burst.Burst(row.launches)
    for _ in range(3):
        row.begin()
        again()
        assert np.array_equal(row.result, expected(np.arange(SIZE), steps))


@given(STEPS, st.integers(1, 4))
def test_no_thread_waits_for_one_that_does_not_come(steps, threads):
    row = Row(steps)
    again = burst.Burst(row.launches)
    again.state.fill(0)
    for thread in range(threads):  # one after the other: the first finds all parts unclaimed
        walk_as(burst.walk.address, again.place, thread)
    assert np.array_equal(row.result, expected(np.arange(SIZE), steps))


def test_many_launches_on_two_threads_do_not_overtake_each_other():
    steps = [(i, 1 + i % 3) for i in range(2000)]
    row = Row(steps)
    again = burst.Burst(row.launches)
    want = expected(np.arange(SIZE), steps)
    for _ in range(20):
        row.begin()
        again()
        assert np.array_equal(row.result, want)


def test_threads_of_python_may_replay_rows_at_once():
    steps = [(i, 2) for i in range(50)]
    rows = [Row(steps) for _ in range(4)]
    want = expected(np.arange(SIZE), steps)
    wrong = []

    def replay(row):
        again = burst.Burst(row.launches)
        for _ in range(50):
            row.begin()
            again()
            wrong.append(not np.array_equal(row.result, want))

    threads = [threading.Thread(target=replay, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert len(wrong) == 200 and not any(wrong)


def test_functions_stand_between_rows():
    row = Row([(1, 2), (2, 1), (3, 2)])
    called = []
    launches = row.launches
    parts = grouped([*launches[:2], lambda: called.append(row.arrays[0].copy()), launches[2]])
    for part in parts:
        part()
    assert [type(part) for part in parts] == [burst.Burst, type(lambda: 0), burst.Burst]
    assert np.array_equal(called[0], expected(np.arange(SIZE), [(1, 2), (2, 1)]))
    assert np.array_equal(row.result, expected(np.arange(SIZE), [(1, 2), (2, 1), (3, 2)]))
