"""The demo of receptive fields; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_fields_and_parameters(run, tmp_path):
    out = run("receptive_fields")
    assert "h3, a unit of layer 1, sees x2, x3, x4\n" in out
    assert "g3, a unit of layer 2, sees x1, x2, x3, x4, x5\n" in out
    assert "2 × 3×3 see 5×5: 20 parameters, one 5×5 convolution 26" in out
    assert "3 × 3×3 see 7×7: 30 parameters, one 7×7 convolution 50" in out
    assert (tmp_path / "fields.svg").exists()
