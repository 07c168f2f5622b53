"""Figures of the documents, from the file of results: nobody copies a number by hand.

    python -m benchmarks.report [--check] [--results FILE]

Writes what stands in README.md and docs/performance.md between `<!-- benchmarks: NAME -->` and
`<!-- /benchmarks -->`; the rest of the documents stays as it is. --check writes nothing, and fails
where a document says something else than the results.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from .__main__ import OUTPUT, read
from .machine import ROOT

DOCUMENTS = ("README.md", "docs/performance.md")
MARKED = re.compile(r"(<!-- benchmarks: (\w+) -->\n)(.*?)(<!-- /benchmarks -->\n)", re.DOTALL)


def number(x: float) -> str:
    """A number with three digits."""
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join([f"| {' | '.join(line)} |" for line in lines])


def place_of(machine: dict) -> str:
    """A machine, and the versions of what ran on it."""
    names = {"numpy": "NumPy", "numba": "Numba", "torch": "PyTorch"}
    versions = [f"{names[n]} {v}" for n, v in machine["versions"].items() if n in names]
    place = [f"{machine['processor']}, {machine['cores']} cores"]
    place += [f"{machine['memory']} GiB"] if machine["memory"] is not None else []
    place += [machine["vectors"], f"Python {machine['python']}", *versions]
    return ", ".join(place)


def origin(found: dict) -> str:
    """When a section was measured, and of which commit."""
    before, after = found["load"]
    text = f"Measured on {found['date']} at commit {found['commit']}"
    if before is not None:
        text += f"; load {before:g} before, {after:g} after"
    rough = " A run of few rounds: read it as rough." if found["quick"] else ""
    return f"{text}.{rough}"


def threads_of(count: int) -> str:
    """On how many threads, and by which clock."""
    return "one thread, processor time" if count == 1 else f"{count} threads, wall time"


def of_limits(found: dict) -> str:
    """The limits of the machine."""
    rows = [
        [threads, number(row["peak"]["best"]), *[number(row[k]["best"]) for k in ("copy", "triad")]]
        for threads, row in found["report"]["threads"].items()
    ]
    return table(["threads", "multiply-add peak, Gflop/s", "copy, GB/s", "triad, GB/s"], rows)


def with_recorded(rows: dict) -> dict:
    """The rows of networks, and one more behind each whose step was also replayed."""
    found = {}
    for name, row in rows.items():
        found[name] = row
        if "recorded" in row:
            ratios = {key: row[f"recorded {key}"] for key in ("ratio planes", "ratio")}
            same = {key: row[key] for key in ("planes", "rows", "goals")}
            found[f"{name}, recorded"] = {**same, **ratios, "ours": row["recorded"]}
    return found


def of_networks(found: dict) -> str:
    """The table of whole networks."""
    heads = ["workload", "ours, ms", "PyTorch NCHW", "channels_last", "ratio to NCHW (goal)"]
    heads.append("ratio to the better (goal), half of the rounds")
    compiled = any("ratio compiled" in row for row in found["report"]["networks"].values())
    rows = []
    for name, row in with_recorded(found["report"]["networks"]).items():
        planes, better = row["goals"]
        noise = ", {:.2f} – {:.2f}".format(*row["noise"]) if "noise" in row else ""
        cells = [name, *[number(row[key]) for key in ("ours", "planes", "rows")]]
        cells.append(f"{row['ratio planes']:.2f} ({planes:g})")
        cells.append(f"{row['ratio']:.2f} ({better:g}){noise}")
        if compiled:
            ratio = row.get("ratio compiled")
            cells.append("–" if ratio is None else f"{ratio:.2f}")
        rows.append(cells)
    if compiled:
        heads.append("ratio to torch.compile")
    how = f"Medians of milliseconds, {threads_of(found['report']['threads'])}."
    return f"{how}\n\n{table(heads, rows)}"


def of_convolution(found: dict) -> str:
    """The table of single convolutions."""
    report = found["report"]
    heads = ["layer", "forward", "dx", "dw", "PyTorch forward", "backward", "ratio forward"]
    heads += ["backward", "all", "all, against planes"]
    rows = []
    for name, row in report["layers"].items():
        theirs = [min(row[f"torch {way} {part}"] for way in ("planes", "rows"))
                  for part in ("forward", "backward")]  # fmt: skip
        times = [row["forward"], row.get("dx"), row["dw"], *theirs]
        ratios = [row[key] for key in ("ratio forward", "ratio backward", "ratio", "ratio planes")]
        cells = ["–" if time is None else f"{time:.2f}" for time in times]
        rows.append([name, *cells, *[f"{ratio:.2f}" for ratio in ratios]])
    how = (
        f"Medians of {report['rounds']}, in milliseconds, {threads_of(report['threads'])}; "
        "PyTorch in the better of its two layouts."
    )
    return f"{how}\n\n{table(heads, rows)}"


def of_memory(found: dict) -> str:
    """Peak memory above the imports, by phase."""
    report = found["report"]
    ours, theirs = report["ours"], report["torch"]
    rows = [
        [phase, *[f"{peaks[phase] - peaks['imports']:.0f}" for peaks in (ours, theirs)]]
        for phase in [*ours][1:]
    ]
    heads = ["peak up to the end of", "ours, MB", "PyTorch, MB"]
    return (
        f"{table(heads, rows)}\n\nOurs divided by PyTorch's: {report['ratio']:.2f} (goal: at most "
        f"{report['goal']:g}); of whole processes, imports included, "
        f"{report['ratio of processes']:.2f}."
    )


def of_overhead(found: dict) -> str:
    """Microseconds of a gate on four numbers."""
    report, middle = found["report"], found["report"]["median"]
    parts = ("forward", "backward", "sum")
    names = {"ours": "ours", "torch": "PyTorch", "ratio": "ratio"}
    rows = [[name, *[f"{middle[key][part]:.2f}" for part in parts]] for key, name in names.items()]
    heads = ["microseconds per operation on 4 numbers", "forward and record", "backward", "sum"]
    return f"{table(heads, rows)}\n\nThe ratio's goal is {report['goal']:g}."


def of_scalar(found: dict) -> str:
    """A step of micrograd's demonstration."""
    report = found["report"]
    rows = []
    for collector, goal in report["goals"].items():
        row = report[collector]["median"]
        cells = [f"{1e3 * row[name]:.1f}" for name in ("ours", "micrograd")]
        rows.append([collector, *cells, f"{row['ratio']:.1f} ({goal:g})"])
    heads = ["garbage collector", "ours, ms", "micrograd, ms", "ratio (goal)"]
    return table(heads, rows)


