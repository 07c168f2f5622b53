"""The demo of pooling; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_it_prints_and_draws_its_numbers(run, tmp_path):
    out = run("pooling")
    assert "max 2×2, stride 2\n        8     4\n        7     5\n" in out
    assert "max 2×2, stride 1\n        8     8     4\n        8     8     5\n" in out
    assert "average 2×2, stride 2\n      4.5   2.5\n     4.25     3\n" in out
    assert "changes 4 of 4 inputs and 2 of 4 outputs" in out
    assert "kept in ceil mode: 2 outputs, 3." in out
    assert {path.name for path in tmp_path.iterdir()} == {"pooling.svg", "rows.svg"}
