"""The demo of activations; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_slopes(run, tmp_path):
    out = run("activations")
    assert "sigmoid                  0.105   0.197   0.250   0.197   0.105\n" in out
    assert "leaky ReLU 0.01          0.010   0.010   0.010   1.000   1.000\n" in out
    assert "bias -2.0: awake for 0% of inputs, gradient 0\n" in out
    assert (tmp_path / "activations.svg").exists()
