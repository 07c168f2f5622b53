"""The demo of the playable trace, run as its readers run it; it asserts its own numbers."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_runs_and_writes_its_pages(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "demos" / "step_by_step.py")],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr.decode()
    out = done.stdout.decode()
    assert "gradients -4, -4, 3" in out
    assert "gradients -2 = 1 − 3, 2, 0" in out
    assert "0.731: gradient of b 0.197" in out
    pages = sorted((tmp_path / "runs" / "step_by_step").iterdir())
    assert [page.name for page in pages] == ["numbers.html", "tensors.html"]
    assert all(str(page.relative_to(tmp_path)) in out for page in pages)
    assert all(b"tg.viz.step/2" in page.read_bytes() for page in pages)
