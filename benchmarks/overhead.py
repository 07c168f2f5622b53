"""What a gate costs beside its arithmetic: tensor mode against PyTorch on arrays of four numbers.

    python -m benchmarks.overhead [--quick] [--json]

Both libraries run the same chain of elementwise operations in one process and on one thread, by
turns, with the garbage collector as Python sets it. A ratio above 1 says that we are faster.
"""

import statistics

import tinygrad_cnn as tg

from .turns import ORACLE, clock, finish, need, parser, turns

TITLE = "What a gate costs beside its arithmetic"
REPEATS = 200
QUICK = 10
ROUND = ("mul", "add", "tanh", "sub", "relu")  # the op mix, repeated along the chain
LEAVES = (1.3, 0.16, 0.2)  # w, b, c: near 0.3 the chain stands still, and its slope is 0.97
START = 0.3
GOAL = 1.5


def chain(y, w, b, c, rounds: int):
    """ROUND, so many times: three operations of two recorded operands, two of one."""
    for _ in range(rounds):
        y = y * w
        y = y + b
        y = y.tanh()
        y = y - c
        y = y.relu()
    return y


def timed(tensor, ones, rounds: int) -> dict[str, float]:
    """Microseconds per operation of one forward and one backward pass with new leaves.

    tensor: makes a leaf of a list. ones: the gradient to start from.
    """
    leaves = [tensor([number] * 4, requires_grad=True) for number in (START, *LEAVES)]
    start = clock()
    z = chain(*leaves, rounds)
    middle = clock()
    z.backward(ones)
    end = clock()
    scale = 1e6 / (rounds * len(ROUND))
    return {
        "forward": (middle - start) * scale,
        "backward": (end - middle) * scale,
        "sum": (end - start) * scale,
    }


def check(torch, rounds: int) -> None:
    """Raise AssertionError unless both libraries find the same gradients."""
    found = []
    for library in (tg, torch):
        leaves = [library.tensor([n] * 4, requires_grad=True) for n in (START, *LEAVES)]
        chain(*leaves, rounds).backward(library.ones(4))
        found.append([g for leaf in leaves for g in leaf.grad.tolist()])
    for ours, theirs in zip(*found, strict=True):
        if abs(ours - theirs) > 1e-4 * max(1.0, abs(theirs)):
            raise AssertionError(f"gradients differ: ours {ours:.9g}, PyTorch's {theirs:.9g}")


def measure(torch, operations: int, repeats: int) -> dict:
    """Best and median of `repeats` alternating runs of both libraries, ratios, and their noise."""
    torch.set_num_threads(1)
    rounds = max(1, operations // len(ROUND))
    check(torch, rounds)
    sides = {
        "ours": lambda: timed(tg.tensor, tg.ones(4), rounds),
        "torch": lambda: timed(torch.tensor, torch.ones(4), rounds),
    }
    runs = turns(sides, repeats, warm_up=1)
    report = {"operations": rounds * len(ROUND), "mix": list(ROUND), "repeats": repeats}
    report["goal"] = GOAL
    for choice, pick in (("best", min), ("median", statistics.median)):
        table = {
            name: {
                part: pick([run[part] for run in side]) for part in ("forward", "backward", "sum")
            }
            for name, side in runs.items()
        }
        table["ratio"] = {p: table["torch"][p] / table["ours"][p] for p in table["ours"]}
        report[choice] = table
    pairs = zip(runs["torch"], runs["ours"], strict=True)
    tenths = statistics.quantiles([theirs["sum"] / ours["sum"] for theirs, ours in pairs], n=10)
    report["noise"] = [tenths[0], tenths[-1]]
    return report


def printed(report: dict) -> str:
    """The report as a table."""
    lines = [
        f"a chain of {report['operations']} operations ({', '.join(report['mix'])}, repeated) on "
        "4 float32 numbers;",
        f"microseconds per operation, one thread, {report['repeats']} runs of each by turns",
        "",
        f"{'':18}{'forward':>10}{'backward':>10}{'sum':>10}",
    ]
    for choice in ("best", "median"):
        for name, row in report[choice].items():
            numbers = "".join(f"{row[part]:10.2f}" for part in ("forward", "backward", "sum"))
            lines.append(f"{choice + ' ' + name:18}{numbers}")
    lines.append("")
    ratio = report["median"]["ratio"]["sum"]
    lines.append(f"PyTorch / ours: {ratio:.2f} (median of forward + backward; goal {GOAL})")
    low, high = report["noise"]
    lines.append(f"noise: of neighbouring runs, 8 in 10 had ratios from {low:.2f} to {high:.2f}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    command = parser(__doc__)
    command.add_argument("--operations", type=int, default=1000, help="length of the chain")
    command.add_argument("--repeats", type=int, help=f"runs of each library (default: {REPEATS})")
    options = command.parse_args()
    need("torch", ORACLE)
    import torch

    repeats = options.repeats or (QUICK if options.quick else REPEATS)
    report = measure(torch, options.operations, repeats)
    finish(options, report, printed(report))


if __name__ == "__main__":
    main()
