"""Learning curves."""

import json

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim, viz
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.train import Log, Trainer

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib: install matplotlib")


def trained(folder):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    data = TensorDataset(tg.randn(12, 1, 2, 2), tg.arange(12) % 2)
    loader = DataLoader(data, 4)
    log = Log(folder / "log.jsonl")
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(model, optimizer, loader, DataLoader(data, 12), callbacks=[log])
    trainer.fit(3)
    return trainer


def lines(place):
    return {line.get_label(): np.array(line.get_data()) for line in place.get_lines()}


def test_a_trainer_its_history_and_its_log_are_drawn_alike(tmp_path):
    trainer = trained(tmp_path)
    loss, wrong = viz.learning_curves(trainer, path=tmp_path / "curves.svg").axes
    drawn = lines(loss)
    assert np.array_equal(drawn["training"], [[1, 2, 3], [e["loss"] for e in trainer.history]])
    assert np.array_equal(drawn["test"][1], [e["test_loss"] for e in trainer.history])
    assert np.allclose(
        lines(wrong)["test"][1], [100 - 100 * e["test_accuracy"] for e in trainer.history]
    )
    for other in (trainer.history, tmp_path / "log.jsonl", str(tmp_path / "log.jsonl")):
        for place, again in zip((loss, wrong), viz.learning_curves(other).axes, strict=True):
            for name, line in lines(place).items():
                assert np.array_equal(line, lines(again)[name])
    assert (tmp_path / "curves.svg").exists()


def test_the_last_numbers_stand_at_the_ends():
    history = [{"epoch": i, "loss": 2.0 / i, "test_loss": 2.01 / i} for i in (1, 2)]
    (place,) = viz.learning_curves(history).axes
    labels = sorted(place.texts, key=lambda text: text.xy[1])
    assert [text.get_text() for text in labels] == ["1", "1"]
    assert labels[1].xy[1] - labels[0].xy[1] > 0.05  # not on one another


def test_several_runs():
    runs = {"plain": [{"loss": 3.0}, {"loss": 2.0}], "residual": [{"loss": 3.0}]}
    (place,) = viz.learning_curves(runs).axes
    assert list(lines(place)) == ["plain training", "residual training"]
    colors = {line.get_color() for line in place.get_lines()}
    assert len(colors) == 2
    assert lines(place)["plain training"].tolist() == [[1, 2], [3, 2]]


@pytest.mark.parametrize(
    ("history", "error", "words"),
    [
        ([], ValueError, "has no epoch yet; train first"),
        ({"a": []}, ValueError, "of 'a' has no epoch"),
        ({}, ValueError, "at least one history"),
        ([{"accuracy": 1.0}], ValueError, "at least a 'loss'"),
        (3, TypeError, "a Trainer, its history or the path of its log, got 3"),
    ],
)
def test_what_is_no_history(history, error, words):
    with pytest.raises(error, match=words):
        viz.learning_curves(history)


def test_what_is_no_log(tmp_path):
    path = tmp_path / "log.jsonl"
    with pytest.raises(FileNotFoundError):
        viz.learning_curves(path)
    path.write_text(json.dumps({"loss": 1.0}) + "\nnonsense\n", encoding="utf-8")
    with pytest.raises(ValueError, match="is no log of a training"):
        viz.learning_curves(path)
