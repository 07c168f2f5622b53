"""The demo of dropout, trained for a moment; it asserts its own numbers."""

import re

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_masks_means_and_training(run, tmp_path):
    out = run("dropout", "--fast")
    together, halved = re.findall(r"(?:mean|weights) +(0\.\d{6} .*)\n", out)
    assert together == halved
    assert "p = 0.2: 0.800 are kept, times 1.25, mean 1.00" in out
    assert "AlexNet drops behind fc6 and fc7: {'drop6': 0.5, 'drop7': 0.5}\n" in out
    assert {path.name for path in tmp_path.iterdir()} == {"losses.svg", "masks.svg"}
