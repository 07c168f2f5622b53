"""Contestants take turns, and a benchmark that cannot run says why."""

import subprocess
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks import turns
from benchmarks.machine import ROOT, described


def test_in_each_round_all_have_their_turn():
    order = []
    steps = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    assert turns.turns(steps, rounds=2, warm_up=1) == {"a": [3, 5], "b": [4, 6]}
    assert order == list("ababab")


def test_times_are_milliseconds_of_the_clock():
    ticks = iter([1.0, 1.25])
    assert turns.timed(lambda: None, lambda: next(ticks))() == 250.0


def test_short_steps_are_taken_until_a_turn_is_over():
    ticks = iter([1.0, 1.0 + 0.75 * turns.TURN, 1.0 + 1.5 * turns.TURN])
    each = turns.timed(lambda: None, lambda: next(ticks))()
    assert each == pytest.approx(1e3 * 0.75 * turns.TURN)


def test_medians_and_quartiles():
    assert turns.medians({"a": [3.0, 1.0, 2.0]}) == {"a": 2.0}
    assert turns.quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == [2.0, 4.0]
    assert turns.quartiles([1.5]) == [1.5, 1.5]


def test_one_thread_is_timed_by_the_processor(monkeypatch):
    assert turns.clock_for(1) is turns.clock
    assert turns.clock_for(2) is turns.time.perf_counter


def test_a_benchmark_without_what_it_needs_says_so(capsys):
    with pytest.raises(SystemExit) as stop:
        turns.need("no_such_module", "pip install it")
    assert stop.value.code == turns.SKIPPED
    assert capsys.readouterr().err == "skipped: no_such_module is not installed; pip install it\n"


@pytest.mark.parametrize(
    ("name", "module"), [("networks", "torchvision"), ("overhead", "torch"), ("limits", "numba")]
)
def test_a_section_without_its_library_is_skipped(name, module):
    code = (
        f"import runpy, sys; sys.modules[{module!r}] = None; sys.argv = [{name!r}, '--json'];"
        f"runpy.run_module('benchmarks.{name}', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (turns.SKIPPED, "")
    assert done.stderr.startswith(f"skipped: {module} is not installed; ")


def test_an_unknown_section(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "netwroks"])
    with pytest.raises(SystemExit) as stop:
        command.main()
    assert stop.value.code == 2
    assert "there is no section 'netwroks'; there are limits, networks" in capsys.readouterr().err


def fake(code, report="{}"):
    """What stands for a section's process."""

    def run(words, **settings):
        run.words = words
        return subprocess.CompletedProcess(words, code, stdout=report)

    return run


def test_results_replace_those_of_their_section_alone(monkeypatch, tmp_path):
    path = tmp_path / "results.json"
    command.write(path, {"networks": {"old": 1}, "overhead": {"old": 1}})
    words = ["benchmarks", "overhead", "--quick", "--output", str(path)]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(command.machine, "described", dict)
    monkeypatch.setattr(command.machine, "commit", lambda: "abc")
    monkeypatch.setattr(command, "table", lambda name, found: name)
    monkeypatch.setattr(command.subprocess, "run", fake(0, '{"x": 1}'))
    assert command.main() == 0
    results = command.read(path)
    assert results["networks"] == {"old": 1}
    assert (results["overhead"]["report"], results["overhead"]["commit"]) == ({"x": 1}, "abc")
    assert results["overhead"]["quick"] is True


@pytest.mark.parametrize(("code", "outcome"), [(turns.SKIPPED, 0), (1, 1)])
def test_a_section_without_results_keeps_what_it_had(monkeypatch, tmp_path, code, outcome, capsys):
    path = tmp_path / "results.json"
    command.write(path, {"overhead": {"old": 1}})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "overhead", "--output", str(path)])
    monkeypatch.setattr(command.subprocess, "run", fake(code))
    assert command.main() == outcome
    assert command.read(path) == {"overhead": {"old": 1}}
    assert ("overhead failed" in capsys.readouterr().err) == bool(outcome)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("networks", ["--json", "--quick", "--threads", "3", "--compile"]),
        ("scalar", ["--json", "--quick"]),
    ],
)
def test_the_arguments_of_sections(monkeypatch, name, expected):
    words = ["benchmarks", "--quick", "--threads", "3", "--compile"]
    monkeypatch.setattr(sys, "argv", words)
    assert command.words_of(name, command.arguments()) == expected


def test_every_section_can_be_run_and_printed():
    for name, section in command.SECTIONS.items():
        module = __import__(f"benchmarks.{section.module}", fromlist=["printed"])
        assert callable(module.printed), name
        assert section.title or module.TITLE


def test_the_machine_is_described():
    found = described()
    assert {"processor", "cores", "memory", "vectors", "blas", "python", "versions"} <= set(found)
    assert "numpy" in found["versions"]
