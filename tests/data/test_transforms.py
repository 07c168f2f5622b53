"""Transforms against slow loops, and the laws that random ones keep."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.data.draws import drawing_from

SIDES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32)


def images_of(seed, *shape):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def seeded(transform, images, seed=0):
    with drawing_from(np.random.default_rng(seed)):
        return transform(images)


ALL = [
    t.ToFloat(16),
    t.ToTensor(),
    t.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)),
    t.Resize((5, 11)),
    t.Pad((1, 2, 3, 4), fill=0.5),
    t.RandomHorizontalFlip(),
    t.RandomCrop(6, padding=2),
    t.RandomAffine(20, (0.1, 0.2), (0.8, 1.2)),
    t.Compose([t.Resize(9), t.RandomAffine(5), lambda image: image[:, ::-1]]),
]
every = pytest.mark.parametrize("transform", ALL, ids=lambda tr: type(tr).__name__)


@every
def test_one_image_is_a_batch_of_one(transform):
    images = images_of(0, 1, 3, 8, 7)
    one = seeded(transform, images[0])
    np.testing.assert_array_equal(one, seeded(transform, images)[0])
    assert one.dtype == np.float32


@every
def test_input_is_left_alone(transform):
    images = images_of(1, 4, 3, 8, 7)
    before = images.copy()
    out = seeded(transform, images)
    np.testing.assert_array_equal(images, before)
    assert not np.shares_memory(out, images)


@every
def test_the_generator_decides(transform):
    images = images_of(2, 16, 3, 8, 7)
    np.testing.assert_array_equal(seeded(transform, images), seeded(transform, images))
    tg.manual_seed(3)
    first = transform(images)
    tg.manual_seed(3)
    np.testing.assert_array_equal(first, transform(images))
    if "Random" in repr(transform):
        assert not np.array_equal(seeded(transform, images, 0), seeded(transform, images, 1))


@every
def test_other_shapes_are_refused(transform):
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got shape \(8, 8\)"):
        transform(np.zeros((8, 8), np.float32))


def test_repr_shows_the_settings():
    assert repr(t.Resize(28)) == "Resize(size=28)"


# --- those without chance ---


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


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@given(height=SIDES, width=SIDES, p=SIDES, q=SIDES, seed=SEEDS)
def test_resize_against_pytorch(torch, height, width, p, q, seed):
    images = images_of(seed, 1, 2, height, width)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(images), size=(p, q), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(t.resize(images, (p, q)), expected.numpy(), atol=1e-6)


def test_resize_of_bytes_and_of_the_shorter_side():
    images = np.arange(2 * 4 * 6, dtype=np.uint8).reshape(2, 1, 4, 6)
    np.testing.assert_array_equal(t.Resize(4)(images), images.astype(np.float32))
    assert t.Resize(8)(images).shape == (2, 1, 8, 12)
    assert t.Resize(3)(images.swapaxes(2, 3)).shape == (2, 1, 4, 3)
    with pytest.raises(ValueError, match="cannot resize 4 pixels to 0"):
        t.Resize((0, 3))(images)


def test_float_and_normalize():
    images = np.array([0, 51, 255], np.uint8).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(t.ToTensor()(images).ravel(), [0, 0.2, 1], rtol=1e-6)
    np.testing.assert_allclose(t.ToFloat(51)(images).ravel(), [0, 1, 5], rtol=1e-6)
    out = t.Normalize((1, 51, 5), (1, 2, 10))(images)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.ravel(), [-1, 0, 25], rtol=1e-6)
    np.testing.assert_allclose(t.Normalize(51, 2)(images).ravel(), [-25.5, 0, 102], rtol=1e-6)


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


# --- those that move ---


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


def test_flip():
    images = images_of(0, 200, 1, 3, 4)
    always = t.RandomHorizontalFlip(1)
    np.testing.assert_array_equal(always(images), images[..., ::-1])
    np.testing.assert_array_equal(t.RandomHorizontalFlip(0)(images), images)
    changed = (seeded(t.RandomHorizontalFlip(0.25), images) != images).any((1, 2, 3))
    assert 25 < changed.sum() < 75
