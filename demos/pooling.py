"""Pooling: one number for a window, and what it does not notice.

    python demos/pooling.py

A 4x4 map goes through max, average, L2 and random pooling, and the map and its transpose through
the maximum of two channels. Then a row is shifted by one place: all of its numbers change, but only
half of those behind a max pool of width 3. Last, a window that sticks out at the end is kept in
ceil mode.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, figures 9.8 and 9.10, for the rows.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, viz
from tinygrad_cnn.nn import functional as F

GRID = [[1.0, 4.0, 2.0, 1.0], [5.0, 8.0, 3.0, 4.0], [7.0, 6.0, 4.0, 5.0], [1.0, 3.0, 1.0, 2.0]]
ROW = [0.1, 1.0, 0.2, 0.1]
SHIFTED = [0.3, 0.1, 1.0, 0.2]  # a new number has come in at the left
LONG = [0.1, 1.0, 0.2, 0.1, 0.0, 0.1]


def planes() -> dict[str, Tensor]:
    """The map, pooled in every way, and the gradient that comes back through the max."""
    x = tg.tensor([[GRID]], requires_grad=True)
    largest = F.max_pool2d(x, 2)
    largest.sum().backward()
    pooled = {
        "map": x,
        "max 2×2, stride 2": largest,
        "its gradient: max routes": x.grad,
        "max 2×2, stride 1": F.max_pool2d(x, 2, stride=1),
        "average 2×2, stride 2": F.avg_pool2d(x, 2),
        "L2 norm 2×2, stride 2": F.lp_pool2d(x, 2.0, 2),
        "one drawn from 2×2": F.stochastic_pool2d(x, 2),
        "its average": F.stochastic_pool2d(x, 2, training=False),
        "max over two channels": F.maxout(tg.cat([x, x.mT], 1), 2),
    }
    found = {name: plane[0, 0].detach() for name, plane in pooled.items()}
    assert found["max 2×2, stride 2"].tolist() == [[8, 4], [7, 5]]
    assert found["max 2×2, stride 1"].tolist() == [[8, 8, 4], [8, 8, 5], [7, 6, 5]]
    assert found["average 2×2, stride 2"].tolist() == [[4.5, 2.5], [4.25, 3]]
    squares = found["L2 norm 2×2, stride 2"].square()
    assert tg.allclose(squares, tg.tensor([[106.0, 30.0], [95.0, 46.0]]))
    drawn = found["one drawn from 2×2"].flatten().tolist()
    windows = F.unfold(x, 2, stride=2)[0].T.tolist()  # a row for each window
    assert all(number in window for number, window in zip(drawn, windows, strict=True))
    expected = tg.tensor([[106 / 18, 3.0], [95 / 17, 46 / 12]])  # Σ x² / Σ x
    assert tg.allclose(found["its average"], expected)
    assert found["max over two channels"].equal(tg.maximum(x, x.mT)[0, 0])
    routed = [[0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0]]
    assert found["its gradient: max routes"].tolist() == routed
    return found


def shift() -> dict[str, Tensor]:
    """A row and the same a place further on, both before and behind a max pool of width 3."""
    rows = tg.tensor([[ROW], [SHIFTED]])
    pooled = F.max_pool1d(rows, 3, stride=1, padding=1)
    assert pooled[0, 0].allclose(tg.tensor([1.0, 1.0, 1.0, 0.2]))
    assert pooled[1, 0].allclose(tg.tensor([0.3, 1.0, 1.0, 1.0]))
    changed = [int((x[0] != x[1]).sum()) for x in (rows, pooled)]
    print(f"A shift by one place changes {changed[0]} of 4 inputs and {changed[1]} of 4 outputs.")
    assert changed == [4, 2]
    titles = ("a row", "shifted", "max of 3, stride 1", "of the shifted row")
    return dict(zip(titles, (*rows[:, 0], *pooled[:, 0]), strict=True))


def last_window() -> dict[str, Tensor]:
    """A window of 3 in steps of 2 over six places: the third has only two places left."""
    x = tg.tensor([[LONG]])
    dropped = F.max_pool1d(x, 3, stride=2)[0, 0]
    kept = F.max_pool1d(x, 3, stride=2, ceil_mode=True)[0, 0]
    assert dropped.allclose(tg.tensor([1.0, 0.2]))
    assert kept.allclose(tg.tensor([1.0, 0.2, 0.1]))
    print(f"A last window of two places is kept in ceil mode: {len(dropped)} outputs, {len(kept)}.")
    return {"six places": x[0, 0], "max of 3, stride 2": dropped, "in ceil mode": kept}


def main(argv: Sequence[str] | None = None) -> None:
    """Check and print all numbers, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "pooling")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    tg.manual_seed(0)
    found = planes()
    for name, plane in found.items():
        print(name, *[" ".join(f"{number:5.4g}" for number in row) for row in plane], sep="\n    ")
    rows = shift() | last_window()
    print(f"drawn in {viz.maps(found, columns=3).write(args.output / 'pooling.svg')}")
    print(f"drawn in {viz.maps(rows, columns=4).write(args.output / 'rows.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
