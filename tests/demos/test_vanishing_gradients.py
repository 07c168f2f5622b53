"""The demo of vanishing gradients, trained for a moment; it asserts its own numbers."""

import re

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_what_reaches_the_first_layer(run, tmp_path):
    out = run("vanishing_gradients", "--fast")
    assert "behind 10 sigmoids at their steepest: slope 9.54e-07\n" in out
    shares = dict(re.findall(r"^(\w.*?) +first layer.* ratio +(\S+);", out, re.MULTILINE))
    assert list(shares) == ["sigmoid", "ReLU", "batch norm", "skips"]
    assert float(shares["sigmoid"]) < 1e-6 * min(map(float, list(shares.values())[1:]))
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"gradients.svg", "layers.svg", "losses.svg"}
