"""The demo of augmentation; it asserts its own numbers."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")
pytest.importorskip("sklearn", reason="the photograph comes with scikit-learn: install it")
pytest.importorskip("PIL", reason="the photograph is read by pillow: install pillow")


def test_crops_and_light(run, tmp_path):
    out = run("augmentation")
    assert "crops of 224² from 256²: 1,089 places, with mirrors 2,178\n" in out
    assert "the answer to ten crops is the mean of ten answers\n" in out
    assert "principal colours have 88%, 11%, 1% of the variance\n" in out
    assert (tmp_path / "photographs.png").exists()
