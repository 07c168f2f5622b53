"""The demo that opens a pixel."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demos" / "dive_into_a_pixel.py"


def test_it_lists_and_draws_what_the_pixel_was_made_of(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(DEMO), "--output=out"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "25 products and bias[3]" in done.stdout
    assert done.stdout.count(" × x[0,0,") == 25
    (picture,) = (tmp_path / "out").iterdir()
    assert "weight[3,0,2,1]" in picture.read_text()
