"""The command line as a whole: what it takes, and how it says that something is wrong."""

import errno
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import tinygrad_cnn as tg
from tinygrad_cnn import __main__, cli
from tinygrad_cnn.cli import summary, train
from tinygrad_cnn.cli.options import device

COMMANDS = ("train", "evaluate", "predict", "draw", "summary", "demo", "doctor")


def test_every_command_has_help(command):
    code, out, _ = command("--help")
    assert code == 0
    for name in COMMANDS:
        assert f"\n    {name} " in out
        code, text, _ = command(name, "--help")
        assert code == 0
        assert f"usage: tinygrad-cnn {name}" in text


def test_version(command):
    assert command("--version") == (0, f"tinygrad-cnn {tg.__version__}\n", "")


@pytest.mark.parametrize("argv", [(), ("fly",), ("train",), ("train", "alexnet6")])
def test_arguments_that_are_wrong(command, argv):
    code, out, err = command(*argv)
    assert (code, out) == (2, "")
    assert "usage: tinygrad-cnn" in err


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, FileNotFoundError])
def test_what_a_user_can_cause_is_one_sentence(command, monkeypatch, kind):
    def fail(args):
        raise kind("no such thing; pass download=True")

    monkeypatch.setattr(train, "run", fail)
    assert command("train", "lenet5") == (2, "", "tinygrad-cnn: no such thing; pass --download\n")


@pytest.mark.parametrize("kind", [KeyError, AttributeError, ImportError, AssertionError])
def test_faults_of_ours_keep_their_traceback(command, monkeypatch, kind):
    def fail(args):
        raise kind

    monkeypatch.setattr(train, "run", fail)
    with pytest.raises(kind):
        command("train", "lenet5")


def test_interrupted(command, monkeypatch):
    def fail(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "run", fail)
    assert command("train", "lenet5") == (130, "", "tinygrad-cnn: interrupted\n")


def test_interrupted_amid_its_imports(monkeypatch):
    class Interrupted(types.ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "tinygrad_cnn.cli", Interrupted("tinygrad_cnn.cli"))
    assert __main__.main() == 130


def test_errors_of_the_system_are_told_in_its_words(command, monkeypatch):
    def told(*details):
        def fail(args):
            raise OSError(*details)

        monkeypatch.setattr(train, "run", fail)
        code, _, err = command("train", "lenet5")
        assert code == 2
        return err

    assert told(errno.ENOSPC, "No space left") == "tinygrad-cnn: No space left\n"
    assert told(errno.EISDIR, "Is a directory", "a") == (
        "tinygrad-cnn: cannot use a: Is a directory\n"
    )
    assert told(errno.EISDIR, "Is a directory", "a", None, "b") == (
        "tinygrad-cnn: cannot use b: Is a directory\n"
    )


@pytest.mark.parametrize("name", ["gpu0", "meta", "cuda:", "cuda:x", "cpu:0"])
def test_devices_that_do_not_compute(command, name):
    for words in (("train", "lenet5"), ("evaluate", "run")):
        code, _, err = command(*words, "--device", name)
        assert code == 2
        assert f"there is no device {name!r}; give cpu, cuda, or one of several GPUs" in err
        assert "meta" not in err.replace(repr(name), "")


def test_devices_that_compute():
    assert [device(name) for name in ("cpu", "cuda", "cuda:1")] == ["cpu", "cuda", "cuda:1"]


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_cnn", "draw"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(tg.__file__).parents[1])},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: tinygrad-cnn draw")


def test_commands_keep_to_their_form():
    for module in cli.COMMANDS:
        assert module.add_parser.__annotations__["return"] is None
        assert module.run.__annotations__["return"] is int


def test_matrix_products_use_one_thread_and_warn_of_nothing(monkeypatch):
    seen = []

    def run(args):
        seen.extend(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")
        assert np.isinf(np.float32(3e38) * np.float32(10))
        return 0

    monkeypatch.setattr(summary, "run", run)
    with threadpool_limits(2, user_api="blas"):
        assert cli.main(["summary", "lenet5"]) == 0
    assert set(seen) <= {1}
