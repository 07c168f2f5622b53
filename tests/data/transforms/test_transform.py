"""What holds for every transform: shapes, one image or many, where its random numbers are from."""

import numpy as np
import pytest
from pictures import bytes_of, images_of, seeded

import tinygrad_cnn as tg
from tinygrad_cnn.data import transforms as t

ALL = [
    t.RandomResizedCrop((6, 5)),
    t.CenterCrop((5, 9)),
    t.FiveCrop(5),
    t.TenCrop((5, 6)),
    t.Grayscale(3),
    t.ColorJitter(0.4, 0.4, 0.4, 0.2),
    t.PCANoise((0.2, 0.02, 0.01), np.eye(3), 0.5),
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
    if any(word in repr(transform) for word in ("Random", "Jitter", "Noise")):
        assert not np.array_equal(seeded(transform, images, 0), seeded(transform, images, 1))


@every
def test_other_shapes_are_refused(transform):
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got shape \(8, 8\)"):
        transform(np.zeros((8, 8), np.float32))


MOVING = [
    t.Resize((5, 11)),
    t.RandomResizedCrop(6),
    t.RandomHorizontalFlip(),
    t.RandomCrop(6, padding=2),
    t.CenterCrop(9),
    t.TenCrop(5),
    t.Grayscale(),
    t.ColorJitter(0.4, 0.4, 0.4, 0.2),
    t.PCANoise((0.2, 0.02, 0.01), np.eye(3)),
]


@pytest.mark.parametrize("transform", MOVING, ids=lambda tr: type(tr).__name__)
def test_bytes_stay_bytes_of_the_same_picture(transform):
    images = bytes_of(3, 4, 3, 8, 7)
    out = seeded(transform, images)
    assert out.dtype == np.uint8
    expected = seeded(transform, images / np.float32(255)) * 255
    np.testing.assert_allclose(out, expected, atol=0.51)


def test_pictures_of_pillow():
    image = pytest.importorskip("PIL.Image", reason="pictures need Pillow")
    pixels = bytes_of(0, 3, 4, 5)
    picture = image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    turned = t.RandomHorizontalFlip(1)
    np.testing.assert_array_equal(turned(picture), pixels[:, :, ::-1])
    both = t.Compose([t.Pad(1), turned])
    np.testing.assert_array_equal(both(picture), both(pixels))
    np.testing.assert_array_equal(
        t.Pad(0)(picture.convert("L")), np.array(picture.convert("L"))[None]
    )
    palette = picture.convert("P")
    np.testing.assert_array_equal(t.Pad(0)(palette), t.Pad(0)(palette.convert("RGB")))


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="takes NumPy arrays or Pillow's images, got list"):
        t.Pad(1)([[1]])


def test_repr_shows_the_settings():
    assert repr(t.Resize(28)) == "Resize(size=28, antialias=True)"
