"""What is printed gets to every console, and a reader that goes away ends a command in silence."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.cli import console
from tinygrad_cnn.viz.table import Table

ROOT = Path(tg.__file__).parents[1]
PRINTED = [*ROOT.glob("tinygrad_cnn/**/*.py"), *ROOT.glob("demos/*.py")]
NOT_PRINTED = {
    "latex.py": "reads and writes files, which are in UTF-8",
    "symbols.py": "has a sign for what is none",
    "console.py": "is the table",
}


def run(*words, **options):
    """The exit code and both outputs of a command in a process of its own."""
    ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "", **options.pop("environment", {})}
    command = [sys.executable, "-m", "tinygrad_cnn", *map(str, words)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    done = subprocess.run(command, env={**os.environ, **ours}, text=True, check=False, **options)
    return done.returncode, done.stdout, done.stderr


def signs(path):
    """The signs beyond ASCII in the strings of a file, docstrings apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in statements:
            yield from (sign for sign in str(node.value) if not sign.isascii())


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_signs_that_a_console_does_not_have(encoding):
    words = ("draw", "(x+y)*z", "x=-2", "y=5", "z=-4")
    code, out, _ = run(*words, environment={"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert code == 0
    assert out.startswith("(x+y)*z = -12\n")
    assert "?" not in out
    assert "?" not in str(Table(["layer"], 1, [])).encode(encoding, console.HANDLER).decode()


def test_every_sign_has_others_in_its_place():
    for path in PRINTED:
        if path.name not in NOT_PRINTED:
            assert set(signs(path)) <= console.PLAIN_SIGNS.keys(), path
    assert "".join(console.PLAIN_SIGNS.values()).isascii()
    assert "4 × −3 日".encode("ascii", console.HANDLER) == b"4 * -3 ?"


def test_without_a_standard_output(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert tg.cli.main(["draw", "x*2", "x=1"]) == 0
    sys.stdout.close()
    assert capsys.readouterr().err == ""


@pytest.fixture
def unread():
    """The writing end of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@pytest.mark.skipif(os.name == "nt", reason="Windows reports pipes in another way")
@pytest.mark.parametrize("words", [("--help",), ("summary", "lenet5"), ("demo",)])
def test_output_that_nobody_reads(unread, words):
    assert run(*words, stdout=unread) == (141, None, "")


@pytest.mark.skipif(os.name == "nt", reason="Windows reports pipes in another way")
def test_a_training_that_nobody_follows(unread, tmp_path):
    words = ("train", "lenet5", "--epochs", "1", "--output", tmp_path / "run")
    assert run(*words, stdout=unread) == (141, None, "")
