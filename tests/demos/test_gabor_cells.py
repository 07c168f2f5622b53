"""The demo of simple and complex cells; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_what_the_cells_answer_to(run, tmp_path):
    out = run("gabor_cells")
    assert "complex cells answer most to 0° 22.5° 45° 67.5° 90° 112.5° 135° 157.5°\n" in out
    assert "over all phases, the simple cell answers at least 0.0% of its most\n" in out
    assert "over all phases, the complex cell answers at least 99.9% of its most\n" in out
    assert "10,000 synapses each: 8.6e+14\n" in out
    assert (tmp_path / "cells.svg").exists()
