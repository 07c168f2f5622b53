"""The demo of full convolution, run as its readers run it; it asserts its own numbers."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_runs_and_shows_the_numbers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "demos" / "full_convolution.py")],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr.decode()
    out = done.stdout.decode()
    assert "pixel (1, 1): 3·1 + 2·2 + 1·3 + 0·4 = 10" in out
    assert out.count("        6    17    12\n") == 2  # the full convolution, and backward
    assert out.endswith("All numbers are as they should be.\n")
    assert not list(tmp_path.iterdir())
