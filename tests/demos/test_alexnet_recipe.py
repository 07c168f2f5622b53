"""The demo of AlexNet's recipe, with three networks; it asserts its own numbers."""

import re

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_three_networks_together(run, tmp_path):
    out = run("alexnet_recipe", "--fast")
    assert "five steps of the paper's rule, and of SGD: 1.256665 and 1.256665\n" in out
    assert len(re.findall(r"network \d: loss", out)) == 3
    mean, together = re.search(r"on average loss (\S+),.* together (\S+),", out).groups()
    assert float(together) < float(mean)
    assert (tmp_path / "errors.svg").exists()
