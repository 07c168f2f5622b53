"""The demo of a recorded step; it asserts that both trainings are the same."""

import re

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_both_trainings_are_the_same(run, tmp_path):
    out = run("recorded_step", "--fast")
    losses = re.findall(r"66 steps, +\d+ a second; loss (\S+)", out)
    assert len(losses) == 2
    assert losses[0] == losses[1]
    assert "Losses and weights are the same, bit for bit.\n" in out
    assert (tmp_path / "recorded.svg").exists()
