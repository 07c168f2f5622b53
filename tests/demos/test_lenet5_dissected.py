"""The demo that takes LeNet-5 apart, trained for a moment; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_counts_and_maps(run, tmp_path):
    out = run("lenet5_dissected", "--fast")
    assert "C3      16 of 10²        1,516      151,600\n" in out
    assert "up to F6          60,000      340,068\n" in out
    assert "with its RBF      60,000      340,908\n" in out
    assert "C3: 6·(75 + 1) + 9·(100 + 1) + 1·(150 + 1) = 1,516 parameters" in out
    assert (tmp_path / "maps.png").read_bytes().startswith(b"\x89PNG")
