"""The demo of what convolutions connect; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_connections_and_weights(run, tmp_path):
    out = run("connections")
    assert "valid                  4 outputs, 12 connections by  3 weights" in out
    assert "same                   6 outputs, 16 connections by  3 weights" in out
    assert "full                   8 outputs, 18 connections by  3 weights" in out
    assert "locally connected      4 outputs, 12 connections by 12 weights" in out
    assert "restricted: two groups 4 outputs,  8 connections by  8 weights" in out
    assert (tmp_path / "connections.svg").exists()
