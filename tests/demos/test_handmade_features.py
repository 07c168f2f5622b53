"""The demo of features made by hand, trained for a moment; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_edges_and_classifiers(run, tmp_path):
    out = run("handmade_features", "--fast")
    assert "a ramp in the direction of 135° counts 2 for {135: 2.0}\n" in out
    assert "a ramp in the direction of 300° counts 2 for {270: 0.667, 315: 1.333}\n" in out
    for line in ("pixels, linear          650", "histograms, linear      730", "learnt features"):
        assert f"\n{line}" in out
    assert (tmp_path / "features.svg").exists()
