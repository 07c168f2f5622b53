"""`train`: what it says, what it writes, and that a killed run goes on as if nothing happened."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.capture.host import HostTape
from tinygrad_cnn.cli.run_folder import held
from tinygrad_cnn.io import load
from tinygrad_cnn.train import Trainer
from tinygrad_cnn.train.recipe import WRITERS

QUICK = ("--epochs", "3", "--batch-size", "50")
CHECKPOINT = "checkpoint.safetensors"


def same(x, y):
    """Whether two checkpoints are the same, bit by bit, but for times."""
    if isinstance(x, dict):
        timeless = x.keys() - {"seconds", "images_per_second"}
        return x.keys() == y.keys() and all(same(x[k], y[k]) for k in timeless)
    if isinstance(x, (list, tuple)):
        return len(x) == len(y) and all(map(same, x, y))
    if isinstance(x, tg.Tensor):
        return x.dtype == y.dtype and np.array_equal(x.raw, y.raw)
    return x == y


@pytest.fixture
def here(tmp_path, monkeypatch, few_digits):
    """An empty current folder, and little data."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def interrupt_at(monkeypatch, steps):
    """Ctrl-C in the step after so many."""
    tell = Trainer.tell
    left = [steps]

    def impatient(self, event, *what):
        tell(self, event, *what)
        left[0] -= event == "step_ended"
        if left[0] < 0:
            left[0] = 10**9
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "tell", impatient)


def stopped(*what):
    raise KeyboardInterrupt


# --- what it says and writes ---


def test_what_is_said(command, here):
    code, out, err = command("train", "lenet5", *QUICK)
    assert (code, err) == (0, "")
    head, *epochs, accuracy, time, hint = out.splitlines()
    assert head == (
        "lenet5 (60,850 parameters) on digits: 200 images for training, 200 for the test; seed 0"
    )
    assert len(epochs) == 3
    assert all("images/s" in line and "test" in line for line in epochs)
    shown = re.search(r"test +([\d.]+%)", epochs[-1])[1]
    assert accuracy == f"accuracy on the 200 digits held out (a random 20 %): {shown}"
    assert time.endswith(f"checkpoint: runs/lenet5-digits/{CHECKPOINT}")
    assert hint.endswith(f"predict runs/lenet5-digits/{CHECKPOINT} --index 0")


def test_the_known_recipe_states_what_unseen_writers_give(command, here, monkeypatch):
    monkeypatch.setattr(
        Trainer,
        "fit",
        lambda self, epochs: self.history.append({"test_accuracy": 0.99, "seconds": 1.0}),
    )
    assert WRITERS in command("train", "lenet5", "--seed", "3")[1]
    assert WRITERS not in command("train", "lenet5", "--lr", "0.1")[1]
    assert WRITERS not in command("train", "lenet", "--output", "lenet")[1]
    out = command("train", "lenet5", "--split", "writers")[1]
    assert WRITERS not in out
    assert "accuracy on the last 200 digits (by writers not seen in training, but for one)" in out


def test_settings_stand_in_the_checkpoint(command, here):
    options = ("--optimizer", "sgd", "--seed", "5", "--split", "writers", "--output", "a b")
    assert command("train", "lenet5", *QUICK, *options)[0] == 0
    checkpoint = load(here / "a b" / CHECKPOINT)
    assert checkpoint["settings"] == {
        "model": "lenet5",
        "data": "digits",
        "epochs": 3,
        "batch_size": 50,
        "optimizer": "sgd",
        "lr": 0.03,  # as for any optimizer that is not the recipe's
        "split": "writers",
        "seed": 5,
        "classes": (),
        "val_split": 0.2,
        "augment": (),
        "weights": "",
        "freeze": (),
        "head_lr_factor": 1.0,
        "schedule": "one_cycle",
        "weight_decay": None,
        "cut": None,
    }
    assert "nesterov" in checkpoint["optimizer"]["param_groups"][0]


