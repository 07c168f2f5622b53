"""The demo of output sizes; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_formulas(run, tmp_path):
    out = run("output_sizes")
    assert "(227 − 11 + 2·0)/4 + 1 = 55, depth 96, 34,944 parameters" in out
    assert "conv3 that just fits (notes: 12×12)    (13 − 3 + 2·0)/1 + 1 = 11" in out
    assert "depth 100, 2,800 parameters" in out
    assert "⌊(6 − 3 + 2·0)/2⌋ + 1 = 2" in out
    assert "⌈(6 − 3 + 2·0)/2⌉ + 1 = 3" in out
    assert (tmp_path / "windows.svg").exists()
