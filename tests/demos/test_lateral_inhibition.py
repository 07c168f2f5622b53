"""The demo of local response normalisation; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_a_channel_holds_down_its_neighbours(run, tmp_path):
    out = run("lateral_inhibition")
    assert "channel  4: 6 becomes 1.565  00--+--00000\n" in out
    assert "slope of a channel alone at 199: +" in out
    assert "slope of a channel alone at 201: -" in out
    assert "alexnet: conv, relu, norm, pool\n" in out
    assert "caffenet: conv, relu, pool, norm\n" in out
    assert (tmp_path / "channels.svg").exists()
