"""Resizing against slow loops, PyTorch and Pillow; the random parts keep their ranges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import bytes_of, images_of, seeded

from tinygrad_cnn.data import transforms as t

SIDES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32)


def slow_resize(image, size):
    """PyTorch's bilinear rule for one image (H, W), a pixel at a time."""
    (height, width), (p, q) = image.shape, size
    out = np.zeros(size)
    for i in range(p):
        for j in range(q):
            y = min(max((i + 0.5) * height / p - 0.5, 0), height - 1)
            x = min(max((j + 0.5) * width / q - 0.5, 0), width - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = image[top, left] + (image[top, right] - image[top, left]) * (x - left)
            lower = image[bottom, left] + (image[bottom, right] - image[bottom, left]) * (x - left)
            out[i, j] = upper + (lower - upper) * (y - top)
    return out


@given(SIDES, SIDES, SIDES, SIDES, SEEDS)
def test_resize_against_loops(height, width, p, q, seed):
    images = images_of(seed, 2, 2, height, width)
    out = t.resize(images, (p, q))
    assert out.shape == (2, 2, p, q)
    assert out.dtype == np.float32
    for image, result in zip(images.reshape(4, height, width), out.reshape(4, p, q), strict=True):
        np.testing.assert_allclose(result, slow_resize(image, (p, q)), atol=1e-6)


@given(SIDES, SIDES, SIDES, SIDES, SEEDS, st.booleans())
def test_resize_against_pytorch(torch, height, width, p, q, seed, antialias):
    images = images_of(seed, 1, 2, height, width)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(images),
        size=(p, q),
        mode="bilinear",
        align_corners=False,
        antialias=antialias,
    )
    np.testing.assert_allclose(t.resize(images, (p, q), antialias), expected.numpy(), atol=1e-6)


@given(SIDES, SIDES, SIDES, SIDES, SEEDS)
def test_resize_against_pillow(height, width, p, q, seed):
    image = pytest.importorskip("PIL.Image", reason="pictures need Pillow")
    pixels = bytes_of(seed, height, width)
    expected = image.fromarray(pixels).resize((q, p), image.Resampling.BILINEAR)
    ours = t.Resize((p, q))(pixels[None])[0]
    difference = ours.astype(int) - np.asarray(expected).astype(int)
    assert np.abs(difference).max() <= 1  # Pillow rounds twice


def test_resize_of_bytes_and_of_the_shorter_side():
    images = np.arange(2 * 4 * 6, dtype=np.uint8).reshape(2, 1, 4, 6)
    np.testing.assert_array_equal(t.Resize(4)(images), images.astype(np.float32))
    assert t.Resize(8)(images).shape == (2, 1, 8, 12)
    assert t.Resize(3)(images.swapaxes(2, 3)).shape == (2, 1, 4, 3)
    with pytest.raises(ValueError, match="cannot resize 4 pixels to 0"):
        t.Resize((0, 3))(images)


@given(st.integers(4, 40), st.integers(4, 40), SEEDS)
def test_random_parts_keep_area_and_ratio(height, width, seed):
    crop = t.RandomResizedCrop(8, scale=(0.2, 0.6), ratio=(0.5, 2.0))
    top, left, high, wide = seeded(lambda size: crop.window(*size), (height, width), seed)
    assert 0 <= top <= height - high
    assert 0 <= left <= width - wide
    # Sides are rounded, each by half a pixel at most.
    assert 0.2 * height * width <= (high + 0.5) * (wide + 0.5)
    assert (high - 0.5) * (wide - 0.5) <= 0.6 * height * width
    assert (wide - 0.5) / (high + 0.5) <= 2.0
    assert (wide + 0.5) / (high - 0.5) >= 0.5


def test_random_parts_are_everywhere():
    crop = t.RandomResizedCrop(8, scale=(0.2, 0.2), ratio=(1, 1))
    places = seeded(lambda size: [crop.window(*size) for _ in range(400)], (10, 12))
    assert {(high, wide) for _, _, high, wide in places} == {(5, 5)}
    assert {top for top, *_ in places} == set(range(6))
    assert {left for _, left, *_ in places} == set(range(8))


def test_a_part_is_what_resize_makes_of_it():
    images = images_of(0, 2, 3, 20, 30)
    out = seeded(t.RandomResizedCrop((8, 6), antialias=False), images, 7)
    crop = t.RandomResizedCrop((8, 6))
    windows = seeded(lambda size: [crop.window(*size) for _ in range(2)], (20, 30), 7)
    assert windows[0] != windows[1]
    for image, (top, left, high, wide), part in zip(images, windows, out, strict=True):
        expected = t.resize(image[None, :, top : top + high, left : left + wide], (8, 6))
        np.testing.assert_array_equal(part, expected[0])


@pytest.mark.parametrize(
    ("size", "window"), [((40, 3), (18, 0, 4, 3)), ((3, 40), (0, 18, 3, 4)), ((9, 9), (0, 0, 9, 9))]
)
def test_what_fits_nowhere_gives_the_middle(size, window):
    crop = t.RandomResizedCrop(8, scale=(2.0, 2.0))
    assert seeded(lambda size: crop.window(*size), size) == window
