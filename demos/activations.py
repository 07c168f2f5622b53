"""Activations and their derivatives, and how a ReLU dies.

    python demos/activations.py

Curves of nine activations, and of their derivatives by backward. What the course says of them is
checked: σ' = σ (1 − σ), at most 1/4; tanh' = 1 − tanh², at most 1; ReLU has 0 or 1, leaky ReLU 0.01
instead of the 0; ELU goes to −1; LeCun's 1.7159 tanh(2x/3) leaves 1 at 1; and maxout of two lines
is any of ReLU, leaky ReLU and the absolute value.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, viz
from tinygrad_cnn.nn import functional as F


def lines(first: float, second: float) -> Callable[[Tensor], Tensor]:
    """max(first · x, second · x), by maxout."""

    def unit(x: Tensor) -> Tensor:
        return F.maxout(tg.stack([first * x, second * x], 1), 2)[:, 0]

    return unit


ACTIVATIONS = {
    "sigmoid": tg.sigmoid,
    "tanh": tg.tanh,
    "1.7159 tanh(2x/3)": F.scaled_tanh,
    "ReLU": tg.relu,
    "leaky ReLU 0.01": F.leaky_relu,
    "ELU": F.elu,
    "softplus": F.softplus,
    "SiLU": F.silu,
    "maxout of x and −x/2": lines(1.0, -0.5),
}


def curves(unit: Callable[[Tensor], Tensor], numbers: Sequence[float]) -> tuple[Tensor, Tensor]:
    """An activation and its derivative at these numbers."""
    x = tg.tensor(numbers, dtype=tg.float64, requires_grad=True)
    y = unit(x)
    y.sum().backward()
    return y.detach(), x.grad


def check() -> None:
    """What is known of values and slopes."""
    places = tg.linspace(-6, 6, 121, dtype=tg.float64).tolist()
    values, slopes = curves(tg.sigmoid, places)
    assert slopes.allclose(values * (1 - values), rtol=1e-12)
    assert slopes.max().item() == 0.25
    values, slopes = curves(tg.tanh, places)
    assert slopes.allclose(1 - values**2, rtol=0, atol=1e-12)
    assert slopes.max().item() == 1
    assert curves(tg.relu, [-2, 0, 3])[1].tolist() == [0, 0, 1]
    assert curves(F.leaky_relu, [-2, 3])[1].tolist() == [0.01, 1]
    assert abs(curves(F.elu, [-40.0])[0].item() + 1) < 1e-12
    assert abs(curves(F.scaled_tanh, [1.0])[0].item() - 1) < 1e-4
    for pair, other in (((0, 1), tg.relu), ((0.01, 1), F.leaky_relu), ((1, -1), tg.abs)):
        apart = [number for number in places if number]  # at the kink they may differ
        for one, two in zip(curves(lines(*pair), apart), curves(other, apart), strict=True):
            assert one.tolist() == two.tolist()


def dead() -> None:
    """Two units over inputs from 0 to 1; one step too long has taken the second too far."""
    x = tg.linspace(0, 1, 11)
    for bias in (0.1, -2.0):
        weight = tg.tensor(1.0, requires_grad=True)
        out = tg.relu(weight * x + bias)
        out.sum().backward()
        share = (out > 0).float().mean().item()
        print(f"bias {bias:4}: awake for {share:.0%} of inputs, gradient {weight.grad.item():.3g}")
        assert (weight.grad.item() == 0) == (bias == -2)


def main(argv: Sequence[str] | None = None) -> None:
    """Check, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "activations")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    check()
    print("derivative at      " + "".join([f"{x:8}" for x in (-2, -1, 0, 1, 2)]))
    for name, unit in ACTIVATIONS.items():
        slopes = curves(unit, [-2.0, -1.0, 0.0, 1.0, 2.0])[1]
        print(f"{name:22}" + "".join([f"{slope:8.3f}" for slope in slopes.tolist()]))
    dead()

    plot = viz.figure(8, 6.5)
    places = plot.subplots(3, 3, sharex=True, sharey=True).ravel()
    numbers = tg.linspace(-4, 4, 161).tolist()
    for place, (name, unit) in zip(places, ACTIVATIONS.items(), strict=True):
        values, slopes = curves(unit, numbers)
        place.axhline(0, color="0.8", linewidth=0.8)
        place.plot(numbers, values.tolist(), label="value")
        place.plot(numbers, slopes.tolist(), "--", label="derivative")
        place.set(title=name, ylim=(-2, 3))
    places[0].legend()
    print(f"drawn in {plot.write(args.output / 'activations.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
