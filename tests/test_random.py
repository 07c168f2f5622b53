"""Generators: a seed names all numbers."""

import pytest
from calls import check

import tinygrad_cnn as tg

CALLS = """\
T.manual_seed(1.5).initial_seed()
T.manual_seed(-1).initial_seed()
T.manual_seed(2**64)
T.manual_seed(2**64 - 1).initial_seed()
T.manual_seed(-(2**63) - 1)
T.manual_seed(True).initial_seed()
T.manual_seed(3); T.initial_seed()
T.Generator("cpu").device
T.Generator(device="cpu").manual_seed(7).initial_seed()
T.Generator().initial_seed()
T.Generator().seed() > 0
T.Generator().set_state(3)
T.Generator("tpu")"""


@pytest.mark.parametrize("line", CALLS.splitlines())
def test_generators_are_pytorchs(torch, line):
    check(torch, line)


def draws(generator=None):
    """Numbers of all kinds."""
    made = (
        tg.rand(3, generator=generator),
        tg.randn(2, generator=generator),
        tg.randint(0, 9, (4,), generator=generator),
        tg.randperm(5, generator=generator),
        tg.normal(0.0, tg.ones(3), generator=generator),
        tg.bernoulli(tg.full((9,), 0.5), generator=generator),
        tg.multinomial(tg.ones(9), 3, generator=generator),
        tg.zeros(3).uniform_(generator=generator),
        tg.zeros(3).normal_(generator=generator),
        tg.zeros(3).random_(9, generator=generator),
    )
    return [t.tolist() for t in made]


def test_a_seed_names_all_numbers():
    tg.manual_seed(5)
    first = draws()
    tg.manual_seed(5)
    assert draws() == first == draws(tg.Generator(5)) == draws(tg.Generator().manual_seed(5))
    assert draws() != first


def test_a_state_is_where_one_goes_on():
    mine = tg.Generator().manual_seed(1)
    draws(mine)
    state = mine.get_state()
    after = draws(mine)
    mine.set_state(state)
    assert draws(mine) == after
    state = tg.get_rng_state()
    after = draws()
    tg.set_rng_state(state)
    assert draws() == after


def test_new_seeds_are_new():
    generator = tg.Generator()
    assert generator.seed() != generator.seed()
    assert tg.seed() == tg.initial_seed() != tg.seed()
    with pytest.raises(TypeError, match="seed must be an int, got 'x'"):
        tg.manual_seed("x")
