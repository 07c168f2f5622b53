"""The demo of weight sharing; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_64_16_and_4_weights(run, tmp_path):
    out = run("weight_sharing")
    assert "dense         64 weights,  64 connections" in out
    assert "local         16 weights,  16 connections" in out
    assert (
        "convolution    4 weights,  16 connections; the first output sees pixels 1 2 5 6\n" in out
    )
    assert "first shared weight: 0 + 2 + 8 + 10 = 20" in out
    assert (tmp_path / "weights.svg").exists()
