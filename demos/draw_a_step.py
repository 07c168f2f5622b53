"""One training step of a small convolutional network, drawn with every number in it.

    python demos/draw_a_step.py

A 3x3 image goes through a 2x2 convolution, tanh and a linear layer to the scores of two classes and
their cross-entropy; the gradients come back the same way; SGD moves the weights. The graph is drawn
as it was before the step: `viz.keep()` copies what passes through the gates.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim, viz
from tinygrad_cnn.nn import functional as F

IMAGE = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]  # a stroke from corner to corner
CLASS = 1
RATE = 0.5


def expected(image: np.ndarray, state: dict[str, np.ndarray]) -> tuple[float, np.ndarray]:
    """The loss, and its gradient for the convolution's output, worked out without the graph."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2))
    hidden = np.tanh((windows * state["0.weight"][0, 0]).sum((2, 3)) + state["0.bias"])
    scores = state["3.weight"] @ hidden.ravel() + state["3.bias"]
    chances = np.exp(scores) / np.exp(scores).sum()
    missing = chances - (np.arange(2) == CLASS)
    back = (state["3.weight"].T @ missing).reshape(2, 2) * (1 - hidden**2)
    return -np.log(chances[CLASS]), back


def main(argv: Sequence[str] | None = None) -> None:
    """Take one step, check its numbers, print it and draw it."""
    parser = argparse.ArgumentParser(description="Draw one training step of a small network.")
    folder = Path("runs", "draw_a_step")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Tanh(), nn.Flatten(), nn.Linear(4, 2))
    optimizer = optim.SGD(model.parameters(), lr=RATE)
    image = tg.tensor([[IMAGE]])
    target = tg.tensor([CLASS])
    state = {name: p.numpy().astype("float64") for name, p in model.state_dict().items()}

    with viz.keep():
        loss = F.cross_entropy(model(image), target)
    loss.backward()
    optimizer.step()
    after = F.cross_entropy(model(image), target)

    wanted, back = expected(np.array(IMAGE), state)
    assert abs(loss.item() - wanted) < 1e-6
    assert np.allclose(model[0].bias.grad.numpy(), back.sum(), atol=1e-6)
    assert np.allclose(
        model[0].bias.detach().numpy(), state["0.bias"] - RATE * back.sum(), atol=1e-6
    )
    assert after.item() < loss.item()

    picture = viz.draw(loss, names=dict(model.named_parameters()) | {"loss": loss})
    print(picture.text)
    print(f"\nThe step took the loss from {loss.item():.4f} to {after.item():.4f}.")
    suffix = ".dot" if viz.missing_dot() else ".svg"
    print(f"drawn in {picture.write(args.output / f'step{suffix}')}", viz.missing_dot())


if __name__ == "__main__":
    main()
