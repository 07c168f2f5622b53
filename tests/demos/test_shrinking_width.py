"""The demo of widths from layer to layer; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_widths_with_and_without_padding(run, tmp_path):
    out = run("shrinking_width")
    assert "padding='valid': [16, 11, 6, 1]" in out
    assert "padding='same': [16, 16, 16, 16]" in out
    assert "2 of 3 layers have more than one window" in out
    assert "A fourth: conv1d: a window" in out
    assert (tmp_path / "widths.svg").exists()
