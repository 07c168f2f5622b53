"""The day with a GPU is planned, limited, resumed and told as it should be; no GPU is needed.

What its sections do is asked in `test_gpu_sections.py`.
"""

import importlib
import json
import sys

import pytest

from benchmarks import gpu_day, gpu_identity, machine
from tinygrad_cnn import kernels


@pytest.fixture(autouse=True)
def one_commit(monkeypatch):
    monkeypatch.setattr(machine, "commit", lambda: "abc")


def test_without_a_gpu_it_says_so(monkeypatch, capsys, tmp_path):
    def missing(device):
        raise RuntimeError("the device 'cuda' needs an NVIDIA GPU")

    monkeypatch.setattr(kernels, "named", missing)
    assert gpu_day.main(["--out", str(tmp_path / "day")]) == 2
    said = capsys.readouterr()
    assert said.err == ("gpu_day: no GPU can be used here: the device 'cuda' needs an NVIDIA GPU\n")
    assert not (tmp_path / "day").exists()


@pytest.mark.parametrize("word", ["--list", "--dry-run"])
def test_a_plan_needs_no_gpu(word, capsys, tmp_path):
    assert gpu_day.main([word, "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == list(gpu_day.SECTIONS)
    assert gpu_day.main([word, "--group", "B", "--out", str(tmp_path)]) == 0
    assert {line[0] for line in capsys.readouterr().out.splitlines()} == {"B"}


def test_groups_end_within_ten_minutes():
    for group in "ABC":
        limits = [s.limit for s in gpu_day.SECTIONS.values() if s.group == group]
        assert 0 < sum(limits) <= gpu_day.LONGEST
    assert {s.group for s in gpu_day.SECTIONS.values()} == set("ABC")


def test_sections_are_functions_that_are_there():
    for section in gpu_day.SECTIONS.values():
        module, name = section.place.split(".")
        assert callable(getattr(importlib.import_module(f"benchmarks.{module}"), name))


def test_an_unknown_section(capsys):
    with pytest.raises(SystemExit) as stop:
        gpu_day.main(["stepz"])
    assert stop.value.code == 2
    assert "there is no section 'stepz'; there are identity, double" in capsys.readouterr().err


def stand_in(monkeypatch, **codes):
    """Sections that are Python texts, run in processes as the real ones are."""
    sections = {n: gpu_day.Section("A", 20, "gpu_checks.x", n) for n in codes}
    monkeypatch.setattr(gpu_day, "SECTIONS", sections)
    monkeypatch.setattr(gpu_day, "why_no_gpu", lambda: None)
    head = (
        "import pathlib, sys; from benchmarks import gpu_day, machine;"
        "machine.commit = lambda: 'abc';"
        "report = gpu_day.Report({name!r}, pathlib.Path(sys.argv[1]));"
    )

    def command_of(name, folder, quick):
        return [sys.executable, "-c", head.format(name=name) + codes[name], str(folder)]

    monkeypatch.setattr(gpu_day, "command_of", command_of)


GOOD = "report.add('a', 1.0, 2, True); report.save('done')"


def test_a_section_that_fails_stops_no_other(monkeypatch, tmp_path, capsys):
    broken = "report.add('b', 'half'); sys.exit(5)"
    stand_in(monkeypatch, first=broken, second=GOOD)
    assert gpu_day.main(["--out", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "| first | b | half |  |  |" in out
    assert "| first | failed | its process ended with code 5 | | NO |" in out
    assert "| second | a | 1 | 2 | yes |" in out
    assert json.loads((tmp_path / "second.json").read_text())["state"] == "done"


def test_a_section_at_its_limit_keeps_what_it_found(monkeypatch, tmp_path, capsys):
    stand_in(monkeypatch, slow="report.add('a', 1); import time; time.sleep(60)")
    late = gpu_day.SECTIONS["slow"]._replace(limit=3)
    monkeypatch.setitem(gpu_day.SECTIONS, "slow", late)
    assert gpu_day.main(["--out", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "| slow | cut off | cut off at its limit of 3 s | | NO |" in out
    assert "| slow | a | 1 |  |  |" in out


def test_what_is_done_is_not_run_again(monkeypatch, tmp_path, capsys):
    stand_in(monkeypatch, one=GOOD)
    path = tmp_path / "one.json"
    assert gpu_day.main(["--out", str(tmp_path)]) == 0
    path.write_text(path.read_text().replace("1.0", "7.0"))
    assert gpu_day.main(["--out", str(tmp_path)]) == 0
    assert "7.0" in path.read_text()
    assert "done already" in capsys.readouterr().err
    assert gpu_day.main(["--out", str(tmp_path), "--again"]) == 0
    assert "7.0" not in path.read_text()
    monkeypatch.setattr(machine, "commit", lambda: "def")
    assert not gpu_day.is_done(gpu_day.read(tmp_path, "one"), True)


def test_a_quick_try_is_not_the_day():
    found = {"state": "done", "commit": "abc", "quick": True}
    assert gpu_day.is_done(found, quick=True)
    assert not gpu_day.is_done(found, quick=False)


def test_an_error_is_told(monkeypatch, tmp_path, capsys):
    def broken(report):
        report.add("x", 1)
        raise ValueError("bad | luck")

    monkeypatch.setattr(gpu_identity, "identity", broken)
    assert gpu_day.perform("identity", tmp_path, False) == 1
    assert "| identity | failed | ValueError: bad / luck | | NO |" in gpu_day.table(tmp_path)
    assert "Traceback" in capsys.readouterr().err
    assert not gpu_day.is_good(tmp_path, ["identity"])
