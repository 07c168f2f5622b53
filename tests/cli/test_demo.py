"""`tinygrad-cnn demo`: the list, and the way to the demos."""

import importlib.metadata
from pathlib import Path

import pytest

from tinygrad_cnn.cli import demo

DEMOS = Path(__file__).parents[2] / "demos"
NAMES = [name for names in demo.COURSE.values() for name in names]


def test_the_course_has_every_demo_once():
    assert sorted(NAMES) == sorted(path.stem for path in DEMOS.glob("*.py"))


def test_every_demo_has_a_test():
    tested = {
        path.stem.removeprefix("test_") for path in DEMOS.parent.glob("tests/demos/test_*.py")
    }
    in_one_file = {"trace_by_hand", "draw_a_step"}  # tests/test_demos.py
    assert set(NAMES) <= tested | in_one_file


def test_the_list_has_every_title_in_the_order_of_the_course(command):
    code, out, err = command("demo")
    assert (code, err) == (0, "")
    lines = [line.split(maxsplit=1) for line in out.splitlines() if line.startswith("    ")]
    assert [name for name, _ in lines] == NAMES
    for name, title in lines:
        assert title == demo.docstring(DEMOS / f"{name}.py").splitlines()[0]
        assert f"python demos/{name}.py" in demo.docstring(DEMOS / f"{name}.py")


def test_a_demo_is_run_with_its_options(command, tmp_path):
    code, out, _ = command("demo", "step_by_step", "--output", tmp_path)
    assert code == 0
    assert "gradients -4, -4, 3" in out
    assert {"numbers.html", "tensors.html"} <= {path.name for path in tmp_path.iterdir()}


def test_help_behind_a_name_is_that_of_the_demo(command):
    code, out, _ = command("demo", "moons", "--help")
    assert code == 0
    assert out.startswith("usage: moons.py [-h] [--fast]")


def test_a_name_that_is_almost_one(command):
    code, _, err = command("demo", "mons")
    assert code == 2
    assert "there is no demo 'mons'; did you mean moons?" in err


def elsewhere(monkeypatch, tmp_path, files):
    """The package in another folder, whose installation has left these files."""
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "site/tinygrad_cnn/cli/demo.py"))
    monkeypatch.setattr(importlib.metadata, "files", lambda name: files)


def test_an_installed_package_brings_them_along(command, tmp_path, monkeypatch):
    share = tmp_path / "share/tinygrad_cnn/demos"
    share.mkdir(parents=True)
    for path in DEMOS.glob("*.py"):
        (share / path.name).write_bytes(path.read_bytes())
    files = [
        importlib.metadata.PackagePath(f"../../{path.relative_to(tmp_path)}")
        for path in share.iterdir()
    ]
    for file in files:
        file.dist = importlib.metadata.PathDistribution(tmp_path / "lib/x/y.dist-info")
    elsewhere(monkeypatch, tmp_path, files)
    assert demo.folder() == share
    assert command("demo")[0] == 0


@pytest.mark.parametrize("files", [None, []])
def test_without_the_files_it_says_so(command, tmp_path, monkeypatch, files):
    elsewhere(monkeypatch, tmp_path, files)
    code, out, err = command("demo", "moons")
    assert (code, out) == (2, "")
    assert err.startswith("tinygrad-cnn: the demos are not here")
