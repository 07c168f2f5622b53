"""A day with a GPU: all that has to be confirmed and measured on one, by one command.

    python -m benchmarks.gpu_day [SECTION ...] [--group A|B|C] [--out DIR] [--quick] [--again]
    python -m benchmarks.gpu_day --list | --dry-run

Sections run one after the other, each in a process of its own with a limit of its own, and write
what they find, row by row, to a JSON file in DIR. A section that fails, or is cut off at its limit,
keeps what it had found and stops no other. One that is done at this commit is not run again, so the
same command goes on where it was stopped; --again runs it anew. Last comes a table of all that lies
in DIR. Groups take less than 10 minutes each: A says whether results are right, B how fast they
come, C why. Settings of the GPU are not changed.

Exit codes: 0 if all is as expected, 1 if something is not, 2 where no GPU can be used.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from . import machine

OUT = Path("gpu_day")
LONGEST = 600  # seconds of a group, all its sections at their limits
NO_GPU = 2


class Section(NamedTuple):
    """A part of the day: its group, its limit in seconds, the function that does it, and what."""

    group: str
    limit: int
    place: str  # "module.function" of this package
    what: str


SECTIONS = {
    "identity": Section(
        "A", 45, "gpu_identity.identity", "driver, versions, flags; copy rate and GEMM ceilings"
    ),
    "double": Section(
        "A", 30, "gpu_checks.conformance", "the probes of the device double, asked of CuPy itself"
    ),
    "suite": Section("A", 240, "gpu_checks.suite", "the tests on the GPU, on four processes"),
    "gates": Section(
        "A", 80, "gpu_gates.gates", "every gate against float64 on the CPU; dropout in bfloat16"
    ),
    "networks": Section(
        "A", 75, "gpu_training.networks", "loss and gradients of whole networks against PyTorch"
    ),
    "kernels": Section(
        "A", 80, "gpu_checks.kernels", "our CUDA kernels: tests, repeatability, memcheck, racecheck"
    ),
    "graph": Section(
        "A", 50, "gpu_training.graph", "no waiting in a step; replayed steps equal plain ones"
    ),
    "steps": Section(
        "B", 330, "gpu_steps.steps", "training and inference of networks against PyTorch, by turns"
    ),
    "without": Section("B", 90, "gpu_steps.plain", "training without cuDNN against PyTorch"),
    "operations": Section(
        "B", 105, "gpu_operations.operations", "single operations and optimisers against PyTorch"
    ),
    "input": Section(
        "B", 75, "gpu_input.feeding", "what feeding from the host costs, against data on the GPU"
    ),
    "plans_tf32": Section(
        "C", 120, "gpu_plans.tf32", "each layer of ResNet-50 and VGG-16, in planes and in rows"
    ),
    "plans_bfloat16": Section("C", 110, "gpu_plans.bfloat16", "the same in bfloat16"),
    "plans_float32": Section("C", 130, "gpu_plans.float32", "the same in strict float32"),
    "distributed": Section(
        "C", 60, "gpu_training.distributed", "NCCL with one rank; two processes on one GPU"
    ),
    "profile": Section("C", 180, "gpu_profile.profile", "the kernels that take longest"),
}


class Report:
    """What a section has found so far, on file from the first row on.

    quick: whether the section is only tried out. folder: where it may leave more files.
    """

    def __init__(self, name: str, folder: Path, quick: bool = False) -> None:
        self.name = name
        self.folder = folder
        self.quick = quick
        self.rows: list[dict[str, Any]] = []
        self.start = time.monotonic()
        self.save("unfinished")

    def add(self, item: str, value: Any, expected: Any = None, good: bool | None = None) -> None:
        """One more row: what was looked at, what was found, what was expected, whether it is so.

        good: None for what is only told.
        """
        self.rows.append({"item": item, "value": value, "expected": expected, "good": good})
        self.save("unfinished")

    def skip(self, item: str, reason: str) -> None:
        """A row for what cannot be asked here."""
        self.add(item, f"skipped: {reason}")

    def save(self, state: str, error: str | None = None) -> None:
        """Write the file; state: "unfinished", "done" or "failed"."""
        found = {
            "section": self.name,
            "state": state,
            "commit": machine.commit(),
            "date": machine.today(),
            "quick": self.quick,
            "seconds": round(time.monotonic() - self.start, 1),
            "rows": self.rows,
            "error": error,
        }
        path = file_of(self.folder, self.name)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(found, indent=1, default=str) + "\n", encoding="utf-8")
        temporary.replace(path)


def file_of(folder: Path, name: str) -> Path:
    """Where a section's findings lie."""
    return folder / f"{name}.json"


