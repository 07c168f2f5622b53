"""Contestants that compute by turns, what their times come to, and how a benchmark ends.

Apart from the benchmarks, so that it brings no library along.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, TypeVar

T = TypeVar("T")

# Processor time leaves out what other programs take; where it is coarse (Windows) wall time serves.
FINE = time.get_clock_info("process_time").resolution < 1e-6
clock = time.process_time if FINE else time.perf_counter
TURN = 0.03  # seconds
SKIPPED = 3  # the exit code of a benchmark that cannot run here


def clock_for(threads: int) -> Callable[[], float]:
    """The clock for work on so many threads: of several the processor times would add up."""
    return clock if threads == 1 else time.perf_counter


def turns(contestants: Mapping[str, Callable[[], T]], rounds: int, warm_up: int = 0) -> dict:
    """What each contestant returns, as lists by name: in every round all have their turn.

    The first `warm_up` rounds do not count.
    """
    found: dict[str, list[T]] = {name: [] for name in contestants}
    for _ in range(warm_up + rounds):
        for name, compute in contestants.items():
            found[name].append(compute())
    return {name: results[warm_up:] for name, results in found.items()}


def timed(step: Callable[[], object], now: Callable[[], float]) -> Callable[[], float]:
    """A function that takes the step and returns how many milliseconds it took.

    A turn lasts TURN at least: short steps are taken several times, and their mean is returned. The
    threads of the one before keep looking for work for a while, which would be charged to the next.
    """

    def run() -> float:
        start = now()
        count = passed = 0
        while passed < TURN:
            step()
            count += 1
            passed = now() - start
        return 1e3 * passed / count

    return run


def medians(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each contestant."""
    return {name: statistics.median(times) for name, times in found.items()}


def quartiles(ratios: Sequence[float]) -> list[float]:
    """Between which values half of the rounds' ratios lie."""
    if len(ratios) < 2:
        return [*ratios, *ratios]
    first, _, last = statistics.quantiles(ratios, n=4, method="inclusive")
    return [first, last]


# --- the command line of a benchmark --------------------------------------------------------------


def parser(text: str, threads: bool = False) -> argparse.ArgumentParser:
    """The options that benchmarks share. text: the benchmark's docstring, whose first line is
    shown. threads: whether it can run on several."""
    made = argparse.ArgumentParser(description=text.partition("\n")[0])
    made.add_argument("--json", action="store_true", help="print one JSON object")
    made.add_argument("--quick", action="store_true", help="few rounds: figures to try it out with")
    if threads:
        made.add_argument("--threads", type=int, default=2, help="for all contestants (default: 2)")
    return made


def say(options: argparse.Namespace, line: str) -> None:
    """Print a line of progress, beside the JSON object where one is asked for."""
    print(line, file=sys.stderr if options.json else sys.stdout, flush=True)


def finish(options: argparse.Namespace, report: dict, printed: str | None) -> None:
    """Print a report as JSON, or the text it is printed as, if that has not been said already."""
    if options.json:
        print(json.dumps(report))
    elif printed is not None:
        print(printed)


def skip(reason: str) -> NoReturn:
    """End a benchmark that cannot run here, with the sentence that says why."""
    print(f"skipped: {reason}", file=sys.stderr)
    sys.exit(SKIPPED)


def need(module: str, advice: str) -> None:
    """End the benchmark unless a module is installed; advice: what brings it.

    It is not imported: processes that are started from here would count its memory as theirs.
    """
    if importlib.util.find_spec(module) is None:
        skip(f"{module} is not installed; {advice}")


ORACLE = "pip install tinygrad-cnn[oracle] brings it"
