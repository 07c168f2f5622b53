"""Receptive fields: what gradients say an output depends on, and the published sizes."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, viz
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.viz.summary import evaluated
from tinygrad_cnn.viz.visit import stand_in


def seen(model, size):
    """The receptive field and the jump of a model's output, where both axes agree."""
    row = viz.summary(model, size).rows[0]
    return row.receptive_field, row.jump


@st.composite
def layers(draw):
    """A layer that slides a window over a single channel, with weights that are not zero."""
    kind = draw(st.sampled_from(["conv", "max", "average", "every second", "transposed"]))
    k, s = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    if kind == "conv":
        layer = nn.Conv1d(1, 1, k, s, dilation=draw(st.integers(1, 2)))
    elif kind == "transposed":
        layer = nn.ConvTranspose1d(1, 1, 2 * s, s)
    elif kind == "every second":
        return Every(2)
    else:
        return nn.AvgPool1d(k, s) if kind == "average" else nn.LPPool1d(2, k, s)
    nn.init.ones_(layer.weight)
    return layer


class Every(nn.Module):
    """Every step-th place."""

    def __init__(self, step):
        self.step = step

    def forward(self, x):
        return x[:, :, :: self.step]


def depends_on(model, size, place):
    """Which places of an input of ones the output's place depends on."""
    x = tg.ones(1, 1, size, dtype=tg.float64, requires_grad=True)
    model.double()(x)[0, 0, place].backward()
    return np.flatnonzero(x.grad.numpy()[0, 0])


@given(st.lists(layers(), min_size=1, max_size=4))
def test_gradients_say_the_same(parts):
    size = 160
    model = nn.Sequential(*parts)
    middle = model(tg.ones(1, 1, size)).shape[-1] // 2
    ((field,), (jump,)) = seen(model, (1, size))
    # Where a stride leaves out places, or makes several of one, some outputs see less than others.
    spans = [depends_on(model, size, middle + i) for i in range(8)]
    widths = [at[-1] - at[0] + 1 for at in spans]
    if any(isinstance(part, nn.ConvTranspose1d) for part in parts):
        assert max(widths) <= field
    else:
        assert set(widths) == {field}
        assert {b[0] - a[0] for a, b in itertools.pairwise(spans)} == {jump}


class Some(nn.Module):
    """Some places along the last axis, with a border of zeros around them or in another order."""

    def __init__(self, kind):
        self.kind = kind

    def forward(self, x):
        if self.kind == "cut":
            return x[..., 3:-2]
        if self.kind == "border":
            return F.pad(x, (2, 1))
        if self.kind == "flat":
            return x[..., : x.shape[-1] // 2 * 2].reshape(1, 1, 2, -1)[:, :, 1]
        return tg.cat([x[..., 1:], x[..., :-1] * 2], 1).sum(1, keepdim=True)


@st.composite
def windows(draw):
    """A layer that slides a window over a single channel, perhaps from before its start."""
    k, s, p = draw(st.integers(2, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 1))
    if draw(st.booleans()):
        return nn.AvgPool1d(k, s, padding=p)
    layer = nn.Conv1d(1, 1, k, s, 2 * p, draw(st.integers(1, 2)))
    nn.init.ones_(layer.weight)
    return layer


def box_and_gradient(parts, draw):
    """What a place is said to see of an input of 96 places, and where its gradient is not zero."""
    size = 96
    model = nn.Sequential(*parts)
    place = draw % model(tg.ones(1, 1, size)).shape[-1]
    field = evaluated(stand_in(model)[0], (1, size)).top.seen
    (box,) = field.box((0, 0, place))
    return box, depends_on(model, size, place)


@given(st.lists(windows(), min_size=1, max_size=4), st.integers(0, 1000))
def test_boxes_end_where_gradients_end(parts, draw):
    (begin, end), seen = box_and_gradient(parts, draw)
    assert all(begin <= i < end for i in seen)
    if begin >= 0 and end <= 96:
        assert (seen[0], seen[-1] + 1) == (begin, end)


SOME = st.sampled_from(["cut", "border", "flat", "branches"]).map(Some)


@given(st.lists(SOME | windows(), min_size=1, max_size=4), st.integers(0, 1000))
def test_boxes_hold_all_that_gradients_reach(parts, draw):
    (begin, end), seen = box_and_gradient(parts, draw)
    assert all(begin <= i < end for i in seen)


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [
        ("vgg16", "features", 212),
        ("alexnet_torchvision", "features", 195),
        ("inception_v3", "Mixed_7c", 1311),
    ],
)
def test_sizes_of_araujo_norris_and_sim(name, layer, size):
    with tg.device("meta"):
        model = getattr(models, name)()
    rows = viz.summary(model, models.INPUT_SIZES[name]).rows
    (found,) = [row.receptive_field for row in rows if row.name == layer]
    assert found == (size, size)


def test_branches_flattening_and_what_is_behind_it():
    conv = nn.Conv2d(3, 4, (3, 5), padding=(1, 2), stride=(1, 2))

    class Net(nn.Module):
        def __init__(self):
            self.conv = conv
            self.linear = nn.Linear(4 * 8 * 4, 2)

        def forward(self, x):
            x = self.conv(x)
            x = tg.cat([x[:, :1], F.max_pool2d(x[:, 1:], 3, 1, 1)], 1) + x
            return self.linear(x.permute(0, 2, 3, 1).reshape(1, -1))

    top, first, last = viz.summary(Net(), (3, 8, 8)).rows
    assert (first.receptive_field, first.jump) == ((3, 5), (1, 2))
    assert last.receptive_field == (5 + 7 * 1, 9 + 3 * 2)
    assert last.jump == (None, None)
    assert top.receptive_field == last.receptive_field


def test_what_stays_apart_is_not_merged():
    class Tokens(nn.Module):
        def __init__(self):
            self.patches = nn.Conv2d(3, 6, 4, 4)
            self.linear = nn.Linear(6, 5)

        def forward(self, x):
            return self.linear(self.patches(x).flatten(2).transpose(1, 2))

    assert seen(Tokens(), (3, 16, 16)) == ((4, 4), (4, 4))
    assert seen(nn.AdaptiveAvgPool2d((2, 4)), (3, 8, 8)) == ((4, 2), (4, 2))
    assert seen(nn.LocalResponseNorm(5), (6, 8, 8)) == ((1, 1), (1, 1))
    assert seen(nn.PixelShuffle(2), (4, 3, 3))[0] == (1, 1)


def test_what_is_not_known_is_left_out():
    row = viz.summary(nn.Upsample(scale_factor=2, mode="bilinear"), (1, 4, 4)).rows[0]
    assert row.receptive_field is None
    assert viz.summary(nn.Linear(3, 2), (3,)).rows[0].receptive_field == ()
