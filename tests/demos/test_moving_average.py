"""The demo of the moving average; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_one_of_the_six_printed_averages_is_right(run, tmp_path):
    out = run("moving_average")
    averages = [line.split()[0] for line in out.splitlines() if line.endswith(("✔", "✘"))]
    assert averages == ["1.811", "1.967", "2.112", "2.269", "2.413", "2.569"]
    assert "2.112     2.11 ✔" in out
    assert out.count("✘") == 5
    assert (tmp_path / "averages.svg").exists()
