"""The demo of transfer learning, run as its readers run it, for a moment."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")

ROOT = Path(__file__).parents[2]


def test_a_short_run(tmp_path):
    options = ["--epochs", "1", "--tune", "2"]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "demos" / "transfer_learning.py"), *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    trained = re.findall(r"([\d,]+) parameters trained", done.stdout)
    assert trained == ["269,109", "325", "254,917"]
    assert re.search(r"all three together +\d+\.\d%", done.stdout)
    assert re.search(r"folded away: \d \d+\.\d%, \d ", done.stdout)
    assert (tmp_path / "runs" / "transfer_learning" / "ways.svg").exists()
