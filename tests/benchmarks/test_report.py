"""The documents say what was measured; nobody has changed a figure by hand."""

import json

import pytest

from benchmarks import report
from benchmarks.__main__ import OUTPUT, SECTIONS, read, rounded, write
from benchmarks.machine import ROOT
from tinygrad_cnn.cli.findings import WITHOUT_NUMBA


@pytest.mark.parametrize("name", report.DOCUMENTS)
def test_documents_say_what_the_results_say(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    advice = "write it by: python -m benchmarks.report"
    assert report.filled(text, read(OUTPUT)) == text, advice
    assert report.MARKED.search(text)


def test_every_section_stands_in_a_document():
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in report.DOCUMENTS]
    named = {name for text in texts for _, name, _, _ in report.MARKED.findall(text)}
    assert named == {*report.SECTIONS, "summary", "machines"}
    assert [*report.SECTIONS] == [*SECTIONS]


def test_the_results_say_where_they_are_from():
    for found in read(OUTPUT).values():
        assert {"commit", "date", "machine", "load", "quick", "report"} <= set(found)
        assert found["date"] in report.origin(found)


def test_what_doctor_says_of_numba_is_what_was_measured():
    results = read(OUTPUT)
    sections = [results.get(name) for name in ("numpy", "networks")]
    if any(found is None or found["quick"] for found in sections):
        pytest.skip("the benchmarks have only been run with --quick")
    without, compiled = (found["report"]["networks"] for found in sections)
    for network, factor in WITHOUT_NUMBA.items():
        name = f"{network} training"
        measured = without[name]["ours"] / compiled[name]["ours"]
        assert factor / 1.5 <= measured <= factor * 1.5


DOCUMENT = """Before.

<!-- benchmarks: overhead -->
by hand
<!-- /benchmarks -->

After.
"""
PARTS = {"forward": 1.0, "backward": 2.0, "sum": 3.0}
FOUND = {
    "overhead": {
        "commit": "abc",
        "date": "2026-01-02",
        "machine": {
            "processor": "Some processor",
            "cores": 2,
            "memory": None,
            "vectors": "AVX2",
            "python": "3.11",
            "versions": {"numpy": "2.4", "micrograd": "0.1"},
        },
        "load": [0.1, 0.2],
        "quick": True,
        "report": {"goal": 1.5, "median": {"ours": PARTS, "torch": PARTS, "ratio": PARTS}},
    }
}


def test_only_what_stands_between_marks_is_written():
    text = report.filled(DOCUMENT, FOUND)
    assert text.startswith("Before.\n\n<!-- benchmarks: overhead -->\n| microseconds")
    assert text.endswith("<!-- /benchmarks -->\n\nAfter.\n")
    assert "by hand" not in text
    assert "| ratio | 1.00 | 2.00 | 3.00 |" in text
    assert "Measured on 2026-01-02 at commit abc; load 0.1 before, 0.2 after." in text
    assert "A run of few rounds" in text
    assert report.filled(text, FOUND) == text


def test_machines_are_told_once_or_with_their_sections():
    assert report.machines(FOUND) == "All on Some processor, 2 cores, AVX2, Python 3.11, NumPy 2.4."
    other = {**FOUND["overhead"], "machine": {**FOUND["overhead"]["machine"], "cores": 3}}
    two = report.machines({**FOUND, "scalar": other}).splitlines()
    assert [line.partition(" ")[2].partition(":")[0] for line in two] == ["overhead", "scalar"]


def test_a_change_by_hand_is_found():
    text = report.filled(DOCUMENT, FOUND)
    assert report.filled(text.replace("3.00", "3.01"), FOUND) != text.replace("3.00", "3.01")


def test_what_is_not_measured_says_so():
    assert "Not measured yet: `python -m benchmarks overhead`" in report.filled(DOCUMENT, {})


def test_unknown_figures_are_an_error():
    with pytest.raises(ValueError, match="there are no figures 'overhed'; there are limits"):
        report.filled(DOCUMENT.replace("overhead", "overhed"), FOUND)


def test_floats_are_written_with_four_digits(tmp_path):
    assert rounded({"a": [1.23456, 7], "b": "1.23456"}) == {"a": [1.235, 7], "b": "1.23456"}
    write(tmp_path / "r.json", {"scalar": {"x": 2.0}, "limits": {"x": 1 / 3}})
    assert [*json.loads((tmp_path / "r.json").read_text())] == ["limits", "scalar"]
    assert read(tmp_path / "r.json")["limits"] == {"x": 0.3333}
    assert read(tmp_path / "none.json") == {}
