"""The demo of full convolution; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_it_runs_and_shows_the_numbers(run, tmp_path):
    out = run("full_convolution")
    assert "pixel (1, 1): 3·1 + 2·2 + 1·3 + 0·4 = 10" in out
    assert out.count("        6    17    12\n") == 2  # the full convolution, and backward
    assert out.endswith("All numbers are as they should be.\n")
    assert (tmp_path / "convolutions.svg").exists()
