"""The demo of strides; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_the_stride_saves_work_and_changes_no_number(run, tmp_path):
    out = run("strided_convolution")
    assert "81 multiply-adds instead of 225" in out
    assert "      14    5   -4\n" in out
    assert (tmp_path / "stride.svg").exists()
