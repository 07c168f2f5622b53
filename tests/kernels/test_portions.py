"""Work of NumPy that threads share."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.kernels import threads
from tinygrad_cnn.kernels.portions import LEAST, share, slices


@pytest.fixture
def three(monkeypatch):
    monkeypatch.setattr(threads, "THREADS", [3])


def test_every_item_is_done_once_in_order(three):
    assert share(list, [*range(8)]) == [[0, 1], [2, 3, 4], [5, 6, 7]]
    assert share(list, [1]) == [[1]]
    assert share(list, []) == [[]]


def test_one_thread_does_all_itself(monkeypatch):
    monkeypatch.setattr(threads, "THREADS", [1])
    assert share(lambda items: threading.current_thread(), [1, 2]) == [threading.current_thread()]


def test_others_take_part(three):
    barrier = threading.Barrier(3, timeout=30)  # which only three threads at once can pass
    assert len(share(lambda items: barrier.wait(), [1, 2, 3])) == 3


def test_they_have_the_settings_of_the_one_that_asks(three):
    with np.errstate(all="raise", divide="ignore"):
        assert share(lambda items: np.geterr()["divide"], [1, 2, 3]) == ["ignore"] * 3


def test_an_error_of_any_of_them_is_raised(three):
    def work(items):
        if items == [3]:
            raise KeyError("three")

    with pytest.raises(KeyError, match="three"):
        share(work, [1, 2, 3])


@given(st.integers(1, 50), st.integers(0, 10 * LEAST), st.integers(1, 9))
def test_slices_are_even_and_not_too_many(size, work, crew):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "THREADS", [crew])
        found = slices(size, work)
    assert [i for cut in found for i in range(size)[cut]] == [*range(size)]
    lengths = [cut.stop - cut.start for cut in found]
    assert max(lengths) - min(lengths) <= 1
    assert len(found) <= min(crew, max(1, work // LEAST))
