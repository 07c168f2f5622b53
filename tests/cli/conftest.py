"""What several tests of commands need: the command in this process, and a trained checkpoint."""

import numpy as np
import pytest

from tinygrad_cnn.cli import main
from tinygrad_cnn.data import datasets

QUICK = ("--epochs", "4", "--batch-size", "16")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """The folder of a short run of lenet5 on Digits."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    assert main(["train", "lenet5", *QUICK, "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def command(capsys):
    """A function: runs a command; returns exit code, standard output and standard error."""

    def run(*argv):
        capsys.readouterr()
        try:
            code = main([str(word) for word in argv])
        except SystemExit as stop:  # argparse
            code = stop.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def few_digits(monkeypatch):
    """Digits with 200 images for training, so that an epoch takes a moment."""
    whole = datasets.Digits.__init__

    def short(self, train=True, *args, **named):
        whole(self, train, *args, **named)
        self.images, self.labels = self.images[:200], self.labels[:200]

    monkeypatch.setattr(datasets.Digits, "__init__", short)


@pytest.fixture
def few_images(monkeypatch):
    """MNIST with 50 images of noise, from no file."""

    def read(self, name, folder, fetch):
        rng = np.random.default_rng(len(name))
        return rng.integers(0, 10, (50,) if "labels" in name else (50, 28, 28), np.uint8)

    monkeypatch.setattr(datasets.MNIST, "read", read)
