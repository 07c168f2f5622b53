"""The sections of `gpu_day` that ask the probes of the double, the tests and the kernels.

Each takes a Report and adds rows to it. Not yet run on a GPU.
"""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from . import machine
from .gpu_training import deterministic_losses, waiting_refused

TESTS = machine.ROOT / "tests"

# --- the device double ----------------------------------------------------------------------------


@contextlib.contextmanager
def importing_tests() -> Iterator[None]:
    """A context in which the modules that tests share can be imported."""
    sys.path.insert(0, str(TESTS))
    try:
        yield
    finally:
        sys.path.remove(str(TESTS))


def answer(probe: Any, xp: Any, host: Any, refusing: Callable) -> str:
    """What an array library makes of a probe: the error's name, or the result's form."""
    x = xp.asarray(host)
    try:
        if probe.outcome == "waits":
            with refusing(xp):
                result = probe.use(xp, x)
        else:
            result = probe.use(xp, x)
    except Exception as error:
        return f"raises {type(error).__name__}"
    if hasattr(result, "dtype"):
        return f"{type(result).__name__} {result.dtype} {tuple(result.shape)}"
    return type(result).__name__


def is_as_foretold(probe: Any, found: str) -> bool | None:
    """Whether an answer is what the table of probes says; None where the table leaves it open."""
    if probe.outcome in ("open", "poison"):
        return None
    raised = found.removeprefix("raises ") if found.startswith("raises ") else None
    if isinstance(probe.outcome, str):
        return (raised is not None) == (probe.outcome == "waits")
    kinds = probe.outcome if isinstance(probe.outcome, tuple) else (probe.outcome,)
    return raised in {sub.__name__ for kind in kinds for sub in (kind, *kind.__subclasses__())}


def conformance(report: Any, xp: Any = None, refusing: Callable = waiting_refused) -> None:
    """The double's table of probes, answered by CuPy: all answers on file, the differences as rows.

    xp: another array module, for a test of this function.
    """
    import numpy as np

    if xp is None:
        import cupy as xp
    with importing_tests():
        from double_probes import BUGS, CORRECT
    host = np.arange(6, dtype=np.float32).reshape(2, 3)
    answers = {}
    for probe in [*BUGS, *CORRECT]:
        found = answers[probe.name] = answer(probe, xp, host, refusing)
        if is_as_foretold(probe, found) is False:
            expected = getattr(probe.outcome, "__name__", str(probe.outcome))
            report.add(probe.name, found, expected, False)
    path = report.folder / "cupy_answers.json"
    path.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
    if getattr(xp, "__name__", "") == "cupy":
        with importing_tests():
            from double_answers import printed, table
        beside = printed(table()) + "\n"
        (report.folder / "double_answers.txt").write_text(beside, encoding="utf-8")
    wrong = sum(row["good"] is False for row in report.rows)
    report.add("probes answered otherwise", wrong, 0, wrong == 0)
    report.add("probes asked", len(answers))


# --- tests ----------------------------------------------------------------------------------------


def tests(report: Any, item: str, *words: str, timeout: float) -> None:
    """Run some of the tests; a row says how many passed, the whole text is on file."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    try:
        done = subprocess.run(
            command, cwd=machine.ROOT, capture_output=True, text=True, timeout=timeout
        )
        text, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        found = error.stdout or b""  # bytes, whatever was asked for
        found = found if isinstance(found, str) else found.decode(errors="replace")
        text, code = f"{found}\ncut off after {timeout} s", None
    (report.folder / f"{item.replace(' ', '_')}.txt").write_text(text, encoding="utf-8")
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    report.add(item, last.strip("= "), "all pass", code == 0)


def suite(report: Any) -> None:
    """The test suite with the GPU as the backend of tensors."""
    words = ["--backend=cuda", "--maxfail=30", "-n", "4", f"--junitxml={report.folder}/suite.xml"]
    some = ["tests/test_gates.py"] if report.quick else []
    tests(report, "tests on the GPU", *words, *some, timeout=225)


def kernels(report: Any) -> None:
    """Our CUDA kernels against their source run on the CPU; the same bits again; sanitizers."""
    tests(report, "tests of kernels", "tests/kernels", "-k", "cuda", "-n", "4", timeout=40)
    losses = [deterministic_losses() for _ in range(5)]
    report.add("five repeats are one", len(set(losses)), 1, len(set(losses)) == 1)
    for tool in ("memcheck", "racecheck"):
        if shutil.which("compute-sanitizer") is None:
            report.skip(tool, "compute-sanitizer is not found")
            continue
        command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "9", sys.executable]
        code = "from benchmarks.gpu_training import deterministic_losses as f; f(steps=1)"
        try:
            done = subprocess.run(
                [*command, "-c", code], cwd=machine.ROOT, capture_output=True, text=True, timeout=30
            )
        except subprocess.TimeoutExpired:
            report.skip(tool, "it took longer than 30 s")
            continue
        (report.folder / f"{tool}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        report.add(tool, f"exit code {done.returncode}", "exit code 0", done.returncode == 0)
