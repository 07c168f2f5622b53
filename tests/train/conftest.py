"""What several tests of training need: a small model, small data, and a run of both."""

import signal

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.optim import SGD, Adam
from tinygrad_cnn.optim.lr_scheduler import OneCycleLR
from tinygrad_cnn.train import Trainer

EPOCHS = 4


@pytest.fixture(scope="session")
def points():
    """60 points in three heaps, and which heap each is in."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = rng.standard_normal((60, 2)) + 3.0 * np.eye(3, 2)[labels]
    return TensorDataset(images.astype("float32"), labels)


@pytest.fixture
def interruptible():
    """Python's own handler, also where a shell runs the tests in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def new_trainer(points):
    """A function: a trainer of a small model with dropout, always from the same seed."""

    def make(optimizer="adam", callbacks=(), seed=0, lr=0.05, record=False):
        tg.manual_seed(seed)
        model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
        loader = DataLoader(points, 16, shuffle=True)
        rule = Adam if optimizer == "adam" else SGD
        stepper = rule(model.parameters(), lr=lr)
        schedule = OneCycleLR(stepper, lr, epochs=EPOCHS, steps_per_epoch=len(loader))
        return Trainer(
            model,
            stepper,
            loader,
            DataLoader(points, 60),
            scheduler=schedule,
            callbacks=callbacks,
            record=record,
        )

    return make