def of_libraries(found: dict) -> str:
    """A perceptron's step in other libraries."""
    report = found["report"]
    rows = [
        [name, number(time), f"{report['ratios'][name]:.2f}"]
        for name, time in report["milliseconds"].items()
    ]
    text = table(["library", "ms", "ratio to ours"], rows)
    return "\n\n".join(
        [text, *[f"{n} is left out: {why}." for n, why in report["left out"].items()]]
    )


SECTIONS: dict[str, Callable[[dict], str]] = {
    "limits": of_limits,
    "networks": of_networks,
    "numpy": of_networks,
    "convolution": of_convolution,
    "memory": of_memory,
    "overhead": of_overhead,
    "scalar": of_scalar,
    "libraries": of_libraries,
}


def machines(results: dict) -> str:
    """Where all that was measured, with the sections if that was not everywhere the same."""
    sections: dict[str, list[str]] = {}
    for name, found in results.items():
        sections.setdefault(place_of(found["machine"]), []).append(name)
    if len(sections) == 1:
        return f"All on {next(iter(sections))}."
    return "\n".join([f"- {', '.join(names)}: {place}" for place, names in sections.items()])


def block(name: str, results: dict) -> str:
    """The text of a section in docs/performance.md."""
    if name == "machines":
        return machines(results)
    if name == "summary":
        return summary(results)
    if name not in SECTIONS:
        raise ValueError(f"there are no figures {name!r}; there are {', '.join(SECTIONS)}")
    if name not in results:
        return f"Not measured yet: `python -m benchmarks {name}` does."
    found = results[name]
    return f"{SECTIONS[name](found)}\n\n{origin(found)}"


def summary(results: dict) -> str:
    """What README.md says of speed."""
    lines = []
    if "networks" in results:
        found = results["networks"]
        rows = [
            [name, number(row["ours"]), f"{row['ratio planes']:.2f}", f"{row['ratio']:.2f}"]
            for name, row in with_recorded(found["report"]["networks"]).items()
        ]
        heads = [
            "PyTorch's time divided by ours",
            "ours, ms",
            "its default layout",
            "its better one",
        ]
        how = threads_of(found["report"]["threads"])
        lines += [
            table(heads, rows),
            f"{how[0].upper()}{how[1:]}, on {place_of(found['machine'])}.",
        ]
        lines.append(origin(found))
    if "overhead" in results:
        row = results["overhead"]["report"]["median"]
        lines.append(
            "An operation on four float32 numbers, recorded and walked back, costs "
            f"{row['ours']['sum']:.1f} us where PyTorch takes {row['torch']['sum']:.1f} us "
            f"({row['ratio']['sum']:.1f}x; `python -m benchmarks overhead`)."
        )
    if "scalar" in results:
        ratios = [results["scalar"]["report"][c]["median"]["ratio"] for c in ("off", "on")]
        lines.append(
            f"A step of micrograd's demo, one node per number, is {ratios[0]:.1f}x as fast as "
            f"micrograd with Python's garbage collector off and {ratios[1]:.0f}x with it on "
            "(`python -m benchmarks scalar`)."
        )
    return "\n\n".join(lines)


def filled(text: str, results: dict) -> str:
    """A document with the figures of these results.

    Raises: ValueError for a name between markers that there is not.
    """

    def body(match: re.Match) -> str:
        begin, name, _, end = match.groups()
        return f"{begin}{block(name, results)}\n{end}"

    return MARKED.sub(body, text)


def main() -> int:
    """Write the documents, or check them; returns the exit code."""
    command = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    command.add_argument("--check", action="store_true", help="write nothing; fail if they differ")
    command.add_argument("--results", type=Path, default=OUTPUT, help="the file of the results")
    options = command.parse_args()
    results = read(options.results)
    different = []
    for name in DOCUMENTS:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        new = filled(text, results)
        if new != text:
            different.append(name)
            if not options.check:
                path.write_text(new, encoding="utf-8")
    for name in different:
        print(f"{name}: {'differs from the results' if options.check else 'written'}")
    return 1 if options.check and different else 0


if __name__ == "__main__":
    sys.exit(main())
