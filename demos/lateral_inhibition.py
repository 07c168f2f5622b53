"""Local response normalisation: a strong channel weakens its neighbours.

    python demos/lateral_inhibition.py

AlexNet divides each number by what the five channels around it say at the same place. The gradients
show what that is: with its own input a channel rises, with its neighbours' it falls, as among the
nerve cells of an eye, which inhibit those beside them. So a strong response stands out, and one
among equals does not. The formula is

    b_i = a_i / (k + α Σ a_j²)^β,  j from i − 2 to i + 2,  k = 2, α = 0.0001, β = 0.75

and with these numbers a channel that is alone and above 200 inhibits itself. The paper's formula is
also computed number by number, with Values. PyTorch's α weighs the mean of the five squares, the
paper's their sum: its 0.0001 is 0.0005 here.

Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3; Hartline & Ratliff 1957 for the eye.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, Value, models, viz
from tinygrad_cnn.nn import functional as F

SIZE, ALPHA, BETA, K = 5, 1e-4, 0.75, 2.0
STRONG = 0.1  # α for the picture: with the paper's, only numbers in the hundreds feel it
RESPONSES = [1.0, 1.0, 1.0, 1.0, 6.0, 1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 4.0]  # of twelve channels


def normalised(a: Tensor, alpha: float) -> Tensor:
    """Channels after normalisation with the paper's α. Shape: (C,) -> (C,)."""
    z = F.local_response_norm(a.reshape(1, -1, 1), SIZE, SIZE * alpha, BETA, K)
    return z.flatten()


def by_numbers(numbers: Sequence[float], alpha: float) -> tuple[list[float], list[list[float]]]:
    """The paper's formula in Values: the results, and their derivatives row by row."""
    results, rows = [], []
    for i in range(len(numbers)):
        a = [Value(x) for x in numbers]
        near = a[max(0, i - SIZE // 2) : i + SIZE // 2 + 1]
        squares = sum([x * x for x in near], Value(0.0))
        b = a[i] * (K + alpha * squares) ** -BETA
        results.append(b.data)
        rows.append(tg.autograd.grad(b, a, allow_unused=True))
    return results, [[g or 0.0 for g in row] for row in rows]


def limit() -> None:
    """α a² (2β − 1) > k: alone above 200, a channel holds down itself."""
    for number in (199.0, 201.0):
        a = Value(number)
        (slope,) = tg.autograd.grad(a * (K + ALPHA * a * a) ** -BETA, a)
        print(f"slope of a channel alone at {number:g}: {slope:+.1e}")
        assert (slope > 0) == (number < 200)


def orders() -> None:
    """AlexNet normalises, then pools; CaffeNet pools first."""
    for build, order in ((models.alexnet, ["norm", "pool"]), (models.caffenet, ["pool", "norm"])):
        with tg.device("meta"):
            names = [name for name, _ in build().features.named_children()]
        found = [name.rstrip("1") for name in names if name in ("norm1", "pool1")]
        print(f"{build.__name__}: conv, relu, {', '.join(found)}")
        assert found == order


def main(argv: Sequence[str] | None = None) -> None:
    """Compare, look at the gradients, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "lateral_inhibition")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    a = tg.tensor(RESPONSES, dtype=tg.float64)
    for alpha in (ALPHA, STRONG):
        results, rows = by_numbers(RESPONSES, alpha)
        b = normalised(a, alpha)
        slopes = tg.autograd.functional.jacobian(lambda x: normalised(x, alpha), a)  # noqa: B023
        assert b.allclose(tg.tensor(results, dtype=tg.float64), rtol=1e-12)
        assert slopes.allclose(tg.tensor(rows, dtype=tg.float64), atol=1e-14)
    signs = [["0+-"[int(g > 0) - int(g < 0)] for g in row] for row in slopes.tolist()]
    for i, row in enumerate(signs):
        print(f"channel {i:2}: {RESPONSES[i]:g} becomes {b[i].item():.3f}", "".join(row), sep="  ")
        near = range(max(0, i - 2), min(len(row), i + 3))
        assert row == ["+" if j == i else "-" if j in near else "0" for j in range(len(row))]
    alone, beside = b[0].item(), b[3].item()
    assert beside < 0.6 * alone  # both are 1; one of them stands beside the 6
    assert (b[4] / b[9]).item() > 6 / 4  # four equal fours hold each other down
    assert F.local_response_norm(tg.rand(1, 96, 27, 27), SIZE).shape == (1, 96, 27, 27)
    limit()
    orders()

    plot = viz.figure(9, 3.6)
    bars, plane = plot.subplots(1, 2, width_ratios=(3, 2))
    channels = range(len(RESPONSES))
    bars.bar([x - 0.2 for x in channels], RESPONSES, 0.4, color="0.7", label="before")
    scale = max(RESPONSES) / b.max().item()
    bars.bar([x + 0.2 for x in channels], (scale * b).tolist(), 0.4, color="C0", label="after")
    bars.set(xlabel="channel", title=f"responses (after: × {scale:.1f})")
    bars.legend()
    most = slopes.abs().max().item()
    plane.imshow(slopes.numpy(), cmap="RdBu_r", vmin=-most, vmax=most)
    plane.set(xlabel="a, channel", ylabel="b, channel", title="how b changes with a")
    print(f"drawn in {plot.write(args.output / 'channels.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
