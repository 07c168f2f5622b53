"""`tinygrad-cnn doctor`: what computes here, what is missing, what that costs and what mends it."""

import argparse
import json
import os
import platform
import shutil
import sys
from dataclasses import asdict
from typing import Any

from .. import __version__
from ..kernels import facts, report
from . import findings
from .findings import MISSING, OK, SLOW, UNUSED, Finding

MARKS = {OK: "[green]ok[/]", SLOW: "[yellow]slow[/]", MISSING: "[red]missing[/]", UNUSED: "–"}


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `doctor`."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what computes here, what is missing and what that costs",
        description="Look at the installation: NumPy and its BLAS, compiled kernels and where they "
        "are kept, threads, GPU, optional packages. What is missing or slow is told with what it "
        "costs and what mends it. Nothing is changed.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with all facts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what was found; returns the exit code."""
    known = gathered()
    found = examined(known)
    if args.json:
        topics = {topic: [asdict(finding) for finding in row] for topic, row in found.items()}
        print(json.dumps({"version": __version__, "findings": topics, "facts": known}, indent=2))
    else:
        show(found)
    return 0


def gathered() -> dict[str, Any]:
    """All facts."""
    return {
        "machine": facts.machine(),
        "threads": facts.threads(),
        "numpy": facts.numpy(),
        "numba": facts.numba(),
        "overlays": facts.overlays(),
        "cache": facts.cache(),
        "gpu": facts.gpu() | {"refused": report().unusable.get("cudnn")},
        "extras": {extra.name: facts.version(extra.name) for extra in findings.EXTRAS},
        "dot": shutil.which("dot"),
    }


def examined(known: dict[str, Any]) -> dict[str, list[Finding]]:
    """What is to be said of the facts, by topic."""
    environment = known["threads"]["environment"]
    computing = [
        findings.of_python(known["machine"], platform.python_version()),
        findings.of_numpy(known["numpy"], known["machine"]["vectors"]),
        findings.of_numba(known["numba"]),
        findings.of_kernels(known["overlays"], known["numba"], environment),
        findings.of_cache(known["cache"], known["numba"]),
        findings.of_threads(known["threads"], known["machine"]),
        findings.of_allocator(environment),
    ]
    return {
        "computing": [finding for finding in computing if finding is not None],
        "GPU": findings.of_gpu(known["gpu"]),
        "optional": [*findings.of_extras(known["extras"]), findings.of_dot(known["dot"])],
    }


def show(found: dict[str, list[Finding]]) -> None:
    """Print a table for each topic, and what there is to do."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    console = Console(width=width, highlight=False)
    for topic, rows in found.items():
        table = Table(
            title=topic, box=None, title_justify="left", show_header=False, pad_edge=False
        )
        for finding in rows:
            table.add_row(finding.name, MARKS[finding.state], escape(finding.detail))
        console.print(table)
        console.print()
    wanting = [f for rows in found.values() for f in rows if f.cost or f.mend]
    if not wanting:
        console.print("Nothing is missing.")
    for finding in wanting:
        console.print(f"[bold]{finding.name}[/]: {escape(finding.cost)}.")
        if finding.mend:
            console.print(f"    {escape(finding.mend)}")
