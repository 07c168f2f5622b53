"""Timing decides once for a case, and what it chose computes from then on."""

import time
import types

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import choice, cpu
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

numba_needed = pytest.mark.skipif(not cpu.NUMBA, reason="Numba is not installed")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Nothing is chosen yet."""
    monkeypatch.setattr(choice, "CHOSEN", {})


def kernel(name, seconds):
    """Kernels that take so long; None: that do not cover the case."""

    def compute():
        if seconds is None:
            return NotImplemented
        time.sleep(seconds)
        return name

    made = types.ModuleType(str(name))
    made.name, made.compute = name, compute
    return made


def asked(candidates, *case):
    calls = []

    def compute(candidate):
        calls.append(candidate.name)
        return candidate.compute()

    return choice.fastest(case, candidates, compute).name, calls


SLOW, FAST, NONE = kernel("slow", 0.003), kernel("fast", 0.0), kernel("none", None)


def test_the_fastest_is_found_once_for_each_case():
    name, calls = asked([SLOW, FAST], "conv", 1)
    assert name == "fast"
    assert calls.count("slow") == calls.count("fast") == 1 + choice.ROUNDS
    assert asked([SLOW, FAST], "conv", 1) == ("fast", [])
    assert asked([SLOW, FAST], "conv", 2)[1] != []


def test_what_does_not_cover_the_case_is_not_chosen():
    assert asked([NONE, SLOW])[0] == "slow"


def test_where_none_covers_it_the_first_says_so():
    assert asked([NONE, NONE])[0] == "none"


def test_one_candidate_is_not_timed():
    assert asked([SLOW]) == ("slow", [])


def test_another_number_of_threads_is_another_case(monkeypatch):
    asked([SLOW, FAST])
    monkeypatch.setattr(choice, "get_num_threads", lambda: 5)
    assert asked([SLOW, FAST])[1] != []


SETTINGS = [(1, 1), (1, 1), (1, 1), 1]


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 16, 9, 9), dtype=np.float32)
    return x, rng.standard_normal((16, 16, 3, 3), dtype=np.float32)


def outcomes(x, w):
    z = conv(x, w, None, *SETTINGS)
    return z, conv_dx(z, w, x.shape[2:], *SETTINGS), conv_dw(z, x, w.shape[2:], *SETTINGS)


@numba_needed
def test_a_convolution_is_timed_and_right(images):
    expected = outcomes(*images)
    with tg.backends.cpu.flags(benchmark=True):
        first = outcomes(*images)
        chosen = dict(choice.CHOSEN)
        again = outcomes(*images)
    assert [case[0] for case in chosen] == ["conv", "conv_dx", "conv_dw"]
    assert chosen == choice.CHOSEN
    for a, b, c in zip(expected, first, again, strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(a).max()
        assert np.array_equal(b, c)


@numba_needed
def test_by_default_nothing_is_timed(images):
    outcomes(*images)
    assert choice.CHOSEN == {}


@numba_needed
def test_the_report_names_the_kernels_that_were_chosen(images):
    x, w = images
    with tg.backends.cpu.flags(benchmark=True), kernels.by_shape():
        conv(x[:, :, :7], w, None, *SETTINGS)
    name = next(iter(choice.CHOSEN.values())).__name__.rpartition(".")[2]
    shapes = ((2, 16, 7, 9), (16, 16, 3, 3))
    cases = [case for case in kernels.report().cases if case.shapes == shapes]
    assert [(case.gate, case.kernel, case.calls) for case in cases] == [("conv", f"{name}.conv", 1)]
