"""Every error that `mutants.py` puts into a gate is found by the gate's own row."""

import functools
import warnings
from collections.abc import Callable

import checks
import oracles
import pytest
from domains import ROWS
from drawing import Case
from hypothesis import given
from mutants import all_of
from probes import FUNCTIONS, NAMES, SMOOTH, Probe

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import cpu


@functools.cache
def cases(name: str) -> list:
    """Cases of a gate's row, always the same."""
    drawn = []

    @given(ROWS[name].cases)
    def draw(case):
        drawn.append(case)

    draw()
    return drawn


def caught(name: str, context: Callable) -> bool | None:
    """Whether a check fails at one of the cases; None where the error changes nothing in any."""
    changed = False
    record = FUNCTIONS[name].gate
    for case in cases(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with context():
                    checks.everything(name, case)
                if record.kind == "composite" and record.name in cpu.OVERLAYS:
                    with kernels.use("reference"), context():  # a kernel hid what the body did
                        checks.everything(name, case)
            except Exception:  # an error that makes a gate raise is found as well
                return True
            changed = changed or changes(name, context, case)
    return False if changed else None


def changes(name: str, context: Callable, case: Case) -> bool:
    """Whether the error changes anything in one pass through the gate, forward and backward."""
    probe = Probe(name, checks.copied(case))
    leaves = probe.leaves(probe.points)
    seeds = [tg.Tensor(w) for w in probe.points[len(probe.free) :]]
    with context() as seen:
        made = probe.outputs(leaves)
        if name in SMOOTH:
            tg.autograd.backward(made, seeds)
        return bool(seen)


@pytest.mark.parametrize("name", [name for name in NAMES if all_of(name)])
def test_every_mutant_is_caught(name):
    found = {kind: caught(name, context) for kind, context in all_of(name)}
    oracles.COUNTS["mutants"] += sum(was is not None for was in found.values())
    oracles.COUNTS["mutants, caught"] += sum(was is True for was in found.values())
    assert [kind for kind, was in found.items() if was is False] == []
