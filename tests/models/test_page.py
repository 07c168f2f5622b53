"""docs/models.md says what is so: its counts are those of the networks."""

import re
from pathlib import Path

import pytest
from model_twins import count, made

from tinygrad_cnn import models

PAGE = (Path(__file__).parents[2] / "docs/models.md").read_text()
ROWS = [
    line.strip("| ").split(" | ") for line in PAGE.split("\n") if re.match(r"\| `\w+` \|", line)
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_parameters(row):
    name, _, _, parameters, *_ = row
    assert f"{count(made(name.strip('`'))):,}" == parameters.split()[0]


def test_rows_are_sorted_by_year():
    years = [int(row[1]) for row in ROWS if row[1] != "–"]
    assert years == sorted(years)


def test_every_network_has_one_row():
    assert sorted(row[0].strip("`") for row in ROWS) == sorted(models.INPUT_SIZES)
