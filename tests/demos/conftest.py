"""Demos are run in this process, as modules, which is much faster than a process for each."""

import runpy
from pathlib import Path

import pytest

DEMOS = Path(__file__).parents[2] / "demos"


@pytest.fixture
def run(tmp_path, capsys):
    """A function that runs a demo with these options, and returns what it printed.

    Its pictures are in `tmp_path`.
    """

    def run(name, *options):
        main = runpy.run_path(str(DEMOS / f"{name}.py"))["main"]
        main([f"--output={tmp_path}", *options])
        return capsys.readouterr().out

    return run
