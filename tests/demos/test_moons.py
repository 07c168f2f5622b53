"""The demo of the moons, with few points."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_a_short_run(run, tmp_path):
    out = run("moons", "--fast")
    assert "337 parameters, a graph of 14,578 Values" in out
    assert "step  40" in out
    assert (tmp_path / "moons.svg").exists()
