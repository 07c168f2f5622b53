"""Losses as layers: each is its function with its settings; PyTorch's states, texts, values."""

import inspect

import numpy as np
import pytest
from oracles import agree

import tinygrad_cnn as tg
from tinygrad_cnn import nn

CLASSES = np.array([0, 2, 1, 1])
SIDES = np.array([1.0, -1.0, -1.0, 1.0])
RNG = np.random.default_rng(0)
SCORES, OTHERS, THIRD = RNG.standard_normal((3, 4, 3))
CHANCES, TARGETS = RNG.random((2, 4, 3))
WEIGHT = np.array([1.0, 2.0, 0.5])

# layer, its settings, the inputs
LAYERS = [
    ("CrossEntropyLoss", {"weight": WEIGHT, "ignore_index": 1}, (SCORES, CLASSES)),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}, (SCORES, TARGETS)),
    ("NLLLoss", {"weight": WEIGHT, "ignore_index": 1}, (SCORES, CLASSES)),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5, "weight": WEIGHT}, (SCORES, CLASSES)),
    ("BCELoss", {"weight": WEIGHT}, (CHANCES, TARGETS)),
    ("BCEWithLogitsLoss", {"weight": WEIGHT, "pos_weight": WEIGHT}, (SCORES, TARGETS)),
    ("MultiLabelSoftMarginLoss", {"weight": WEIGHT}, (SCORES, TARGETS)),
    ("SoftMarginLoss", {}, (SCORES, np.sign(OTHERS))),
    ("MSELoss", {}, (SCORES, OTHERS)),
    ("L1Loss", {}, (SCORES, OTHERS)),
    ("SmoothL1Loss", {"beta": 0.5}, (SCORES, OTHERS)),
    ("HuberLoss", {"delta": 0.5}, (SCORES, OTHERS)),
    ("KLDivLoss", {"log_target": True}, (np.log(CHANCES), np.log(TARGETS))),
    ("PoissonNLLLoss", {"log_input": False, "full": True, "eps": 0.1}, (CHANCES, 4 * TARGETS)),
    ("GaussianNLLLoss", {"full": True, "eps": 0.1}, (SCORES, OTHERS, CHANCES)),
    ("CosineEmbeddingLoss", {"margin": 0.1}, (SCORES, OTHERS, SIDES)),
    ("MarginRankingLoss", {"margin": 0.1}, (SCORES, OTHERS, np.sign(THIRD))),
    ("HingeEmbeddingLoss", {"margin": 0.5}, (SCORES, np.sign(OTHERS))),
    ("TripletMarginLoss", {"margin": 0.5, "p": 1, "swap": True}, (SCORES, OTHERS, THIRD)),
    ("CosineSimilarity", {"dim": 0, "eps": 0.1}, (SCORES, OTHERS)),
    ("PairwiseDistance", {"p": 1, "eps": 0.1, "keepdim": True}, (SCORES, OTHERS)),
]
NAMES = sorted({name for name, _, _ in LAYERS})


def made(library, layers, name, settings):
    """A layer with tensors of that library as settings."""
    arrays = {n: library.tensor(s) if isinstance(s, np.ndarray) else s for n, s in settings.items()}
    return getattr(layers, name)(**arrays)


@pytest.mark.filterwarnings("ignore:reduction")  # PyTorch warns of means that are not batchmeans
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "settings", "inputs"), LAYERS)
def test_losses_are_torchs(torch, name, settings, inputs, reduction):
    if name not in ("CosineSimilarity", "PairwiseDistance"):
        settings = {**settings, "reduction": reduction}
    layer = made(tg, nn, name, settings)
    twin = made(torch, torch.nn, name, settings)
    z, u = layer(*map(tg.tensor, inputs)), twin(*map(torch.tensor, inputs))
    agree("PyTorch", z.raw, u.numpy(), 1e-12)
    assert repr(layer) == repr(twin)
    assert list(layer.state_dict()) == list(twin.state_dict())
    assert list(layer.parameters()) == []


LEGACY = {"size_average", "reduce"}


@pytest.mark.parametrize("name", NAMES)
def test_settings_have_the_names_and_defaults_of_torchs(torch, name):
    def settings(layer):
        parameters = inspect.signature(layer).parameters.values()
        return {p.name: p.default for p in parameters if p.name not in LEGACY}

    layer, twin = getattr(nn, name), getattr(torch.nn, name)
    assert settings(layer) == settings(twin)
    kept = vars(layer())
    for n, value in vars(twin()).items():
        if n in settings(layer):
            assert kept[n] == value


def test_inputs_may_be_named():
    x, y = tg.ones(2), tg.zeros(2)
    assert nn.MSELoss()(input=x, target=y).item() == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.MultiMarginLoss(p=3), "p is 1 or 2, got 3"),
        (lambda: nn.MultiMarginLoss(weight=tg.ones(1, 2)), r"a vector, got shape \(1, 2\)"),
        (lambda: nn.TripletMarginLoss(margin=0), "margin is positive, got 0"),
    ],
)
def test_bad_settings(make, words):
    with pytest.raises(ValueError, match=words):
        make()
