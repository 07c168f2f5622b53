"""The training demo, run as its readers run it, for two epochs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_cnn as tg

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")

ROOT = Path(__file__).parents[2]


def test_two_epochs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "demos" / "train_lenet5.py"), "--epochs", "2"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r"epoch +\d  loss (\S+)  accuracy on unseen digits (\S+)%", done.stdout)
    losses, accuracies = zip(*[(float(loss), float(share)) for loss, share in found], strict=True)
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert accuracies[1] > 80
    state = tg.load(tmp_path / "runs" / "train_lenet5" / "lenet5.safetensors")
    written = {path.name for path in (tmp_path / "runs" / "train_lenet5").iterdir()}
    assert written == {"lenet5.safetensors", "confusion.svg", "wrong.png"}
    assert state.keys() == tg.models.lenet5().state_dict().keys()
