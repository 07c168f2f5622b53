"""The log: a line for each epoch of the run as it stands."""

import json

import pytest

from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.train import Log


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_errors_of_every_epoch(new_trainer, tmp_path):
    path = tmp_path / "runs" / "log.jsonl"
    trainer = new_trainer(callbacks=[Log(path)])
    trainer.fit(3)
    found = lines(path)
    assert [entry["epoch"] for entry in found] == [1, 2, 3]
    for entry, known in zip(found, trainer.history, strict=True):
        assert entry.items() >= known.items()
        assert entry["training_error"] == pytest.approx(1 - known["accuracy"])
        assert entry["test_error"] == pytest.approx(1 - known["test_accuracy"])


def test_a_run_that_went_back_leaves_no_line_twice(new_trainer, tmp_path):
    path = tmp_path / "log.jsonl"
    trainer = new_trainer(callbacks=[Log(path)])
    trainer.fit(3)
    trainer.history = trainer.history[:1]
    trainer.scheduler = None
    trainer.fit(2)
    assert [entry["epoch"] for entry in lines(path)] == [1, 2]


def test_the_file_is_always_whole(new_trainer, tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    trainer = new_trainer(callbacks=[Log(path)])
    trainer.fit(1)

    def killed(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(2)
    assert [entry["epoch"] for entry in lines(path)] == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["log.jsonl"]


def test_without_a_test(new_trainer, points, tmp_path):
    trainer = new_trainer(callbacks=[Log(tmp_path / "log.jsonl")])
    trainer.train_loader, trainer.test_loader = DataLoader(points, 30), None
    trainer.fit(1)
    [entry] = lines(tmp_path / "log.jsonl")
    assert "training_error" in entry
    assert "test_error" not in entry
