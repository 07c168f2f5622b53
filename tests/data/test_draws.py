"""Random numbers of the pipeline: parts of a draw, and whose turn it is."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data.draws import batch_rng, drawing_from
from tinygrad_cnn.random import named

WORDS = st.integers(0, 2**64 - 1)


@given(seed=WORDS, counter=WORDS, part=st.integers(1, 2**40))
def test_parts_are_repeatable_and_different(seed, counter, part):
    first = named(seed, counter, part).random(4)
    np.testing.assert_array_equal(first, named(seed, counter, part).random(4))
    assert not np.array_equal(first, named(seed, counter, part - 1).random(4))


def test_part_0_is_the_draw_itself():
    np.testing.assert_array_equal(named(3, 5, 0).random(4), named(3, 5).random(4))


def test_outside_a_batch_the_default_generator_counts():
    tg.manual_seed(7)
    first = batch_rng().random()
    assert batch_rng().random() != first
    tg.manual_seed(7)
    assert batch_rng().random() == first


def test_the_current_generator_belongs_to_a_thread():
    rng = np.random.default_rng(0)
    with drawing_from(rng):
        assert batch_rng() is rng
        with drawing_from(np.random.default_rng(1)):
            assert batch_rng() is not rng
        assert batch_rng() is rng
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(batch_rng).result() is not rng
    assert batch_rng() is not rng
