"""Moved images against slow loops, and the laws that random ones keep."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pictures import images_of, seeded

from tinygrad_cnn.data import transforms as t

SIDES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32)


def slow_affine(image, angle, shift, scale, fill):
    """One image (H, W) moved, a pixel at a time, in double precision."""
    height, width = image.shape
    turn = math.radians(angle)
    cx, cy = (width - 1) / 2, (height - 1) / 2
    out = np.zeros((height, width))

    def pixel(i, j):
        return image[i, j] if 0 <= i < height and 0 <= j < width else fill

    for i in range(height):
        for j in range(width):
            dx, dy = j - cx - shift[0], i - cy - shift[1]
            x = cx + (math.cos(turn) * dx + math.sin(turn) * dy) / scale
            y = cy + (-math.sin(turn) * dx + math.cos(turn) * dy) / scale
            left, top = math.floor(x), math.floor(y)
            for k in (top, top + 1):
                for m in (left, left + 1):
                    out[i, j] += (1 - abs(y - k)) * (1 - abs(x - m)) * pixel(k, m)
    return out


@given(
    SIDES,
    SIDES,
    st.floats(-180, 180),
    st.tuples(st.floats(-4, 4), st.floats(-4, 4)),
    st.floats(0.3, 3),
    st.sampled_from([0.0, 0.5]),
    SEEDS,
)
def test_affine_against_loops(height, width, angle, shift, scale, fill, seed):
    images = images_of(seed, 2, 2, height, width)
    angles = np.array([angle, 0.0])
    shifts = np.array([shift, (0.0, 0.0)])
    scales = np.array([scale, 1.0])
    out = t.affine(images, angles, shifts, scales, fill)
    for c in range(2):
        expected = slow_affine(images[0, c], angle, shift, scale, fill)
        np.testing.assert_allclose(out[0, c], expected, atol=2e-5)
    np.testing.assert_array_equal(out[1], images[1])  # each image has its own numbers


def test_affine_directions():
    images = images_of(0, 1, 1, 5, 5)
    nothing = np.zeros(1)
    turned = t.affine(images, np.array([90.0]), np.zeros((1, 2)), np.ones(1))
    np.testing.assert_allclose(turned[0, 0], np.rot90(images[0, 0], -1), atol=1e-5)  # clockwise
    moved = t.affine(images, nothing, np.array([[1.0, 2.0]]), np.ones(1))
    np.testing.assert_array_equal(moved[0, 0, 2:, 1:], images[0, 0, :-2, :-1])  # right and down
    assert not moved[0, 0, :2].any()
    assert not moved[0, 0, :, 0].any()


@given(SIDES, SIDES, SEEDS)
def test_random_affine_without_room_is_identity(height, width, seed):
    images = images_of(seed, 3, 2, height, width)
    np.testing.assert_array_equal(seeded(t.RandomAffine(0), images, seed), images)


@given(SEEDS)
def test_random_affine_stays_in_its_ranges(seed):
    dot = np.zeros((64, 1, 33, 33), np.float32)
    dot[:, 0, 16, 16] = 1
    moved = seeded(t.RandomAffine(0, (2 / 33, 3 / 33)), dot, seed)
    reach_y = np.abs(np.einsum("nchw,h->n", moved, np.arange(-16, 17)))
    reach_x = np.abs(np.einsum("nchw,w->n", moved, np.arange(-16, 17)))
    assert 1 < reach_x.max() <= 2 + 1e-4
    assert 1.5 < reach_y.max() <= 3 + 1e-4
    disc = np.zeros((64, 1, 33, 33), np.float32)
    disc[:, :, 8:25, 8:25] = 1
    area = seeded(t.RandomAffine(0, scale=(0.5, 1.5)), disc, seed).sum((1, 2, 3)) / 17**2
    assert 0.2 < area.min() < 0.6
    assert 1.5 < area.max() < 2.4


def test_random_affine_with_a_range_of_degrees():
    images = np.broadcast_to(images_of(0, 1, 1, 5, 5), (8, 1, 5, 5))
    turned = seeded(t.RandomAffine((90, 90)), images)
    np.testing.assert_allclose(turned, np.rot90(images, -1, (2, 3)), atol=1e-5)


def test_flip():
    images = images_of(0, 200, 1, 3, 4)
    always = t.RandomHorizontalFlip(1)
    np.testing.assert_array_equal(always(images), images[..., ::-1])
    np.testing.assert_array_equal(t.RandomHorizontalFlip(0)(images), images)
    changed = (seeded(t.RandomHorizontalFlip(0.25), images) != images).any((1, 2, 3))
    assert 25 < changed.sum() < 75
