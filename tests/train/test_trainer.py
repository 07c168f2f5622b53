"""The loop: what it does to a model, what it counts and tells, and when it gives up."""

import math
import signal

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Callback, Trainer
from tinygrad_cnn.train.trainer import Tally, measure


class Diary(Callback):
    """Writes down what it is told."""

    def __init__(self):
        self.entries = []

    def fit_began(self, trainer, epochs):
        self.entries.append(("began", trainer.epoch, epochs))

    def step_ended(self, trainer, tally):
        self.entries.append(("step", trainer.epoch, tally.images))

    def test_step_ended(self, trainer, tally):
        self.entries.append(("test", trainer.epoch, tally.images))

    def epoch_ended(self, trainer):
        self.entries.append(("epoch", trainer.epoch))

    def fit_ended(self, trainer):
        self.entries.append(("ended", trainer.epoch))


def test_it_learns(new_trainer):
    trainer = new_trainer()
    before = trainer.evaluate(trainer.test_loader)
    history = trainer.fit(4)
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4]
    assert history[-1]["test_accuracy"] > max(before.accuracy, 0.8)
    assert history[-1]["test_loss"] < before.loss
    assert trainer.evaluate(trainer.test_loader).loss == history[-1]["test_loss"]


def test_the_loop_is_the_one_that_users_write(new_trainer):
    """The same steps by hand, from the same seed, end at the same weights, bit by bit."""
    trainer = new_trainer("sgd")
    trainer.fit(2)
    twin = new_trainer("sgd")
    model, optimizer, scheduler = twin.model, twin.optimizer, twin.scheduler
    for _ in range(2):
        for x, y in twin.train_loader:
            optimizer.zero_grad()
            here = next(model.parameters()).device
            F.cross_entropy(model(x.to(here)), y.to(here)).backward()
            optimizer.step()
            scheduler.step()
        list(twin.test_loader)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(host(value), host(trainer.model.state_dict()[name]))


class Thaw(Callback):
    """Freezes the first layer for the first two epochs."""

    def fit_began(self, trainer, epochs):
        next(iter(trainer.model.children())).requires_grad_(False)

    def epoch_ended(self, trainer):
        if trainer.epoch == 2:
            next(iter(trainer.model.children())).requires_grad_(True)


@pytest.mark.host("the double records steps in tests/test_double_streams.py alone")
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("callbacks", [(), (Thaw,)], ids=["", "thawed"])
def test_recorded_steps_end_at_the_same_weights(new_trainer, optimizer, callbacks):
    runs = []
    for record in (False, True):
        trainer = new_trainer(optimizer, record=record, callbacks=[make() for make in callbacks])
        history = trainer.fit(4)
        weights = [host(p).tobytes() for p in trainer.model.state_dict().values()]
        runs.append(([(e["loss"], e["accuracy"], e["test_loss"]) for e in history], weights))
    assert runs[0] == runs[1]
    assert trainer.step.recordings > 0


def test_what_callbacks_are_told(new_trainer):
    diary = Diary()
    trainer = new_trainer(callbacks=[diary])
    trainer.fit(1)
    trainer.fit(1)  # nothing left to do
    steps = [("step", 0, n) for n in (16, 32, 48, 60)]
    steps.append(("test", 0, 60))
    began, ended = ("began", 0, 1), ("ended", 1)
    assert diary.entries == [began, *steps, ("epoch", 1), ended, ("began", 1, 1), ended]


def test_callbacks_hear_of_the_end_of_an_interrupted_run(new_trainer):
    class Impatient(Callback):
        def step_ended(self, trainer, tally):
            raise KeyboardInterrupt

    diary = Diary()
    trainer = new_trainer(callbacks=[diary, Impatient()])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(1)
    assert diary.entries[-1] == ("ended", 0)
    assert trainer.history == []


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_waits_for_the_end_of_the_step(new_trainer):
    diary = Diary()
    trainer = new_trainer(callbacks=[diary])
    step = trainer.step

    def pressed(*batch):
        signal.raise_signal(signal.SIGINT)
        return step(*batch)

    trainer.step = pressed
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(1)
    assert diary.entries[1:] == [("step", 0, 16), ("ended", 0)]
    assert trainer.scheduler.last_epoch == 1
    assert trainer.whole


def test_a_list_of_batches_will_do(new_trainer):
    trainer = new_trainer()
    trainer.train_loader = list(trainer.train_loader)
    assert len(trainer.fit(2)) == 2


def test_a_callback_needs_not_hear_everything(new_trainer):
    class Deaf:
        pass

    assert new_trainer(callbacks=[Deaf()]).fit(1)


