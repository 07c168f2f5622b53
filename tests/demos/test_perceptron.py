"""The demo of the perceptron; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_two_are_learnt_and_one_is_not(run, tmp_path):
    out = run("perceptron")
    assert "AND after 6 epochs: w = (-2.0, 2.0, 1.0), solved; least E 0.500" in out
    assert "OR  after 4 epochs: w = (0.0, 1.0, 1.0), solved; least E 0.500" in out
    assert "2 wrong, and it goes round for ever; least E 2.000" in out
    assert (tmp_path / "perceptron.svg").exists()
