"""Borders and windows: what is in them, and where random ones lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import bytes_of, images_of, seeded

from tinygrad_cnn.data import transforms as t

SIDES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32)


@given(st.lists(st.integers(0, 3), min_size=4, max_size=4), SIDES, SIDES)
def test_pad_against_numpy(padding, height, width):
    left, top, right, bottom = padding
    images = np.arange(2 * height * width, dtype=np.uint8).reshape(2, 1, height, width)
    out = t.Pad(padding, fill=7)(images)
    width_by_axis = [(0, 0), (0, 0), (top, bottom), (left, right)]
    np.testing.assert_array_equal(out, np.pad(images, width_by_axis, constant_values=7))
    assert out.dtype == np.uint8


def test_pad_shorthands():
    images = images_of(0, 1, 1, 2, 2)
    np.testing.assert_array_equal(t.Pad(2)(images), t.Pad((2, 2, 2, 2))(images))
    np.testing.assert_array_equal(t.Pad((1, 2))(images), t.Pad((1, 2, 1, 2))(images))
    for wrong in ((1, 2, 3), -1):
        with pytest.raises(ValueError, match="padding is 1, 2 or 4 numbers"):
            t.Pad(wrong)(images)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2), SEEDS)
def test_random_crop_is_a_window_of_the_padded_image(height, width, padding, seed):
    images = np.arange(1, 1 + 2 * 2 * 6 * 6, dtype=np.int64).reshape(2, 2, 6, 6)
    out = seeded(t.RandomCrop((height, width), padding=padding), images, seed)
    padded = np.pad(images, [(0, 0), (0, 0), (padding,) * 2, (padding,) * 2])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    for n in range(2):
        matches = (windows[n] == out[n, :, None, None]).all((0, 3, 4))
        assert matches.any()


def test_random_crop_reaches_every_place():
    images = np.broadcast_to(np.arange(16).reshape(1, 1, 4, 4), (500, 1, 4, 4))
    out = seeded(t.RandomCrop(2), images)
    assert set(out[:, 0, 0, 0].tolist()) == {0, 1, 2, 4, 5, 6, 8, 9, 10}


def test_random_crop_too_large():
    with pytest.raises(ValueError, match=r"RandomCrop\(9, 9\) does not fit images of \(8, 8\)"):
        t.RandomCrop(9, padding=1)(np.zeros((1, 6, 6)))


@pytest.fixture(scope="module")
def functional():
    return pytest.importorskip(
        "torchvision.transforms.functional", reason="torchvision is an extra oracle"
    )


@given(SIDES, SIDES, SIDES, SIDES, SEEDS)
def test_center_crop_against_torchvision(torch, functional, height, width, p, q, seed):
    images = bytes_of(seed, 2, 3, height, width)
    expected = functional.center_crop(torch.from_numpy(images), [p, q])
    np.testing.assert_array_equal(t.CenterCrop((p, q))(images), expected.numpy())


@given(st.integers(4, 9), st.integers(4, 9), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_ten_crops_against_torchvision(torch, functional, height, width, p, q, vertical):
    images = bytes_of(0, 2, 3, height, width)
    expected = functional.ten_crop(torch.from_numpy(images), [p, q], vertical)
    out = t.TenCrop((p, q), vertical)(images)
    assert out.shape == (2, 10, 3, p, q)
    np.testing.assert_array_equal(out, torch.stack(expected, 1).numpy())
    np.testing.assert_array_equal(t.FiveCrop((p, q))(images), out[:, :5])


@pytest.mark.parametrize("kind", [t.FiveCrop, t.TenCrop])
def test_windows_too_large(kind):
    with pytest.raises(ValueError, match=r"Crop\(9, 9\) does not fit images of \(9, 8\) pixels"):
        kind(9)(np.zeros((1, 9, 8), np.uint8))
