"""Tensors out of nothing, and dropout."""

import numpy as np
import pytest

import tinygrad_cnn as tg


def test_a_seed_names_all_numbers():
    tg.manual_seed(5)
    first = [tg.rand(3).tolist(), tg.randn(2).tolist(), tg.randint(0, 9, (4,)).tolist()]
    tg.manual_seed(5)
    assert [tg.rand(3).tolist(), tg.randn(2).tolist(), tg.randint(0, 9, (4,)).tolist()] == first
    mine = tg.Generator(5)
    assert tg.rand(3, generator=mine).tolist() == first[0]
    state = mine.get_state()
    after = tg.randperm(5, generator=mine).tolist()
    mine.set_state(state)
    assert tg.randperm(5, generator=mine).tolist() == after
    with pytest.raises(TypeError, match="seed must be an int, got 'x'"):
        tg.manual_seed("x")


def test_random_numbers_are_what_they_are_called():
    tg.manual_seed(0)
    uniform, normal = tg.rand(100_000), tg.randn(100_000, dtype="float64")
    assert uniform.dtype == np.float32
    assert uniform.amin().item() >= 0 and uniform.amax().item() < 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.01)
    assert normal.mean().item() == pytest.approx(0.0, abs=0.02)
    assert normal.std().item() == pytest.approx(1.0, abs=0.02)
    assert sorted(tg.randperm(10).tolist()) == list(range(10))
    whole = tg.randint(3, size=(1000,))
    assert (whole.dtype, set(whole.tolist())) == (np.int64, {0, 1, 2})


def test_dropout_zeroes_and_scales_the_same_places_both_ways():
    tg.manual_seed(0)
    x = tg.ones(10_000, dtype="float64", requires_grad=True)
    z = tg.dropout(x, 0.25)
    z.sum().backward()
    assert set(z.tolist()) == {0.0, 1 / 0.75}
    assert np.mean(z.raw == 0) == pytest.approx(0.25, abs=0.02)
    assert np.array_equal(x.grad.raw, z.raw)
    assert not any(hasattr(kept, "dtype") for kept in z.node.saved)


def test_dropout_at_its_ends():
    x = tg.ones(4)
    assert tg.dropout(x, 0.5, training=False) is x
    assert tg.dropout(x, 0.0) is x
    assert tg.dropout(x, 1.0).tolist() == [0.0] * 4
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="a probability lies within"):
            tg.dropout(x, p)
