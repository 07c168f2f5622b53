"""`predict`: images as text, with probabilities."""

import importlib.util
import re

import numpy as np
import pytest

from tinygrad_cnn.cli.predict import text_art
from tinygrad_cnn.data import datasets


def chances(out):
    """The classes and probabilities printed, in their order."""
    found = re.findall(r"^ +(\S+) +(\d+\.\d\d)%(?: #+)?$", out, re.MULTILINE)
    return [(name, float(percent)) for name, percent in found]


def test_a_test_image(command, run_folder):
    code, out, err = command("predict", run_folder, "--index", 3)
    assert (code, err) == (0, "")
    label = datasets.Digits(train=False)[3][1]
    head, *lines = out.splitlines()
    assert head == f"test image 3, labelled {label}:"
    assert lines[:8] == text_art(datasets.Digits(train=False).images[3, 0]).splitlines()
    found = chances(out)
    assert sorted(name for name, _ in found) == list("0123456789")
    percents = [percent for _, percent in found]
    assert percents == sorted(percents, reverse=True)
    assert sum(percents) == pytest.approx(100, abs=0.1)


def test_several(command, run_folder):
    out = command("predict", run_folder, "--index", 0, 1, 2)[1]
    assert re.findall(r"test image (\d)", out) == ["0", "1", "2"]
    assert len(chances(out)) == 30


def test_a_picture_says_the_same_as_the_image_it_was_made_of(command, run_folder, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pictures need Pillow")
    pixels = datasets.Digits(train=False).images[3, 0]
    path = tmp_path / "three.png"
    image.fromarray((pixels * (255 / 16)).astype(np.uint8)).save(path)
    code, out, _ = command("predict", run_folder, path)
    assert code == 0
    assert out.startswith(f"{path}:\n")
    expected = command("predict", run_folder, "--index", 3)[1]
    assert [name for name, _ in chances(out)] == [name for name, _ in chances(expected)]
    for (_, one), (_, other) in zip(chances(out), chances(expected), strict=True):
        assert one == pytest.approx(other, abs=1.0)  # bytes have been rounded


def test_what_is_refused(command, run_folder, tmp_path):
    code, _, err = command("predict", run_folder)
    assert (code, "nothing to predict" in err) == (2, True)
    code, _, err = command("predict", run_folder, "--index", 360)
    assert (code, "no test image 360; they go from 0 to 359" in err) == (2, True)
    code, _, err = command("predict", run_folder, "--index", -1)
    assert (code, "'-1' is not a whole number" in err or "expected at least" in err) == (2, True)
    if importlib.util.find_spec("PIL"):
        code, _, err = command("predict", run_folder, "no.png")
        assert (code, err) == (2, "tinygrad-cnn: cannot read no.png: there is no such file\n")
    code, _, err = command("predict", tmp_path, "--index", 0)
    assert (code, "there is no such file" in err) == (2, True)


def test_text_art():
    image = np.array([[0, 8, 16], [16, 0, 0]], np.uint8)
    assert text_art(image) == "  ++@@\n@@" or text_art(image) == "  ==@@\n@@"
    assert text_art(np.zeros((2, 2), np.uint8)) == "\n"
