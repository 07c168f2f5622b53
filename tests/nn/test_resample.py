"""Changes of size as layers: each is its function, with PyTorch's text."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import functional as F

# layer, its arguments, its function of x
LAYERS = [
    ("Upsample", ((5,), {}), lambda x: F.interpolate(x, 5)),
    ("Upsample", ((None, 2), {}), lambda x: F.interpolate(x, scale_factor=2)),
    (
        "Upsample",
        ((), {"scale_factor": (2, 1.7), "mode": "bilinear", "recompute_scale_factor": True}),
        lambda x: F.interpolate(x, None, (2, 1.7), "bilinear", recompute_scale_factor=True),
    ),
    (
        "Upsample",
        ((), {"size": (3, 9), "mode": "bicubic", "align_corners": True}),
        lambda x: F.interpolate(x, (3, 9), mode="bicubic", align_corners=True),
    ),
    ("UpsamplingNearest2d", ((), {"scale_factor": 2}), lambda x: F.interpolate(x, None, 2)),
    (
        "UpsamplingBilinear2d",
        (((3, 9),), {}),
        lambda x: F.interpolate(x, (3, 9), None, "bilinear", True),
    ),
    ("PixelShuffle", ((2,), {}), lambda x: F.pixel_shuffle(x, 2)),
    ("PixelUnshuffle", ((2,), {}), lambda x: F.pixel_unshuffle(x, 2)),
    ("ChannelShuffle", ((2,), {}), lambda x: F.channel_shuffle(x, 2)),
]


@pytest.mark.parametrize(("name", "arguments", "function"), LAYERS)
def test_a_layer_is_its_function_and_torchs(torch, name, arguments, function):
    args, settings = arguments
    layer = getattr(nn, name)(*args, **settings)
    twin = getattr(torch.nn, name)(*args, **settings)
    x = np.random.default_rng(0).standard_normal((2, 4, 4, 6))
    z = layer(tg.tensor(x))
    assert np.array_equal(host(z), host(function(tg.tensor(x))))
    assert np.allclose(host(z), twin(torch.tensor(x)).numpy(), rtol=0, atol=1e-12)
    assert repr(layer) == repr(twin)
    assert not layer.state_dict()
