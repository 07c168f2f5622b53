"""The page with all pictures is the one that docs/gallery.py makes."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NAMES = sorted(path.stem for path in (DOCS.parent / "demos").glob("*.py"))


@pytest.fixture(scope="module")
def gallery():
    """The program that makes the page."""
    return runpy.run_path(str(DOCS / "gallery.py"))


@pytest.fixture(scope="module")
def text():
    """The page."""
    return (DOCS / "gallery.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date(gallery, text):
    assert text == gallery["page"](), "run `python docs/gallery.py`"


def test_it_has_every_demo_with_its_picture_and_source(text):
    assert sorted(re.findall(r"\]\(#(\w+)\)", text)) == NAMES
    assert sorted(re.findall(r'<a id="(\w+)">', text)) == NAMES
    for path in re.findall(r"\]\(([^#)]+)\)", text):
        assert (DOCS / path).exists(), path


def test_pictures_are_small(gallery):
    pictures = list((DOCS / "gallery").iterdir())
    assert sorted(path.name for path in pictures) == [f"{name}.png" for name in NAMES]
    sizes = [path.stat().st_size for path in pictures]
    assert max(sizes) <= gallery["BYTES"] == 40 * 1024
    assert sum(sizes) < 1.5e6
