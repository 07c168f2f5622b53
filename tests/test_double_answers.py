"""The table of the double's answers: told of the double itself, of NumPy, and of CuPy as it is."""

import types

import double
import double_answers as answers
import numpy as np
from double_probes import BUGS, CORRECT, OPEN, POISON, WAITS


def test_the_double_answers_as_itself():
    rows = answers.table(double.xp, answers.double_waits)
    assert len(rows) == len(BUGS) + len(CORRECT)
    for row, probe in zip(rows, [*BUGS, *CORRECT], strict=True):
        assert row.double == row.cupy
        assert row.same is (None if probe.outcome in (OPEN, POISON) else True)


def test_answers_are_those_that_the_probes_foretell():
    foretold = {probe.name: probe.outcome for probe in BUGS}
    for row in answers.table(double.xp, answers.double_waits):
        outcome = foretold.get(row.probe)
        if outcome == WAITS:
            assert row.double.startswith("waits: ")
        elif outcome == OPEN:
            assert row.double == "raises Undefined"
        elif outcome in (None, POISON):
            assert not row.double.startswith(("waits", "raises"))
        else:
            kinds = outcome if isinstance(outcome, tuple) else (outcome,)
            assert row.double in {f"raises {kind.__name__}" for kind in kinds}


def test_numpy_answers_otherwise():
    """NumPy lets every bug pass, so no row of a bug that has an answer is the same."""
    names = types.SimpleNamespace(**vars(np), asnumpy=np.asarray)
    rows = answers.table(names, lambda use: bool(use() is None))
    bugs = {probe.name for probe in BUGS}
    assert not any(row.same for row in rows if row.probe in bugs)
    assert all(row.same for row in rows if row.probe not in bugs)


def test_the_table_is_printed_and_says_what_cupy_itself_answers():
    rows = answers.table()
    assert not [row for row in rows if row.same is False]
    lines = answers.printed(rows).splitlines()
    assert len(lines) == len(rows) + 2
    assert lines[-1].startswith(f"{len(rows)} probes: ")
