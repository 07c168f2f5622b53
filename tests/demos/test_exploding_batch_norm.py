"""The demo of gradients that batch norm makes explode; it asserts its own numbers."""

import re

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_the_factor_per_layer(run, tmp_path):
    out = run("exploding_batch_norm", "--fast")
    assert "theory: a factor of 1.211 per layer\n" in out
    plain, larger, skips = [float(x) for x in re.findall(r"fold, (\S+) per layer", out)]
    assert plain == pytest.approx(1.211, rel=0.03)
    assert larger == pytest.approx(plain, rel=0.01)
    assert skips < 1.07
    assert (tmp_path / "explosion.svg").exists()
