"""Colours against torchvision and slow truths, and the ranges that random ones keep."""

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import bytes_of, images_of, seeded

from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.data.transforms import color

SEEDS = st.integers(0, 2**32)
FACTORS = st.floats(0, 3)


@pytest.fixture(scope="module")
def functional():
    return pytest.importorskip(
        "torchvision.transforms.functional", reason="torchvision is an extra oracle"
    )


def close(ours, theirs):
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-6)


@given(FACTORS, SEEDS, st.sampled_from([1, 3]))
@pytest.mark.parametrize("dial", ["brightness", "contrast", "saturation"])
def test_dials_against_torchvision(torch, functional, dial, factor, seed, channels):
    image = images_of(seed, channels, 4, 5)
    expected = getattr(functional, f"adjust_{dial}")(torch.from_numpy(image), factor)
    # torchvision rounds the weights of the eye to four digits
    ours = getattr(color, f"adjust_{dial}")(image, factor)
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-3)


@given(st.floats(-0.5, 0.5), SEEDS)
def test_hue_against_torchvision(torch, functional, shift, seed):
    image = images_of(seed, 3, 4, 5)
    close(color.adjust_hue(image, shift), functional.adjust_hue(torch.from_numpy(image), shift))


@given(st.floats(-0.5, 0.5), st.tuples(*[st.floats(0, 1, width=16)] * 3))
def test_hue_against_the_standard_library(shift, pixel):
    hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
    expected = colorsys.hsv_to_rgb((hue + shift) % 1.0, saturation, value)
    ours = color.adjust_hue(np.array(pixel, np.float32).reshape(3, 1, 1), shift)
    np.testing.assert_allclose(ours.ravel(), expected, atol=1e-5)


def test_grey_images_have_no_hue():
    grey = images_of(0, 1, 3, 3)
    np.testing.assert_array_equal(color.adjust_hue(grey, 0.3), grey)
    same = np.repeat(grey, 3, 0)
    np.testing.assert_allclose(color.adjust_hue(same, 0.3), same, atol=1e-6)


def test_grayscale():
    image = images_of(0, 3, 2, 2)
    grey = t.Grayscale()(image)
    expected = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    np.testing.assert_allclose(grey[0], expected, rtol=1e-6)
    np.testing.assert_array_equal(t.Grayscale(3)(image), np.repeat(grey, 3, 0))
    np.testing.assert_allclose(t.Grayscale()(grey), grey)


# --- random dials ---


def test_jitter_of_nothing_is_the_identity():
    images = bytes_of(0, 3, 3, 4, 4)
    np.testing.assert_array_equal(seeded(t.ColorJitter(), images), images)
    np.testing.assert_array_equal(seeded(t.ColorJitter((1, 1), hue=0), images), images)


def test_jitter_keeps_its_range():
    images = np.full((500, 3, 1, 1), 0.5, np.float32)
    factors = seeded(t.ColorJitter(brightness=0.2), images)[:, 0, 0, 0] / 0.5
    assert 0.8 <= factors.min() < 0.81
    assert 1.19 < factors.max() <= 1.2
    factors = seeded(t.ColorJitter(brightness=(0.5, 0.6)), images)[:, 0, 0, 0] / 0.5
    assert 0.5 <= factors.min() < 0.51
    assert 0.59 < factors.max() <= 0.6


def test_jitter_has_every_order():
    """Brightness and hue commute with little; two orders of two dials give two results."""
    images = np.broadcast_to(images_of(0, 1, 3, 2, 2), (40, 3, 2, 2))
    jitter = t.ColorJitter(brightness=(1.8, 1.8), saturation=(0.2, 0.2))
    results = {image.tobytes() for image in seeded(jitter, images)}
    image = images[0]
    one = color.adjust_saturation(color.adjust_brightness(image, 1.8), 0.2)
    other = color.adjust_brightness(color.adjust_saturation(image, 0.2), 1.8)
    assert results == {one.tobytes(), other.tobytes()}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"brightness": -1}, "brightness is a number of at least 0 .* got -1"),
        ({"contrast": (2, 1)}, "contrast is .* got \\(2, 1\\)"),
        ({"saturation": (-1, 1)}, "saturation is"),
        ({"hue": 0.6}, "hue is .* within \\[-0.5, 0.5\\], got 0.6"),
    ],
)
def test_jitter_refuses(settings, words):
    with pytest.raises(ValueError, match=words):
        t.ColorJitter(**settings)


# --- principal colours ---


@given(SEEDS)
def test_principal_colors_are_the_axes_of_the_covariance(seed):
    images = [bytes_of(seed, 3, 4, 5), bytes_of(seed + 1, 3, 2, 7)]
    values, vectors = t.principal_colors(images)
    pixels = np.concatenate([image.reshape(3, -1) for image in images], 1) / 255
    covariance = np.cov(pixels, bias=True)
    np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, covariance, atol=1e-12)
    assert list(values) == sorted(values, reverse=True)
    floats = [(image / np.float32(255), 0) for image in images]  # (image, label), as of a data set
    np.testing.assert_allclose(t.principal_colors(floats)[0], values, rtol=1e-5)


def test_noise_moves_all_pixels_of_an_image_alike():
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    images = 0.4 + 0.2 * images_of(0, 3000, 3, 2, 2)
    moved = seeded(t.PCANoise((0.2, 0.1, 0.05), vectors), images) - images
    light = moved[:, :, 0, 0]
    np.testing.assert_allclose(
        moved, np.broadcast_to(light[:, :, None, None], moved.shape), atol=1e-6
    )
    multiples = light @ vectors
    np.testing.assert_allclose(multiples.std(0), (0.02, 0.01, 0.005), rtol=0.06)
    np.testing.assert_allclose(multiples.mean(0), 0, atol=1e-3)


def test_noise_stays_within_pixels():
    images = np.stack([np.zeros((3, 2, 2), np.uint8), np.full((3, 2, 2), 255, np.uint8)])
    out = seeded(t.PCANoise((1e6, 1e6, 1e6), np.eye(3)), images)
    assert set(np.unique(out)) == {0, 255}


def test_principal_colours_refuse():
    with pytest.raises(ValueError, match="got no images"):
        t.principal_colors([])
    with pytest.raises(ValueError, match=r"\(3, H, W\), got shape \(1, 2, 2\)"):
        t.principal_colors([np.zeros((1, 2, 2), np.uint8)])
    with pytest.raises(ValueError, match=r"got shapes \(2,\) and \(3, 3\)"):
        t.PCANoise((1, 2), np.eye(3))
