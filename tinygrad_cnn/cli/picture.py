"""Picture files as images of a data set, prepared as its makers prepared theirs."""

from pathlib import Path

import numpy as np

# Data set -> side of its images, side of the box that holds the drawing, number of full ink.
FORMATS = {"digits": (8, 8, 16), "mnist": (28, 20, 255), "fashion_mnist": (28, 28, 255)}
FAINT = 0.2  # of full ink: what is weaker is paper


def read_picture(path: Path, data: str) -> np.ndarray:
    """A picture file as an image of the data set `data`.

    Ink is light there: a picture with light edges is inverted. One that is not of the data set's
    size is cut to its ink and made to fit the box that holds the drawing there.

    Shape: (1, H, W) of numbers from 0 to full ink.
    Raises: RuntimeError without Pillow; FileNotFoundError if there is no such file; ValueError if
    it is no picture, or has no ink.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise RuntimeError(
            "reading picture files needs Pillow; install it with: "
            "pip install 'tinygrad_cnn[images]'"
        ) from error
    try:
        with Image.open(path) as file:
            colours = file.convert("RGBA")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"cannot read {path}: there is no such file") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not a picture that Pillow can read") from error
    paper = Image.new("RGBA", colours.size, "white")  # what is transparent is paper
    ink = light_ink(np.asarray(Image.alpha_composite(paper, colours).convert("L")))
    if np.ptp(ink) == 0:
        raise ValueError(f"{path} is empty: all its pixels are {ink.flat[0]}")
    side, box, full = FORMATS[data]
    if ink.shape != (side, side):
        drawing = Image.fromarray(square(cropped(ink)))
        drawing = np.asarray(drawing.resize((box, box), Image.Resampling.BOX))
        ink = np.pad(drawing, (side - box) // 2)
    return (ink[None] * (full / 255)).astype(np.float32)


def light_ink(grey: np.ndarray) -> np.ndarray:
    """A grey picture, inverted if its edges are light. Shape: (H, W) of bytes."""
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return 255 - grey if edges.mean() > 127 else grey


def cropped(ink: np.ndarray) -> np.ndarray:
    """The smallest part of a picture that holds all its ink. Shape: (H, W) -> (P, Q)."""
    strong = ink > FAINT * ink.max()
    rows = np.flatnonzero(strong.any(1))
    columns = np.flatnonzero(strong.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def square(ink: np.ndarray) -> np.ndarray:
    """A picture in the middle of a square of paper. Shape: (H, W) -> (max(H, W),) * 2."""
    side = max(ink.shape)
    spaces = [side - n for n in ink.shape]
    return np.pad(ink, [(space // 2, space - space // 2) for space in spaces])
