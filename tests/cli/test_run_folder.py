"""The folder of a run: every run has one of its own, however many there are at once."""

import errno
import os

import pytest

from tinygrad_cnn.cli import run_folder
from tinygrad_cnn.cli.run_folder import CHECKPOINT, Taken, first_held, held, latest

needs_flock = pytest.mark.skipif(os.name == "nt", reason="Windows locks in another way")


@pytest.fixture
def first(tmp_path):
    """The first folder for runs of some model."""
    return tmp_path / "runs" / "model-data"


def leave_run(folder):
    """Let a folder hold a run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CHECKPOINT).touch()


def test_runs_at_the_same_time_have_their_own_folders(first):
    with first_held(first) as one, first_held(first) as other:
        assert (one.name, other.name) == ("model-data", "model-data-2")
        leave_run(other)
    with first_held(first) as one, first_held(first) as other:
        assert (one.name, other.name) == ("model-data", "model-data-3")


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_is_held_is_refused(first, resume):
    with held(first, False), pytest.raises(Taken, match=r"another run .* give another --output"):
        held(first, resume).__enter__()
    with held(first, resume) as folder:
        assert folder == first
    assert list(first.iterdir()) == []


def test_a_run_that_ended_meanwhile_is_not_written_over(first):
    leave_run(first)
    with pytest.raises(Taken, match="already holds a run"):
        held(first, False).__enter__()


def test_a_run_that_was_killed_is_in_nobodys_way(first):
    leave_run(first)
    (first / ".saving-1234").touch()
    if os.name != "nt":
        (first / run_folder.LOCK).touch()
    with held(first, resume=True):
        assert not (first / ".saving-1234").exists()


@needs_flock
def test_a_lock_file_that_was_deleted_meanwhile_holds_nothing(first, monkeypatch):
    monkeypatch.setattr(run_folder, "flocked", lambda file: not (first / ".lock").unlink())
    with pytest.raises(Taken):
        held(first, False).__enter__()


@needs_flock
def test_a_file_system_without_locks(first, monkeypatch):
    import fcntl

    def flock(file, how):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    with held(first, False) as folder:
        assert folder == first


def test_what_cannot_be_a_folder(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "run"):
        with pytest.raises(OSError, match=f"cannot write into the folder {path}: .*--output"):
            held(path, False).__enter__()


def test_the_latest_run(first):
    with pytest.raises(ValueError, match=r"no run in .*model-data to resume"):
        latest(first)
    first.mkdir(parents=True)  # of a run that was killed in its first epoch
    leave_run(first.with_name("model-data-2"))
    leave_run(first.with_name("model-data-3"))
    first.with_name("model-data-4").mkdir()
    assert latest(first).name == "model-data-3"
