"""The demo of a sweep, with short trainings; it asserts its own numbers."""

import json

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_it_goes_on_where_it_was(run, tmp_path):
    out = run("sweep", "--fast")
    assert out.startswith("0 of 20 pairs are known\n")
    path = tmp_path / "results.json"
    whole = json.loads(path.read_text())
    part = dict(list(whole["errors"].items())[:17])
    path.write_text(json.dumps(whole | {"errors": part}))
    again = run("sweep", "--fast")
    assert again == out.replace("0 of 20", "17 of 20")
    assert json.loads(path.read_text()) == whole
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "sweep.svg"}


def test_results_of_other_runs_are_not_mixed_in(run, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps({"epochs": 3, "errors": {}}))
    with pytest.raises(SystemExit, match="of 3 epochs, not 1; remove it"):
        run("sweep", "--fast")
