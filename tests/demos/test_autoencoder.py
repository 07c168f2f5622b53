"""The demo of a convolutional autoencoder, trained for a moment; it asserts its own numbers."""

import re

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_sizes_and_codes(run, tmp_path):
    out = run("autoencoder", "--fast")
    assert re.search(r"7×7 → 4×4 → 7×7: ⟨conv\(x\), y⟩ = \S+ = ⟨x, transpose\(y\)⟩", out)
    assert "8×8 → 4×4 → 8×8:" in out
    plain, sparse = [int(share) for share in re.findall(r": (\d+)% of the 64 numbers", out)]
    assert sparse < plain
    assert (tmp_path / "digits.png").exists()
