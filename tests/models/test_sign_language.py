"""The course's network for the sign language: its sizes, and PyTorch's values and gradients."""

import pytest
from model_twins import compared, count, filled, made, outputs, stirred

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import Adam


def notes(nn, drops=(0.2, 0.3)):
    """The network as the notes write it, in whichever library `nn` is of."""
    return nn.Sequential(
        nn.Conv2d(1, 25, 3, stride=1, padding=1),
        nn.BatchNorm2d(25),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=2),
        nn.Conv2d(25, 50, 3, stride=1, padding=1),
        nn.BatchNorm2d(50),
        nn.ReLU(),
        nn.Dropout(drops[0]),
        nn.MaxPool2d(2, stride=2),
        nn.Conv2d(50, 75, 3, stride=1, padding=1),
        nn.BatchNorm2d(75),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=2),
        nn.Flatten(),
        nn.Linear(75 * 3 * 3, 512),
        nn.Dropout(drops[1]),
        nn.ReLU(),
        nn.Linear(512, 24),
    )


def test_the_courses_sizes():
    net = made("sign_language_cnn")
    assert count(net) == 404_099
    shapes = outputs(net, 2, 1, 28, 28)
    assert [shapes[i][1:] for i in "048"] == [(25, 28, 28), (50, 14, 14), (50, 7, 7)]
    assert [shapes[i][1:] for i in ("9", "12", "13", "14")] == [
        (75, 7, 7),
        (75, 3, 3),
        (675,),
        (512,),
    ]
    assert shapes["17"] == (2, 24)


def test_settings():
    net = made("sign_language_cnn", num_classes=10, in_channels=3)
    assert count(net) == 404_099 - 14 * 513 + 25 * 2 * 9
    assert net(tg.zeros(2, 3, 28, 28, device="meta")).shape == (2, 10)


def test_the_notes_run_after_the_import_is_changed(torch):
    theirs = repr(notes(torch.nn)).replace("affine=True, bias=True", "affine=True")
    assert repr(notes(nn)) == repr(models.sign_language_cnn()) == theirs


def test_values_and_gradients(torch):
    with torch.device("meta"):
        theirs = notes(torch.nn, drops=(0.0, 0.0))
    ours = filled(made("sign_language_cnn"))
    for layer in ours:
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    compared(torch, ours, stirred(torch, theirs), 3, 1, 28, 28)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_of_training_alone(training):
    net = models.sign_language_cnn().train(training)
    x = tg.randn(4, 1, 28, 28)
    assert (net(x).tolist() == net(x).tolist()) != training


def test_learns_a_few_pictures_by_heart():
    tg.manual_seed(0)
    net = models.sign_language_cnn()
    x, target = tg.randn(24, 1, 28, 28), tg.arange(24)
    optimizer = Adam(net.parameters(), lr=0.002)
    for _ in range(25):
        optimizer.zero_grad()
        F.cross_entropy(net(x), target).backward()
        optimizer.step()
    assert (net.eval()(x).argmax(1) == target).sum().item() >= 22
