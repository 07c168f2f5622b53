"""Formulas with their numbers filled in: each says what is so."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, viz
from tinygrad_cnn.viz import formulas


def value(formula):
    """What a formula's left side comes to, and the number on its right side."""
    left, _, right = formula.rpartition(" = ")
    for mark, name in (("⌊", "math.floor("), ("⌈", "math.ceil("), ("⌋", ")"), ("⌉", ")")):
        left = left.replace(mark, name)
    left = left.replace("−", "-").replace("·", "*")
    return eval(left, {"math": math}), int(right.replace(",", ""))


def only_row(layer, size):
    """The row of one layer."""
    (row,) = viz.summary(layer, size).rows
    return row


@given(st.integers(5, 40), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.booleans())
def test_output_sizes_are_right(n, k, s, p, ceil_mode):
    p = min(p, k // 2)
    layers = [
        nn.Conv1d(1, 1, k, s, p),
        nn.Conv1d(1, 1, k, s, p + 2, dilation=2),
        nn.MaxPool1d(k, s, p, ceil_mode=ceil_mode),
        nn.AvgPool1d(k, s, p, ceil_mode=ceil_mode),
        nn.ConvTranspose1d(1, 1, k, s, p, output_padding=s - 1),
    ]
    for layer in layers:
        row = only_row(layer, (1, n))
        left, right = value(row.formulas()[0])
        if not (ceil_mode and hasattr(layer, "ceil_mode")):
            assert left == right  # in ceil mode a window that starts outside is left out
        assert right == row.shape[-1]


@given(st.lists(st.lists(st.integers(1, 9), max_size=4).map(tuple), min_size=1, max_size=3))
def test_numbers_of_parameters_are_right(shapes):
    left, right = value(formulas.parameters(shapes))
    assert left == right == sum(math.prod(shape) for shape in shapes)


@pytest.mark.parametrize(
    ("layer", "size", "output", "parameters"),
    [
        (
            nn.Conv2d(3, 96, 11, 4),
            (3, 227, 227),
            "(227 − 11 + 2·0)/4 + 1 = 55",
            "96 · (11·11·3 + 1) = 34,944",
        ),
        (
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            (3, 224, 224),
            "⌊(224 − 7 + 2·3)/2⌋ + 1 = 112",
            "64 · 7·7·3 = 9,408",
        ),
        (nn.MaxPool2d(3, 2, ceil_mode=True), (1, 8, 8), "⌈(8 − 3 + 2·0)/2⌉ + 1 = 4", ""),
        (
            nn.Conv2d(1, 2, (1, 3), dilation=(1, 2)),
            (1, 9, 9),
            "(9 − 1 + 2·0)/1 + 1 = 9, (9 − (2·(3 − 1) + 1) + 2·0)/1 + 1 = 5",
            "2 · (1·3·1 + 1) = 8",
        ),
        (nn.Linear(9216, 4096), (9216,), "", "4096 · (9216 + 1) = 37,752,832"),
        (nn.BatchNorm2d(64), (64, 4, 4), "", "64 · (1 + 1) = 128"),
    ],
)
def test_they_read_as_in_textbooks(layer, size, output, parameters):
    assert only_row(layer, size).formulas() == (output, parameters)


def test_those_of_alexnet():
    with tg.device("meta"):
        text = str(viz.summary(models.alexnet(), (3, 227, 227)).formula_table())
    assert re.search(r"features\.conv1 +\(227 − 11 \+ 2·0\)/4 \+ 1 = 55", text)
