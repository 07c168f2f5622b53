"""`tinygrad-cnn warmup`, and what every command says while it compiles."""

import pytest

from tinygrad_cnn.cli import compiling, train, warmup
from tinygrad_cnn.kernels import cpu, facts
from tinygrad_cnn.kernels.compiling import WATCHERS, tell

needs_numba = pytest.mark.skipif(not cpu.NUMBA, reason="Numba is not installed")


@needs_numba
def test_a_network_that_is_warm_stays_so(command):
    assert command("warmup", "lenet5")[0] == 0
    code, out, err = command("warmup", "lenet5")
    assert (code, err) == (0, "")
    line, place = out.splitlines()
    assert line.startswith("lenet5: kernels were ready; ")
    assert place == f"kernels are kept in {facts.cache()['folder']}"


@needs_numba
def test_what_was_compiled_is_counted(command, monkeypatch):
    def use(name, shape):
        for kernel in ("sweep", "pack"):
            tell(kernel, True)
            tell(kernel, False)

    monkeypatch.setattr(warmup, "use", use)
    out = command("warmup")[1]
    assert out.count(": 2 kernels compiled; ") == len(warmup.IMAGES)


def test_without_numba_there_is_nothing_to_warm(command, monkeypatch):
    monkeypatch.setattr(warmup, "numba", lambda: {"why": "it is not installed"})
    message = "tinygrad-cnn: there is nothing to compile with: it is not installed\n"
    assert command("warmup") == (2, "", message)


def test_a_network_it_does_not_know(command):
    code, _, err = command("warmup", "alexnet")
    assert code == 2
    assert "'alexnet' is not one of lenet5, lenet, resnet20, resnet18" in err


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the clock shows."""
    now = [0.0]
    monkeypatch.setattr(compiling.time, "perf_counter", lambda: now[0])
    return now


def compiles(clock, name, seconds, inner=None):
    """A kernel is compiled, and within another."""
    tell(name, True)
    if inner is not None:
        compiles(clock, inner, seconds / 2)
    clock[0] += seconds
    tell(name, False)


def test_a_command_that_compiles_for_long_says_so(command, clock, monkeypatch):
    def run(args):
        for name, seconds in (("sweep", 0.5), ("pack", 0.6), ("lay", 0.5), ("weigh", 0.7)):
            compiles(clock, name, seconds)
        compiles(clock, "gather", 0.1)
        return 0

    monkeypatch.setattr(train, "run", run)
    lines = "".join(
        f"compiling kernels, once on this machine: {done}\n"
        for done in ("2 done, lay next", "4 done, gather next")
    )
    assert command("train", "lenet5") == (0, "", lines)
    assert WATCHERS == []


def test_a_command_that_compiles_little_says_nothing(command, clock, monkeypatch):
    def run(args):
        compiles(clock, "sweep", 0.4, inner="framed")
        clock[0] += 60
        compiles(clock, "pack", 0.3)
        return 0

    monkeypatch.setattr(train, "run", run)
    assert command("train", "lenet5") == (0, "", "")
