"""The demo of batch norm, trained for a moment; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_numbers_and_layers(run, tmp_path):
    out = run("batch_norm", "--fast")
    assert "     5.975  8.658 11.342 14.025\n" in out
    assert "     1.000  7.000 13.000 19.000  ✘ without ÷ σ\n" in out
    assert "Weights times 10: the same output, the gradient times 0.1.\n" in out
    assert "with batch norm deviations, layer by layer: 1 1 1 1 1 1 1 1 1 1;" in out
    assert (tmp_path / "layers.svg").exists()
