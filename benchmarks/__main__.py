"""All benchmarks by one command, and what they find in one file.

    python -m benchmarks [SECTION ...] [--threads N] [--quick] [--compile] [--output FILE]

Sections run one after the other, each in a process of its own; in each all contestants compute by
turns with as many threads. Found figures replace those of the same sections in the file, with the
commit, the date, the machine and its load; a section that cannot run here is skipped with a
sentence and keeps what it had. `python -m benchmarks.report` writes the tables of the documents
from the file. Close other programs before: figures of a busy machine say nothing.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from . import machine
from .turns import SKIPPED

OUTPUT = Path(__file__).parent / "results.json"


class Section(NamedTuple):
    """A module of this package, and the arguments it is run with.

    threads: whether it takes their number: the others run on one, or as a user's step does.
    """

    module: str
    threads: bool = False
    arguments: tuple[str, ...] = ()
    title: str = ""  # if not the module's


SECTIONS = {
    "limits": Section("limits", threads=True),
    "networks": Section("networks", threads=True),
    "numpy": Section(
        "networks", True, ("--without-numba", "resnet18", "resnet20", "lenet"), "Without Numba"
    ),
    "convolution": Section("convolution", threads=True),
    "memory": Section("memory"),
    "overhead": Section("overhead"),
    "scalar": Section("scalar"),
    "libraries": Section("libraries"),
}


def words_of(name: str, options: argparse.Namespace) -> list[str]:
    """The arguments of a section's own command."""
    section = SECTIONS[name]
    words = [*section.arguments, "--json"]
    if options.quick:
        words.append("--quick")
    if section.threads:
        words += ["--threads", str(options.threads)]
    if options.compile and name == "networks":
        words.append("--compile")
    return words


def run(section: str, options: argparse.Namespace) -> tuple[int, dict | None]:
    """The exit code of a section, and what it found, with where and when."""
    before, start = machine.load(), time.monotonic()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            f"benchmarks.{SECTIONS[section].module}",
            *words_of(section, options),
        ],
        cwd=machine.ROOT,
        stdout=subprocess.PIPE,  # what it says beside goes to the terminal
        text=True,
    )
    if done.returncode:
        return done.returncode, None
    return 0, {
        "commit": machine.commit(),
        "date": machine.today(),
        "machine": machine.described(),
        "load": [before, machine.load()],
        "seconds": round(time.monotonic() - start),
        "quick": options.quick,
        "report": json.loads(done.stdout),
    }


def read(path: Path) -> dict:
    """The results in a file, by section; none where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, results: dict) -> None:
    """Write the results, in the order of the sections."""
    ordered = {name: results[name] for name in SECTIONS if name in results}
    text = json.dumps(rounded(ordered), indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def rounded(x: object) -> object:
    """The same data with four digits of every float: more is noise."""
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    if isinstance(x, list):
        return [rounded(value) for value in x]
    return float(f"{x:.4g}") if isinstance(x, float) else x


def table(name: str, found: dict) -> str:
    """A section's title and its report, as the section prints it."""
    section = SECTIONS[name]
    module = importlib.import_module(f".{section.module}", __package__)
    title = section.title or module.TITLE
    return f"\n{title}\n{'-' * len(title)}\n{module.printed(found['report'])}"


def arguments() -> argparse.Namespace:
    """The command line."""
    command = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.partition("\n")[0]
    )
    command.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; default: all"
    )
    command.add_argument("--threads", type=int, default=2, help="for all contestants (default: 2)")
    command.add_argument("--quick", action="store_true", help="few rounds, to try it out")
    command.add_argument("--compile", action="store_true", help="torch.compile takes part")
    command.add_argument("--output", type=Path, default=OUTPUT, help="the file of the results")
    options = command.parse_args()
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        command.error(f"there is no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    return options


def main() -> int:
    """Run the sections that are asked for, and print what was found; returns the exit code."""
    options = arguments()
    results = read(options.output)
    failed, tables = [], []
    for section in options.sections or SECTIONS:
        print(f"{section} ...", file=sys.stderr, flush=True)
        code, found = run(section, options)
        if found is None:
            if code != SKIPPED:
                failed.append(section)
            continue
        print(f"{section}: {found['seconds']} s", file=sys.stderr, flush=True)
        results[section] = found
        write(options.output, results)  # what there is is kept, whatever happens next
        tables.append(table(section, found))
    print("\n".join(tables))
    for section in failed:
        print(f"{section} failed; what it said stands above", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
