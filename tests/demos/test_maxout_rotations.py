"""The demo of maxout over rotations, trained for a moment."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_each_rotation_has_its_filter(run, tmp_path):
    out = run("maxout_rotations", "--fast")
    wins = [line.split("to ")[-1] for line in out.splitlines() if line.startswith("fives")]
    assert len(set(wins)) == 3
    assert (tmp_path / "filters.svg").exists()