def read(folder: Path, name: str) -> dict[str, Any] | None:
    """What a section has found, if it has run."""
    try:
        return json.loads(file_of(folder, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_done(found: dict[str, Any] | None, quick: bool) -> bool:
    """Whether a section need not run again: it came to its end, at this commit, at full length."""
    if found is None or found["state"] != "done" or found["commit"] != machine.commit():
        return False
    return quick or not found["quick"]


def perform(name: str, folder: Path, quick: bool) -> int:
    """Do a section in this process; returns its exit code."""
    report = Report(name, folder, quick)
    module, function = SECTIONS[name].place.split(".")
    try:
        getattr(importlib.import_module(f".{module}", __package__), function)(report)
    except Exception as error:
        traceback.print_exc()
        report.save("failed", f"{type(error).__name__}: {error}")
        return 1
    report.save("done")
    return 0


def command_of(name: str, folder: Path, quick: bool) -> list[str]:
    """The command that does one section in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.gpu_day", "--perform", name, "--out", str(folder)]
    return [*command, "--quick"] if quick else command


def run(name: str, folder: Path, quick: bool) -> str:
    """Run a section within its limit; returns its state, "cut off" behind the limit."""
    file_of(folder, name).unlink(missing_ok=True)
    process = subprocess.Popen(
        command_of(name, folder, quick), cwd=machine.ROOT, start_new_session=os.name == "posix"
    )
    try:
        process.wait(timeout=SECTIONS[name].limit)
    except subprocess.TimeoutExpired:
        stop(process)
        mark(folder, name, "cut off", f"cut off at its limit of {SECTIONS[name].limit} s")
    found = read(folder, name)
    if found is None or found["state"] == "unfinished":
        mark(folder, name, "failed", f"its process ended with code {process.returncode}")
    return read(folder, name)["state"]


def stop(process: subprocess.Popen) -> None:
    """End a process, and those that it has started."""
    if os.name == "posix":
        import signal

        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def mark(folder: Path, name: str, state: str, error: str) -> None:
    """Write into a section's file how it ended, beside what it had found."""
    found = read(folder, name) or {
        "section": name,
        "commit": machine.commit(),
        "date": machine.today(),
        "quick": False,
        "seconds": None,
        "rows": [],
    }
    text = json.dumps({**found, "state": state, "error": error}, indent=1)
    file_of(folder, name).write_text(text + "\n", encoding="utf-8")


# --- the table ------------------------------------------------------------------------------------

MARKS = {True: "yes", False: "NO", None: ""}


def table(folder: Path) -> str:
    """All that was found, in Markdown, as docs/gpu_log.md takes it."""
    lines = ["| section | item | value | expected | as expected |", "|---|---|---|---|---|"]
    for name in SECTIONS:
        found = read(folder, name)
        if found is None:
            lines.append(f"| {name} | | not run | | |")
            continue
        for row in found["rows"]:
            cells = (row["item"], shown(row["value"]), shown(row["expected"]), MARKS[row["good"]])
            lines.append(f"| {name} | {' | '.join(map(one_line, cells))} |")
        if found["state"] != "done":
            lines.append(f"| {name} | {found['state']} | {one_line(found['error'])} | | NO |")
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A value in a cell: floats with four digits, nothing for None."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def one_line(text: Any) -> str:
    """Text that breaks no table."""
    return " ".join(str(text).split()).replace("|", "/")[:160]


def is_good(folder: Path, names: list[str]) -> bool:
    """Whether these sections are done and nothing in them is other than expected."""
    reports = [read(folder, name) for name in names]
    return all(
        found is not None
        and found["state"] == "done"
        and all(row["good"] is not False for row in found["rows"])
        for found in reports
    )


# --- the command ----------------------------------------------------------------------------------


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    command = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_day", description=__doc__.partition("\n")[0]
    )
    command.add_argument("sections", nargs="*", metavar="SECTION", help="default: all")
    command.add_argument("--group", choices=sorted({s.group for s in SECTIONS.values()}))
    command.add_argument("--out", type=Path, default=OUT, help=f"folder (default: {OUT})")
    command.add_argument("--quick", action="store_true", help="small sizes, to try it out")
    command.add_argument("--again", action="store_true", help="also what is done at this commit")
    command.add_argument("--list", action="store_true", help="list the sections and end")
    command.add_argument("--dry-run", action="store_true", help="say what would run, and end")
    command.add_argument("--table", action="store_true", help="print what lies in DIR, and end")
    command.add_argument("--perform", choices=SECTIONS, help=argparse.SUPPRESS)
    options = command.parse_args(words)
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        command.error(f"there is no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    return options


def wanted(options: argparse.Namespace) -> list[str]:
    """The sections that are asked for, in the order of the day."""
    named = options.sections or list(SECTIONS)
    group = options.group
    return [n for n in SECTIONS if n in named and group in (None, SECTIONS[n].group)]


def plan(options: argparse.Namespace) -> str:
    """What would run, with what limits."""
    lines = []
    for name in wanted(options):
        done = not options.again and is_done(read(options.out, name), options.quick)
        state = "done already" if done else f"at most {SECTIONS[name].limit} s"
        lines.append(f"{SECTIONS[name].group}  {name:<15} {state:<14} {SECTIONS[name].what}")
    return "\n".join(lines)


def why_no_gpu() -> str | None:
    """Why no GPU can be used; None where one can."""
    from tinygrad_cnn import kernels

    try:
        kernels.named("cuda")
    except RuntimeError as error:
        return str(error)
    return None


def main(words: list[str] | None = None) -> int:
    """Run what is asked for and print the table; returns the exit code."""
    options = arguments(words)
    options.out = options.out.resolve()
    if options.list or options.dry_run:
        print(plan(options))
        return 0
    if options.table:
        print(table(options.out))
        return 0
    reason = why_no_gpu()
    if reason is not None:
        print(f"gpu_day: no GPU can be used here: {reason}", file=sys.stderr)
        return NO_GPU
    options.out.mkdir(parents=True, exist_ok=True)
    if options.perform:
        return perform(options.perform, options.out, options.quick)
    names = wanted(options)
    for name in names:
        if not options.again and is_done(read(options.out, name), options.quick):
            print(f"{name}: done already", file=sys.stderr, flush=True)
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        print(f"{name}: {run(name, options.out, options.quick)}", file=sys.stderr, flush=True)
    print(table(options.out))
    return 0 if is_good(options.out, names) else 1


if __name__ == "__main__":
    sys.exit(main())