def test_without_a_batch_there_is_nothing_to_learn_or_measure(points):
    model = nn.Linear(2, 3)
    three = DataLoader(TensorDataset(*(t[:3] for t in points.tensors)), 4, drop_last=True)
    empty = DataLoader(TensorDataset(*(t[:0] for t in points.tensors)), 4)
    some = DataLoader(points, 4)
    stepper = SGD(model.parameters(), lr=0.1)
    words = "no batch: its data set has 3 samples, batch_size is 4 and drop_last True; give it more"
    with pytest.raises(ValueError, match=words):
        Trainer(model, stepper, three).fit(2)
    with pytest.raises(ValueError, match="no batch: its data set has 0 samples"):
        Trainer(model, stepper, empty).fit(2)
    with pytest.raises(ValueError, match="no batch"):
        Trainer(model, stepper, some, empty).fit(2)
    with pytest.raises(ValueError, match="no batch"):
        measure(model, empty)


def test_fit_counts_epochs_in_all(new_trainer):
    trainer = new_trainer()
    trainer.fit(1)
    trainer.fit(3)
    assert trainer.epoch == 3
    assert trainer.scheduler.last_epoch == 3 * len(trainer.train_loader)


def test_without_test_images_and_schedule(points):
    model = nn.Linear(2, 3)
    trainer = Trainer(model, SGD(model.parameters(), lr=0.1), DataLoader(points, 30))
    [entry] = trainer.fit(1)
    assert set(entry) == {"epoch", "loss", "accuracy", "seconds", "images_per_second"}


def test_scores_are_means_over_images(points):
    model = nn.Linear(2, 3)
    images, labels = points.tensors
    outputs = model(tg.tensor(images))
    loss = F.cross_entropy(outputs, tg.tensor(labels)).item()
    right = (host(outputs).argmax(1) == labels).mean()
    for size in (60, 7):
        score = measure(model, DataLoader(points, size))
        assert score.loss == pytest.approx(loss, rel=1e-6)
        assert score.accuracy == pytest.approx(right)
    assert math.isnan(Tally().score().loss)


@pytest.mark.parametrize("training", [True, False])
def test_measuring_leaves_the_model_as_it_was(points, training):
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.9)).train(training)
    first, second = (measure(model, DataLoader(points, 60)) for _ in range(2))
    assert first == second  # no dropout
    assert {module.training for module in model.modules()} == {training}
    assert all(p.grad is None for p in model.parameters())


def test_measuring_goes_on_after_an_error_as_before(points):
    class Broken(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(tg.zeros(1))

        def forward(self, x):
            raise ZeroDivisionError

    model = Broken()
    with pytest.raises(ZeroDivisionError):
        measure(model, DataLoader(points, 60))
    assert model.training
    assert tg.is_grad_enabled()


def test_a_loss_that_is_no_number_is_an_error(points):
    images, labels = points.tensors
    images = images.copy()
    images[40] = math.nan  # in the third batch of 16
    model = nn.Linear(2, 3)
    loader = DataLoader(TensorDataset(images, labels), 16)
    trainer = Trainer(model, SGD(model.parameters(), lr=0.1), loader)
    with pytest.raises(RuntimeError, match=r"nan in epoch 1, step 3, at a learning rate of 0\.1"):
        trainer.fit(1)


def test_a_loss_without_bounds_is_an_error(points):
    model = nn.Linear(2, 3)
    trainer = Trainer(
        model,
        SGD(model.parameters(), lr=0.1),
        DataLoader(points, 16),
        loss=lambda outputs, labels: (outputs * math.inf).abs().sum(),
    )
    with pytest.raises(RuntimeError, match="inf in epoch 1, step 1"):
        trainer.fit(1)


def test_another_loss(points):
    model = nn.Linear(2, 3)
    targets = tg.tensor(np.eye(3, dtype="float32"))
    trainer = Trainer(
        model,
        SGD(model.parameters(), lr=0.1),
        DataLoader(points, 20),
        loss=lambda outputs, labels: ((outputs - targets[labels]) ** 2).mean(),
    )
    history = trainer.fit(3)
    assert history[-1]["loss"] < history[0]["loss"]


def test_batches_go_to_the_models_device(double, points):
    model = nn.Linear(2, 3).to(device="double")
    trainer = Trainer(model, SGD(model.parameters(), lr=0.1), DataLoader(points, 20))
    first, second = trainer.fit(2)
    assert second["loss"] < first["loss"]
    assert {p.device.type for p in model.parameters()} == {"double"}


def test_auxiliary_heads_are_trained_and_not_measured(points):
    class TwoHeads(nn.Module):
        def __init__(self):
            self.main = nn.Linear(2, 3)
            self.aux = nn.Linear(2, 3)

        def forward(self, x):
            return (self.main(x), self.aux(x)) if self.training else self.main(x)

    model = TwoHeads()
    before = host(model.aux.weight).copy()
    loader = DataLoader(points, 20)
    trainer = Trainer(model, SGD(model.parameters(), lr=0.1), loader, loader)
    entry = trainer.fit(3)[-1]
    assert entry["test_accuracy"] > 0.5
    assert entry["loss"] > 1.2 * entry["test_loss"]  # with the heads' share
    assert not np.array_equal(host(model.aux.weight), before)
