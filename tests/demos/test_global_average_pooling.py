"""The demo of global average pooling, trained for a moment."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_example_and_activation_maps(run, tmp_path):
    out = run("global_average_pooling", "--fast")
    assert "sum 80, average 5, gradient 0.0625" in out
    assert "dense head 25,089,000, behind the pool 513,000" in out
    assert "The averages of the class activation maps are the scores" in out
    assert (tmp_path / "activation.svg").exists()