def test_other_models_and_rates(command, here):
    argv = ("train", "lenet", "--epochs", "1", "--lr", "0.01", "--workers", "0", "--output", "x")
    code, out, _ = command(*argv)
    assert code == 0
    assert out.startswith("lenet (61,706 parameters)")
    assert load(here / "x" / CHECKPOINT)["settings"]["lr"] == 0.01


def test_every_run_has_its_folder(command, here):
    for folder in ("lenet5-digits", "lenet5-digits-2", "lenet5-digits-3"):
        out = command("train", "lenet5", "--epochs", "1", "--batch-size", "200")[1]
        assert f"checkpoint: runs/{folder}/{CHECKPOINT}" in out
    code, _, err = command("train", "lenet5", "--output", "runs/lenet5-digits-2")
    assert code == 2
    assert err == (
        "tinygrad-cnn: runs/lenet5-digits-2 already holds a run; add --resume to go on with it, "
        "or give another --output\n"
    )


def test_a_second_run_at_the_same_time(command, here):
    with held(Path("runs/lenet5-digits"), resume=False):
        out = command("train", "lenet5", "--epochs", "1", "--batch-size", "200")[1]
        assert f"checkpoint: runs/lenet5-digits-2/{CHECKPOINT}" in out
        code, out, err = command("train", "lenet5", "--output", "runs/lenet5-digits")
    assert (code, out) == (2, "")
    assert "another run that is still going on writes into runs/lenet5-digits;" in err


def test_a_log_that_cannot_be_written_costs_no_epoch(command, here):
    (here / "run" / "log.jsonl").mkdir(parents=True)
    code, _, err = command("train", "lenet5", *QUICK, "--output", "run")
    assert (code, "log.jsonl" in err) == (2, True)
    assert len(load(here / "run" / CHECKPOINT)["history"]) == 1


def test_mnist(command, here, few_images):
    options = ("--data", "mnist", "--epochs", "1", "--output", "run", "--root", "my data")
    code, out, _ = command("train", "lenet5", *options)
    assert code == 0
    assert out.endswith(f"predict run/{CHECKPOINT} --index 0 --root 'my data'\n")
    assert "lenet5 (60,850 parameters) on mnist: 50 images for training, 50 for the test" in out
    assert "accuracy on the 50 test images: " in out


def test_recorded_steps_end_alike(command, here, monkeypatch):
    """Of small networks they are, unless one asks for something else."""
    replayed = []
    replay = HostTape.replay
    monkeypatch.setattr(HostTape, "replay", lambda tape: replayed.append(tape) or replay(tape))
    for name, option in (("as usual", ()), ("recorded", ("--record",)), ("not", ("--no-record",))):
        replayed.clear()
        assert command("train", "lenet5", *QUICK, *option, "--output", name)[0] == 0
        assert bool(replayed) == (name != "not")
    expected = load(f"not/{CHECKPOINT}")
    assert same(load(f"as usual/{CHECKPOINT}"), expected)
    assert same(load(f"recorded/{CHECKPOINT}"), expected)


# --- what is refused ---


def test_what_is_refused(command, here):
    def refused(*options):
        code, _, err = command("train", "lenet5", *options)
        assert code == 2
        assert "Traceback" not in err
        return err

    assert "MNIST found neither" in refused("--data", "mnist", "--root", here)
    assert "pass --download" in refused("--data", "mnist", "--root", here)
    assert "--split is for digits" in refused("--data", "mnist", "--split", "writers")
    assert "'0' is not a whole number of at least 1" in refused("--epochs", "0")
    assert "'x' is not a whole number of at least 1" in refused("--batch-size", "x")
    assert "'-1' is not a whole number of at least 0" in refused("--workers", "-1")
    assert "'nan' is not a number above 0" in refused("--lr", "nan")
    assert "no device 'tpu'" in refused("--device", "tpu")
    assert "no run in runs/lenet5-digits to resume" in refused("--resume")
    assert "cannot load elsewhere" in refused("--resume", "--output", "elsewhere")
    assert not (here / "runs").exists()
    (here / "file").touch()
    assert "cannot write into the folder file/run: " in refused("--output", "file/run")


