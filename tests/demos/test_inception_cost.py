"""The demo of what inception costs; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_counts(run, tmp_path):
    out = run("inception_cost")
    for count in ("153,600", "120,422,400", "12,443,648", "163,696", "128,049,152"):
        assert count in out
    assert "5×5 2.78 times as much as 3×3; 1×3, then 3×1 33% less" in out
    assert "163,328 weights are 159.5 Ki" in out
    assert (tmp_path / "cost.svg").exists()
