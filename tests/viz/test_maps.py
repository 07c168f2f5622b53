"""Planes of numbers as plots."""

import importlib.util

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import viz

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib: install matplotlib")


def texts(place):
    return [text.get_text() for text in place.texts]


def test_numbers_stand_in_the_cells_of_small_planes():
    plot = viz.maps({"rows": tg.tensor([[1.0, -2.0], [0.25, 1 / 3]]), "large": tg.zeros(17, 17)})
    rows, large = plot.axes
    assert rows.get_title() == "rows"
    assert texts(rows) == ["1", "-2", "0.25", "0.333"]
    assert texts(large) == []
    assert texts(viz.maps({"large": tg.zeros(17, 17)}, numbers=True).axes[0]) == ["0"] * 289
    assert texts(viz.maps({"small": [[1, 2]]}, numbers=False).axes[0]) == []


def test_a_row_a_picture_and_an_array():
    plot = viz.maps({"row": [1, 2, 3], "picture": tg.ones(3, 4, 5), "array": np.eye(2)}, columns=2)
    shapes = [place.images[0].get_array().shape for place in plot.axes if place.get_visible()]
    assert shapes == [(1, 3), (4, 5, 3), (2, 2)]


@pytest.mark.parametrize("plane, ends", [([0, 4], (0, 4)), ([-3, 4], (-4, 4)), ([0, 0], (0, 1))])
def test_white_is_zero(plane, ends):
    assert viz.maps({"": plane}).axes[0].images[0].get_clim() == ends


@pytest.mark.parametrize("name", ["plot.svg", "plot.png", "plot.pdf"])
def test_the_same_file_in_every_run(tmp_path, name):
    files = [
        viz.maps({"x": tg.eye(3)}).write(tmp_path / folder / name).read_bytes() for folder in "ab"
    ]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "plane", [tg.zeros(2, 2, 2), tg.tensor(1.0), np.zeros((4, 5, 3)), [], [[1, 2], [3]], ["x"]]
)
def test_what_is_no_plane(plane):
    with pytest.raises(ValueError, match=r"maps: .*'wrong'"):
        viz.maps({"wrong": plane})


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="at least one plane"):
        viz.maps({})
    with pytest.raises(ValueError, match="columns is at least 1, got 0"):
        viz.maps({"x": [1]}, columns=0)


def test_what_is_not_finite_does_not_count_for_the_colours():
    place = viz.maps({"x": [float("nan"), 2, float("inf")]}).axes[0]
    assert place.images[0].get_clim() == (0, 2)
    assert texts(place) == ["nan", "2", "inf"]


def test_without_matplotlib(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install 'tinygrad_cnn\[demos\]'"):
        viz.figure()
