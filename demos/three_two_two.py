"""The 3-2-2 network of the course, with every number it prints and every one it should.

    python demos/three_two_two.py

Three inputs, two hidden units and two outputs, all sigmoids without biases; E = ½ Σ (t − o)²,
η = 0.1. The course works with rounded numbers. For each quantity stand here: what the notes print,
what the graph computes, and a ✘ where the notes are more than rounded. Then come three errors of
theirs that are not numbers. The page that is written plays the step, gate by gate.

A δ of the notes is the negative gradient of a unit's net: δ = −dE/dnet.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Value, viz

INPUTS, TARGETS, RATE = (10.0, 30.0, 20.0), (1.0, 0.0), 0.1
HIDDEN = ((0.2, -0.1, 0.4), (0.7, -1.2, 1.2))  # one row of weights per unit
OUTPUT = ((1.1, 0.1), (3.1, 1.17))

# What it is: what the notes print, what is right, and whether the notes are only rounded.
TABLE = {
    "net H1": (7.0, 7.0, True),
    "net H2": (-5.0, -5.0, True),
    "o H1": (0.9990, 0.9990889, False),
    "o H2": (0.0067, 0.0066929, True),
    "net O1": (1.0996, 1.0996671, True),
    "net O2": (3.1047, 3.1050062, True),
    "o O1": (0.7501, 0.75020, True),
    "o O2": (0.9571, 0.95710, True),
    "δ O1": (0.0469, 0.046813, True),
    "δ O2": (-0.0394, -0.039299, True),
    "δ H1": (-0.0000705, -0.00006402, False),
    "δ H2": (-0.000275, -0.00027456, True),
    "H1→O1": (1.100469, 1.1046771, False),
    "H2→O1": (0.1000314, 0.1000313, True),
    "H1→O2": (3.09606, 3.0960737, True),
    "H2→O2": (1.1699736, 1.1699737, True),
    "I1→H1": (0.1999295, 0.1999360, True),
    "I2→H1": (-0.1000705, -0.1001921, False),
    "I3→H1": (0.399859, 0.3998720, True),
    "I1→H2": (0.699725, 0.6997254, True),
    "I2→H2": (-1.200825, -1.2008237, True),
    "I3→H2": (1.19945, 1.1994509, True),
}
WHY = {
    "o H1": "0.99909 rounds to 0.9991",
    "δ H1": "o (1 − o) with o = 0.999, which is 10% off",
    "H1→O1": "Δ is η δ o = 0.00469, and was added as 0.000469",
    "I2→H1": "its own Δ, −0.0002115, gives −0.1002115",
}
ERRATA = (
    "the momentum term is written with δ_i; it is δ_j",
    "the head of the second table says η δ_O x; it is η δ_H x",
    "for hidden units the derivation has δ_j = o (1 − o) Σ −δ_k w; the sign is +",
)


def layer(rows: Sequence[Sequence[float]], inputs: dict[str, Value], kind: str) -> tuple:
    """Weights, nets and outputs of a layer, each by its name."""
    weights, nets, outputs = {}, {}, {}
    for j, row in enumerate(rows, 1):
        terms = []
        for w, (name, x) in zip(row, inputs.items(), strict=True):
            wire = f"{name}→{kind}{j}"
            weights[wire] = Value(w, wire)
            terms.append(weights[wire] * x)
        net = sum(terms[1:], terms[0])
        net.label = f"net {kind}{j}"
        unit = net.sigmoid()
        unit.label = f"o {kind}{j}"
        nets[f"{kind}{j}"], outputs[f"{kind}{j}"] = net, unit
    return weights, nets, outputs


def run(hidden: Sequence[Sequence[float]], output: Sequence[Sequence[float]]) -> tuple:
    """The loss, the weights, the nets and the outputs."""
    inputs = {f"I{i}": Value(x, f"I{i}") for i, x in enumerate(INPUTS, 1)}
    weights, nets, units = layer(hidden, inputs, "H")
    last_weights, last_nets, last_units = layer(output, units, "O")
    first, second = [Value(t) - o for t, o in zip(TARGETS, last_units.values(), strict=True)]
    loss = 0.5 * (first * first + second * second)
    loss.label = "E"
    return loss, weights | last_weights, nets | last_nets, units | last_units


def main(argv: Sequence[str] | None = None) -> None:
    """Compare all numbers with the notes', and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "three_two_two")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    loss, weights, nets, units = run(HIDDEN, OUTPUT)
    slopes = dict(zip(nets, tg.autograd.grad(loss, list(nets.values())), strict=True))
    loss.backward()
    found = {f"net {name}": net.data for name, net in nets.items()}
    found |= {f"o {name}": unit.data for name, unit in units.items()}
    found |= {f"δ {name}": -slope for name, slope in slopes.items()}
    found |= {wire: w.data - RATE * w.grad for wire, w in weights.items()}

    print("          in the notes       computed")
    for name, (printed, exact, rounded) in TABLE.items():
        note = "" if rounded else f"  ✘ {WHY[name]}"
        print(f"{name:8} {printed:>14.8g}  {found[name]:>13.8g}{note}")
        assert math.isclose(found[name], exact, rel_tol=4e-5)
        assert math.isclose(printed, exact, rel_tol=0.004) or not rounded
    for erratum in ERRATA:
        print(f"✘ {erratum}")

    new = [found[wire] for wire in weights]
    after = run((new[:3], new[3:6]), (new[6:8], new[8:]))[0]
    print(f"E before the step {loss.data:.7f}, after it {after.data:.7f}")
    assert math.isclose(loss.data, 0.4892196, abs_tol=6e-8)
    assert math.isclose(after.data, 0.4888361, abs_tol=6e-8)

    page = viz.step({"before": loss, "after": after}, args.output / "network.html")
    print(f"wrote {page}: open it in a browser")
    suffix = ".dot" if viz.missing_dot() else ".svg"
    print(f"drawn in {viz.draw(loss).write(args.output / f'network{suffix}')}", viz.missing_dot())
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
