"""The demo of degradation, on a CIFAR-10 of a few images made here."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demos" / "degradation.py"

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


@pytest.fixture
def data(tmp_path):
    """A folder with 5 x 6 images for training and 6 for the test."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        records = rng.integers(0, 256, (6, 3073), np.uint8)
        records[:, 0] %= 10
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return folder


def command(data, output, epochs=2):
    return [f"--data={data}", f"--output={output}", f"--epochs={epochs}", "--depths=8", "--batch=8"]


def test_it_draws_the_curves_of_both_networks(data, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(DEMO), *command(data, "out")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    curves = json.loads((tmp_path / "out" / "curves.json").read_text())
    assert list(curves) == ["plain", "resnet"]
    for kind in curves:
        points = curves[kind]["8"]
        assert [point["epoch"] for point in points] == [1, 2]
        assert all(0 <= point[error] <= 1 for point in points for error in ("training", "test"))
        assert f"{kind}-8: error {points[-1]['training']:.2%}" in done.stdout
        assert f"{kind}-8: 0 of 2 epochs are done" in done.stdout
    assert done.stdout.count("images/s") == 4
    svg = (tmp_path / "out" / "degradation.svg").read_text()
    assert "<svg" in svg
    assert (tmp_path / "out" / "degradation.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def demo():
    """The demo as a module."""
    spec = importlib.util.spec_from_file_location("degradation", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_stopped_run_goes_on_as_if_it_had_not_been(demo, data, tmp_path, monkeypatch, capsys):
    demo.main(command(data, tmp_path / "whole"))
    epochs = []

    class Stopping(demo.Curves):
        """Stops the run behind the third epoch, which is the second network's first."""

        def epoch_ended(self, trainer):
            super().epoch_ended(trainer)
            epochs.append(trainer.epoch)
            if len(epochs) == 4:  # two of the first network, one at its end
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo, "Curves", Stopping)
        with pytest.raises(SystemExit, match="goes on after the last epoch"):
            demo.main(command(data, tmp_path / "parts"))
    assert epochs == [1, 2, 2, 1]
    capsys.readouterr()
    demo.main(command(data, tmp_path / "parts"))
    said = capsys.readouterr().out
    assert "plain-8: 2 of 2 epochs" in said
    assert "resnet-8: 1 of 2 epochs" in said
    files = [(tmp_path / run / "curves.json").read_text() for run in ("whole", "parts")]
    assert files[0] == files[1]
    with pytest.raises(SystemExit, match="choose the same epochs, batch and images"):
        demo.main(command(data, tmp_path / "parts", epochs=3))


def test_without_data_it_says_what_to_do(demo, tmp_path):
    with pytest.raises(SystemExit, match=r"found neither test_batch\.bin"):
        demo.main(command(tmp_path / "nowhere", tmp_path / "out"))
