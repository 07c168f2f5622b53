"""CIFAR-10 on the command line: train, the log, resume, evaluate, predict, what is refused."""

import json

import numpy as np
import pytest
from pictures import write_cifar10, write_picture

from tinygrad_cnn.cli import main
from tinygrad_cnn.data import datasets
from tinygrad_cnn.io import load
from tinygrad_cnn.train import Trainer

QUICK = ("--data", "cifar10", "--batch-size", "20")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_cifar10(tmp_path_factory.mktemp("cifar"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """The folder of a run of two epochs of two steps each, by the paper's schedule."""
    folder = tmp_path_factory.mktemp("runs") / "resnet20"
    options = ("--epochs", "2", "--schedule", "he2016", "--root", str(data))
    assert main(["train", "resnet20", *QUICK, *options, "--output", str(folder)]) == 0
    return folder


def test_the_log_and_the_checkpoint(run):
    assert {path.name for path in run.iterdir()} == {"checkpoint.safetensors", "log.jsonl"}
    checkpoint = load(run / "checkpoint.safetensors")
    settings = checkpoint["settings"]
    assert (settings["schedule"], settings["lr"], settings["weight_decay"]) == ("he2016", 0.1, 1e-4)
    text = (run / "log.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    for line, entry in zip(lines, checkpoint["history"], strict=True):
        assert line["test_error"] == pytest.approx(1 - entry["test_accuracy"])
        assert line["training_error"] == pytest.approx(1 - entry["accuracy"])


def test_interrupted_within_an_epoch(command, run, data, tmp_path, monkeypatch):
    """After the third step, of which there is a checkpoint; then as if nothing had happened."""
    tell = Trainer.tell
    steps = []

    def impatient(self, event, *what):
        tell(self, event, *what)
        if event == "step_ended":
            steps.append(event)
            if len(steps) == 3:
                raise KeyboardInterrupt

    options = ("--epochs", "2", "--schedule", "he2016", "--root", data, "--output", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("tinygrad_cnn.train.checkpoint.SECONDS", 0.0)
        patch.setattr(Trainer, "tell", impatient)
        code, _, err = command("train", "resnet20", *QUICK, *options)
    assert code == 130
    assert "keeps epoch 1 of 2 and 1 of 2 steps of the next\n" in err
    code, out, _ = command(
        "train", "resnet20", "--data", "cifar10", "--root", data, "--resume", "--output", tmp_path
    )
    assert code == 0
    assert "going on after epoch 1 of 2 and 1 of 2 steps of the next\n" in out
    whole, resumed = (load(folder / "checkpoint.safetensors") for folder in (run, tmp_path))
    for name, weight in whole["model"].items():
        np.testing.assert_array_equal(weight.raw, resumed["model"][name].raw, err_msg=name)
    for one, other in zip(whole["history"], resumed["history"], strict=True):
        assert one["loss"] == other["loss"]


def test_evaluate(command, run, data):
    entry = load(run / "checkpoint.safetensors")["history"][-1]
    code, out, err = command("evaluate", run, "--root", data)
    assert (code, err) == (0, "")
    assert out == (
        "resnet20 on 8 test images of cifar10\n"
        f"accuracy {entry['test_accuracy']:.2%}  loss {entry['test_loss']:.4f}\n"
    )
    code, _, err = command("evaluate", run, "--data", "mnist")
    assert (code, "trained on cifar10 cannot be measured on mnist" in err) == (2, True)


def test_predict(command, run, data, tmp_path):
    code, out, _ = command("predict", run, "--index", 0, 7, "--root", data)
    assert code == 0
    test = datasets.CIFAR10(data, train=False)
    assert f"test image 7, labelled {test.classes[test.labels[7]]}:\n" in out
    assert out.count("%") == 10
    code, _, err = command("predict", run, "--index", 8, "--root", data)
    assert (code, "no test image 8; they go from 0 to 7" in err) == (2, True)
    pytest.importorskip("PIL.Image", reason="pictures need Pillow: install pillow")
    path = tmp_path / "seven.png"
    write_picture(path, test.images[7].transpose(1, 2, 0))
    code, again, _ = command("predict", run, path)
    assert code == 0
    assert again.splitlines()[1:] == out.splitlines()[-5:]


def test_what_is_refused(command, tmp_path, data):
    def refused(*argv):
        code, _, err = command("train", *argv, "--output", tmp_path / "run")
        assert code == 2
        assert "Traceback" not in err
        return err

    missing = refused("resnet20", "--data", "cifar10", "--root", tmp_path / "nowhere")
    assert "CIFAR10 found neither test_batch.bin" in missing or "data_batch_1.bin" in missing
    assert "pass --download, or place https://" in missing
    assert "no recipe for lenet5 on cifar10" in refused("lenet5", "--data", "cifar10")
    assert "invalid choice: 'cosine'" in refused("resnet20", "--schedule", "cosine")
    assert "'-1' is not a number of at least 0" in refused("resnet20", "--weight-decay", "-1")
    assert "'x' is not a number of at least 0" in refused("resnet20", "--weight-decay", "x")
    assert not (tmp_path / "run").exists()


def test_without_a_schedule_it_is_one_cycle(command, data, tmp_path):
    options = ("--epochs", "1", "--root", data, "--output", tmp_path)
    assert command("train", "plain20", *QUICK, *options)[0] == 0
    checkpoint = load(tmp_path / "checkpoint.safetensors")
    assert checkpoint["settings"]["schedule"] == "one_cycle"
    assert checkpoint["scheduler"]["total_steps"] == 2
    code, _, err = command(
        "train", "plain20", "--data", "cifar10", "--resume", "--schedule", "he2016", *options[4:]
    )
    assert (code, "was begun with schedule one_cycle, not he2016" in err) == (2, True)
