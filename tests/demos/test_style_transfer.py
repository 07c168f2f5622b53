"""The demo of style transfer, for a few steps; it asserts its own numbers."""

import re

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_style_comes_nearer(run, tmp_path):
    out = run("style_transfer", "--fast")
    assert "Gram matrix 2.5 1.5 / 1.5 4.5" in out
    found = re.findall(r"(\w+): distance from its style (\S+) → (\S+),", out)
    assert [name for name, *_ in found] == ["waves", "weave"]
    assert all(float(after) < float(before) for _, before, after in found)
    assert (tmp_path / "pictures.png").exists()
