"""Pictures from files become images as the makers of the data sets made theirs."""

import sys

import numpy as np
import pytest

from tinygrad_cnn.cli.picture import FORMATS, cropped, read_picture, square

Image = pytest.importorskip("PIL.Image", reason="pictures need Pillow")


def drawn(height=60, width=50, top=20, left=10, tall=30, wide=12):
    """White ink on black paper: a box."""
    picture = np.zeros((height, width), np.uint8)
    picture[top : top + tall, left : left + wide] = 255
    return picture


def saved(picture, path, mode=None):
    Image.fromarray(picture, mode).save(path)
    return path


@pytest.mark.parametrize("data", FORMATS)
@pytest.mark.parametrize("suffix", ["png", "pgm"])
def test_size_range_and_place(tmp_path, data, suffix):
    side, box, full = FORMATS[data]
    image = read_picture(saved(drawn(), tmp_path / f"box.{suffix}"), data)
    assert image.shape == (1, side, side)
    assert (image.min(), image.max()) == (0, full)
    rows = np.flatnonzero(image[0].any(1))
    assert len(rows) == box  # the ink is as tall as it may be
    assert abs((rows[0] + rows[-1]) / 2 - (side - 1) / 2) <= 0.5
    np.testing.assert_allclose(image, image[:, :, ::-1], atol=0.2 * full)  # and in the middle


def test_dark_ink_on_light_paper_is_the_same(tmp_path):
    light = read_picture(saved(drawn(), tmp_path / "light.png"), "mnist")
    dark = read_picture(saved(255 - drawn(), tmp_path / "dark.png"), "mnist")
    np.testing.assert_array_equal(light, dark)


def test_transparent_paper(tmp_path):
    ink = drawn()
    colours = np.zeros((*ink.shape, 4), np.uint8)  # black, and where there is no ink, nothing
    colours[..., 3] = ink
    expected = read_picture(saved(ink, tmp_path / "plain.png"), "mnist")
    image = read_picture(saved(colours, tmp_path / "clear.png"), "mnist")
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("data", FORMATS)
def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path, data):
    side, _, full = FORMATS[data]
    pixels = np.zeros((side, side), np.uint8)
    pixels[2:5, 3] = (255, 100, 0)
    image = read_picture(saved(pixels, tmp_path / "small.png"), data)
    np.testing.assert_allclose(image[0], pixels * (full / 255), rtol=1e-6)


def test_cropped_and_square():
    picture = drawn()
    ink = cropped(picture)
    assert ink.shape == (30, 12)
    assert (ink == 255).all()
    assert square(ink).shape == (30, 30)
    np.testing.assert_array_equal(square(ink)[:, 9:21], ink)
    np.testing.assert_array_equal(square(ink.T), square(ink).T)


def test_what_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="empty: all its pixels are 0"):
        read_picture(saved(np.full((9, 9), 255, np.uint8), tmp_path / "empty.png"), "mnist")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(ValueError, match="not a picture"):
        read_picture(tmp_path / "text.png", "mnist")
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "nothing.png", "mnist")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(RuntimeError, match=r"pip install 'tinygrad_cnn\[images\]'"):
        read_picture(tmp_path / "text.png", "mnist")
