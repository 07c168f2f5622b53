"""Every network of the box as an ONNX file: its logits in ONNX Runtime, and loaded again."""

import itertools
import math

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn

# The side of smaller images than a network documents, where it takes them.
SIDES = {
    **dict.fromkeys(("nin", "zfnet", "alexnet_torchvision"), 63),
    **dict.fromkeys(("alexnet", "alexnet_2gpu", "caffenet"), 67),
    **dict.fromkeys(("inception_v2", "inception_v3", "inception_v4"), 75),
}
# Those of which a shallower one is a test already; these run on one batch.
DEEP = {
    *("vgg13", "vgg16", "vgg19", "vgg13_bn", "vgg19_bn"),
    *("plain32", "plain34", "plain44", "plain56", "plain110"),
    *("resnet32", "resnet34", "resnet44", "resnet56", "resnet101", "resnet110", "resnet152"),
    *("wide_resnet50_2", "resnext50_32x4d"),
    *("preact_resnet56", "preact_resnet110", "preact_resnet1001"),
    *("densenet161", "densenet169", "densenet201"),
}
FEW = 16


def thinned(model):
    """The model, with few units between dense layers: there most of its weights would lie."""
    dense = [m for m in model.modules() if isinstance(m, nn.Linear)]
    for layer, following in itertools.pairwise(dense):
        if layer.out_features == following.in_features > 1000:
            layer.weight = nn.Parameter(layer.weight.detach()[:FEW])
            layer.bias = nn.Parameter(layer.bias.detach()[:FEW])
            following.weight = nn.Parameter(following.weight.detach()[:, :FEW])
    return model


def filled(model, rng, gain):
    """The model, made without numbers, with weights under which signals keep their size."""
    for module in model.modules():
        for name, tensor in module.named_own(tg.Tensor):
            deep = tensor.ndim > 1
            spread = gain * math.sqrt(2 / math.prod(tensor.shape[1:])) if deep else 0.1
            numbers = spread * rng.standard_normal(tensor.shape, "float32")
            if name == "running_var" or (name == "weight" and not deep):
                numbers = 1 + abs(numbers)
            tensor.raw = np.asarray(numbers, tensor.dtype)
    return model.eval()


def cases():
    """Every builder, the deep ones marked as slow."""
    marks = {name: [pytest.mark.slow] for name in DEEP}
    return [pytest.param(name, marks=marks.get(name, [])) for name in sorted(models.INPUT_SIZES)]


@tg.no_grad()
def logits(model, x):
    return model(tg.tensor(x)).numpy()


@pytest.mark.parametrize("name", cases())
def test_logits(name, runtime, tmp_path):
    channels, side, _ = models.INPUT_SIZES[name]
    side = SIDES.get(name, min(side, 40))
    rng = np.random.default_rng(0)
    with tg.device("meta"):
        model = thinned(getattr(models, name)(num_classes=10))
    filled(model, rng, gain=0.5 if name == "preact_resnet1001" else 1.0)
    path = tmp_path / "model.onnx"
    tg.onnx.export(model, tg.zeros(1, channels, side, side), path)
    again = tg.onnx.load(path).eval()
    for batch in (2,) if name in DEEP else (1, 3):
        x = rng.standard_normal((batch, channels, side, side), "float32")
        want = logits(model, x)
        (found,) = runtime(path, x)
        for other in (found, logits(again, x)):
            assert other.shape == want.shape
            assert abs(other - want).max() <= 1e-5 * abs(want).max()
    assert abs(want[0] - want[1]).max() > 1e-3 * abs(want).max()  # they depend on the images
    kept = {key for key in model.state_dict() if "num_batches" not in key}
    written = set(again.state_dict())
    assert written <= kept
    assert not {key for key in kept - written if not key.lower().startswith("aux")}
