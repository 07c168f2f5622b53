"""The demo of sliding windows, trained for a moment; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_a_page_at_once(run, tmp_path):
    out = run("sliding_window", "--fast")
    assert "17×29 windows: 493 × 87,808 = 43,289,344 multiply-adds apart,\n" in out
    assert "14,678,272 at once, 2.9 times fewer, and the same scores\n" in out
    assert "12 digits on the page" in out
    assert (tmp_path / "page.svg").exists()
