"""The demo of plain and residual networks, with small ones; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_a_short_run(run, tmp_path):
    out = run("plain_or_residual", "--fast")
    assert " 20 layers:   269,722 parameters, plain or residual\n" in out
    assert "110 layers: 1,727,962 parameters, plain or residual\n" in out
    for kind in ("plain, 8", "plain, 14", "residual, 8", "residual, 14"):
        assert f"\n{kind} layers " in out
    assert (tmp_path / "losses.svg").exists()
