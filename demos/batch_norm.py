"""Batch norm at work: what passes through ten layers, with it and without.

    python demos/batch_norm.py [--fast]

It takes from each channel its mean over the batch, divides by the root of variance and ε, and lets
two parameters scale and shift the result: γ (x − μ) / √(σ² + ε) + β. The course notes print it once
without the division. What follows from it is checked: means of 0 and variances of 1, weights ten
times as large change nothing but make their gradient a tenth, and in evaluation the running means
stand in place of the batch's. Then ten convolutions look at digits. Without batch norm what they
say fades from layer to layer and they do not learn; with it they do at the same rate.

Source: Ioffe & Szegedy 2015, Batch normalization.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, viz
from tinygrad_cnn.data import DataLoader, Subset, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Trainer

DEPTH, CHANNELS = 10, 12
PREPARE = t.Compose([t.ToFloat(16), t.Normalize(0.3, 0.38)])
KINDS = {"without": nn.Identity, "with batch norm": lambda: nn.BatchNorm2d(CHANNELS)}


def example() -> None:
    """Four numbers, by the formula and by the one without its division."""
    norm = nn.BatchNorm1d(1, eps=0.0).double()
    with tg.no_grad():
        norm.weight.fill_(3.0)
        norm.bias.fill_(10.0)
    x = tg.tensor([[2.0], [4.0], [6.0], [8.0]], dtype=tg.float64)
    found = norm(x).flatten()
    mean, deviation = x.mean(), x.std(correction=0)
    undivided = (3 * (x - mean) + 10).flatten()
    print(f"2 4 6 8 have μ = {mean.item():g} and σ = √5; with γ = 3, β = 10 they become")
    print("   ", *[f"{number:6.3f}" for number in found.tolist()])
    print("   ", *[f"{number:6.3f}" for number in undivided.tolist()], " ✘ without ÷ σ")
    assert found.allclose(3 * (x.flatten() - 5) / 5**0.5 + 10)
    assert abs(deviation.item() - 5**0.5) < 1e-12
    assert abs(found.std(correction=0).item() - 3) < 1e-12

    norm.eval()  # one batch has moved the running numbers a tenth of the way
    assert abs(norm.running_mean.item() - 0.1 * 5) < 1e-12
    assert abs(norm.running_var.item() - (0.9 + 0.1 * 20 / 3)) < 1e-12  # n − 1 in the denominator
    scale = 3 / norm.running_var.sqrt()
    assert norm(x).allclose(scale * (x - norm.running_mean) + 10)
    print("In evaluation the first becomes", f"{norm(x)[0, 0].item():.3f}, by running μ and σ.")


def larger_weights() -> None:
    """Weights, and the same times ten, in front of batch norm."""
    x = tg.randn(32, 8, dtype=tg.float64)
    pull = tg.randn(32, 8, dtype=tg.float64)
    norm = nn.BatchNorm1d(8, eps=0.0).double()
    answers, gradients = [], []
    weight = tg.randn(8, 8, dtype=tg.float64)
    for factor in (1, 10):
        scaled = (factor * weight).requires_grad_()
        answers.append(norm(F.linear(x, scaled)))
        gradients += tg.autograd.grad((answers[-1] * pull).sum(), [scaled])
    assert answers[0].allclose(answers[1])
    assert gradients[0].allclose(10 * gradients[1])
    share = (gradients[1].norm() / gradients[0].norm()).item()
    print(f"Weights times 10: the same output, the gradient times {share:g}.")


def network(norm: nn.Module) -> nn.Sequential:
    """Ten convolutions of 3x3, each with a norm and a ReLU behind it, and a linear layer."""
    layers = []
    for i in range(DEPTH):
        conv = nn.Conv2d(CHANNELS if i else 1, CHANNELS, 3, padding=1, bias=False)
        layers.append(nn.Sequential({"conv": conv, "norm": norm(), "relu": nn.ReLU()}))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 10))


def nets_of(model: nn.Sequential, images: Tensor) -> list[Tensor]:
    """What reaches the ReLU of each layer."""
    found = []
    notes = [
        layer.norm.register_forward_hook(lambda _, __, z: found.append(z))
        for layer in model
        if isinstance(layer, nn.Sequential)
    ]
    with tg.no_grad():
        model.train()
        model(images)
    for note in notes:
        note.remove()
    return found


def draw(found: dict[str, list[Tensor]], path: Path) -> None:
    """Write a plot of where nine of ten of each layer's numbers are, and their median."""
    plot = viz.figure(9, 5)
    places = plot.subplots(2, 2, sharex=True, sharey="row")
    for place, (title, nets) in zip(places.T.ravel(), found.items(), strict=True):
        numbers = [net.flatten().quantile(tg.tensor([0.05, 0.5, 0.95])).tolist() for net in nets]
        low, middle, high = zip(*numbers, strict=True)
        layers = range(1, len(nets) + 1)
        place.fill_between(layers, low, high, alpha=0.3)
        place.plot(layers, middle)
        place.set(title=title)
    for place in places[-1]:
        place.set_xlabel("layer")
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Check the formula, train both networks, and draw what passes through them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--fast", action="store_true", help="640 digits and one epoch instead of six"
    )
    folder = Path("runs", "batch_norm")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    example()
    larger_weights()
    digits = datasets.Digits(True, PREPARE)
    train = DataLoader(Subset(digits, range(640 if args.fast else len(digits))), 32, shuffle=True)
    images, _ = next(iter(DataLoader(digits, 256)))
    found, losses = {}, {}
    for kind, norm in KINDS.items():
        model = network(norm)
        before = nets_of(model, images)
        trainer = Trainer(model, SGD(model.parameters(), 0.05, momentum=0.9), train)
        losses[kind] = trainer.fit(1 if args.fast else 6)[-1]["loss"]
        found[f"{kind}, before training"] = before
        found[f"{kind}, after training"] = nets_of(model, images)
        spreads = " ".join([f"{net.std().item():.2g}" for net in before])
        print(
            f"{kind:15} deviations, layer by layer: {spreads}; loss in the end {losses[kind]:.3f}"
        )
        if kind == "without":
            assert before[-1].std() < 0.01 * before[0].std()
        for net in before * (kind != "without"):
            assert net.mean((0, 2, 3)).abs().max() < 1e-4
            assert (net.var((0, 2, 3), correction=0) - 1).abs().max() < 0.01
    assert losses["with batch norm"] < (1 if args.fast else 0.5) * losses["without"]
    draw(found, args.output / "layers.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
