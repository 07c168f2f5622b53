"""What is made of weights is kept, and never longer than the weights stay as they are."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

pytest.importorskip("numba", reason="Numba has no wheel here: nothing is packed")
from tinygrad_cnn.kernels.kept import BLOCK, KEPT, digested, kept


class Maker:
    """Makes copies, and counts them."""

    def __init__(self, w):
        self.w = w
        self.times = 0

    def __call__(self):
        self.times += 1
        return self.w.copy()


def numbers(size, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype("f4")


def test_what_comes_a_second_time_is_kept():
    w = numbers(300)
    make = Maker(w)
    results = [kept("copy", make, w) for _ in range(5)]
    assert make.times == 2
    assert results[1] is results[4]
    w[7] += 1
    assert np.array_equal(kept("copy", make, w), w)
    assert make.times == 3


def test_other_arrays_and_other_names_count():
    w, scale = numbers(300), numbers(3)
    make = Maker(w)
    for _ in range(3):
        kept("copy", make, w, scale)
        kept("other", make, w, scale)
    assert make.times == 4
    scale[1] = 0
    kept("copy", make, w, scale)
    kept("copy", make, w, None)
    assert make.times == 6


def test_nothing_outlives_the_weights():
    w = numbers(100)
    for _ in range(2):
        kept("copy", Maker(w), w)
    key = id(w)
    assert key in KEPT
    del w
    gc.collect()
    assert key not in KEPT


def test_weights_in_pieces_are_not_kept():
    w = numbers(100)[::2]
    make = Maker(w)
    for _ in range(3):
        kept("copy", make, w)
    assert make.times == 3


@st.composite
def changes(draw):
    """An array, and another with one to three numbers changed: in sign, place or a last bit."""
    size = draw(st.one_of(st.integers(1, 300), st.just(2 * BLOCK + 77)))
    w = numbers(size, draw(st.integers(0, 99)))
    other = w.copy()
    places = draw(st.lists(st.integers(0, w.size - 1), min_size=1, max_size=3, unique=True))
    how = draw(st.sampled_from(["sign", "bit", "turn"]))
    if how == "sign":
        other[places] *= -1
    elif how == "bit":
        other.view(np.uint32)[places] ^= np.uint32(1) << draw(st.integers(0, 31))
    else:
        other[places] = np.roll(other[places], 1)
    return w, other


@given(pair=changes())
def test_other_numbers_have_another_digest(pair):
    w, other = pair
    assert (digested(w) == digested(other)) == (w.tobytes() == other.tobytes())


def test_threads_do_not_matter():
    w, before = numbers(3 * BLOCK + 5), tg.get_num_threads()
    found = []
    for threads in (1, 2):
        tg.set_num_threads(threads)
        found.append(digested(w))
    tg.set_num_threads(before)
    assert found[0] == found[1]


def test_signs_of_zeros_and_bits_of_nan_count():
    zeros = np.zeros(10, np.float32)
    assert digested(zeros) != digested(-zeros)
    assert digested(zeros) != digested(zeros[:9])
    assert digested(zeros, None) != digested(zeros, zeros[:1])
    assert digested(zeros, None) != digested(None, zeros)
