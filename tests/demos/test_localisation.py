"""The demo of localisation and landmarks, trained for a moment; it asserts its own numbers."""

import re

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_boxes_and_landmarks(run, tmp_path):
    out = run("localisation", "--fast")
    assert "intersection over union 0.1429 = 1/7\n" in out
    share, apart = re.search(r"(\S+) on average; landmarks (\S+) pixels off", out).groups()
    assert float(share) > 0.2
    assert float(apart) < 6
    assert (tmp_path / "boxes.svg").exists()
