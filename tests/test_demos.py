"""The demos, run as their readers run them; each asserts its own numbers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_cnn import viz

ROOT = Path(__file__).parents[1]
PICTURES = {
    "trace_by_hand": {"product", "network_before", "network_after", "convolution"},
    "draw_a_step": {"step"},
}


def run(demo, folder, **environment):
    """What a demo prints, run in `folder`."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        **environment,
    }
    command = [sys.executable, "-W", "error", str(ROOT / "demos" / f"{demo}.py")]
    done = subprocess.run(command, capture_output=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.skipif(bool(viz.missing_dot()), reason="images need the program `dot` of Graphviz")
@pytest.mark.parametrize("demo", PICTURES)
def test_demo(demo, tmp_path):
    out = run(demo, tmp_path)
    written = {path.stem: path for path in (tmp_path / "runs" / demo).iterdir()}
    assert set(written) == PICTURES[demo]
    assert all(path.suffix == ".svg" and path.name in out for path in written.values())


@pytest.mark.parametrize("demo", PICTURES)
def test_demo_without_dot(demo, tmp_path):
    out = run(demo, tmp_path, PATH="")
    assert "install Graphviz" in out
    written = list((tmp_path / "runs" / demo).iterdir())
    assert {path.stem for path in written} == PICTURES[demo]
    assert all(path.read_text(encoding="utf-8").startswith("digraph") for path in written)