@pytest.mark.filterwarnings("ignore:.* encountered in .*:RuntimeWarning")
def test_a_rate_that_is_too_high(command, here):
    code, _, err = command("train", "lenet5", "--optimizer", "sgd", "--lr", "1e300", *QUICK)
    assert code == 2
    assert re.search(r"the loss became (nan|inf) in epoch 1, step \d+", err)


# --- going on ---


@pytest.mark.parametrize("steps", [4, 6, 11])
def test_resumed_runs_end_alike(command, here, monkeypatch, steps):
    """Interrupted after an epoch of 4 steps, in the middle of the second, and of the third."""
    assert command("train", "lenet5", *QUICK, "--output", "whole")[0] == 0
    with monkeypatch.context() as patch:
        interrupt_at(patch, steps)
        argv = ("train", "lenet5", *QUICK, "--output", "broken off", "--root", "data")
        code, _, err = command(*argv)
    assert code == 130
    done = steps // 4
    place = f"epoch {done} of 3 and {steps % 4 + 1} of 4 steps of the next"
    assert f"interrupted; broken off/{CHECKPOINT} keeps {place}\n" in err
    again = "tinygrad-cnn train lenet5 --data digits --resume --output 'broken off' --root data"
    assert err.endswith(f"go on with: {again}\n")
    code, out, _ = command("train", "lenet5", "--resume", "--output", "broken off")
    assert code == 0
    assert f"going on after {place}" in out
    assert same(load(f"whole/{CHECKPOINT}"), load(f"broken off/{CHECKPOINT}"))


def test_interrupted_at_once(command, here, monkeypatch):
    """Before the first step, and after it."""
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_epoch", stopped)
        code, _, err = command("train", "lenet5", *QUICK)
    assert (code, err) == (
        130,
        "tinygrad-cnn: interrupted in the first epoch; nothing is kept\n",
    )
    interrupt_at(monkeypatch, 0)
    code, _, err = command("train", "lenet5", *QUICK)
    assert code == 130
    assert "keeps 1 of 4 steps of the first epoch\n" in err


def test_resume_finds_the_latest_run(command, here):
    for _ in range(2):
        assert command("train", "lenet5", "--epochs", "1", "--batch-size", "200")[0] == 0
    code, out, _ = command("train", "lenet5", "--resume")  # nothing is left to do
    assert code == 0
    assert "going on after epoch 1 of 1" in out
    assert "runs/lenet5-digits-2/" in out


def test_resume_keeps_the_settings(command, here):
    assert command("train", "lenet5", "--epochs", "1", "--output", "run")[0] == 0
    resume = ("train", "lenet5", "--resume", "--output", "run")
    assert command(*resume, "--epochs", "1", "--data", "digits")[0] == 0
    code, _, err = command(*resume, "--lr", "0.1")
    assert code == 2
    assert "the run in run was begun with lr 0.003, not 0.1" in err
    code, _, err = command("train", "lenet", "--resume", "--output", "run")
    assert "the run in run was begun with model lenet5, not lenet" in err


@pytest.fixture
def interruptible():
    """Children hear of an interrupt, also where a shell runs the tests in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("name", "code"), [("SIGKILL", -9), ("SIGINT", 130)])
def test_a_killed_process_goes_on(command, run_folder, tmp_path, name, code):
    """The run of `run_folder` in a process of its own, which is ended within its second epoch."""
    options = ["--epochs", "4", "--batch-size", "16", "--output", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_cnn", "train", "lenet5", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(tg.__file__).parents[1])},
    )
    process.stdout.readline()
    assert process.stdout.readline().startswith("epoch 1/4")
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert ("go on with: tinygrad-cnn train lenet5" in err) == (name == "SIGINT")
    assert command("train", "lenet5", "--resume", "--output", tmp_path)[0] == 0
    whole, resumed = (load(folder / CHECKPOINT) for folder in (run_folder, tmp_path))
    assert len(resumed["history"]) == 4
    assert same(whole, resumed)
