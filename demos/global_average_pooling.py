"""Global average pooling: one number for a whole map, and what that makes possible.

    python demos/global_average_pooling.py [--fast]

The map 1 5 4 5 / 6 5 3 9 / 4 2 5 2 / 8 6 8 7 has the sum 80 and the average 5; its gradient is 1/16
everywhere. A network that ends this way takes images of any size, needs no large dense layer, and
can be asked where it looks: its score for a class is the average of a map, the class activation
map, which is drawn for a digit.

Source: Lin, Chen & Yan 2014, Network in network; Zhou et al. 2016 for class activation maps.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, optim, viz
from tinygrad_cnn.data import datasets
from tinygrad_cnn.nn import functional as F

GRID = [[1.0, 5.0, 4.0, 5.0], [6.0, 5.0, 3.0, 9.0], [4.0, 2.0, 5.0, 2.0], [8.0, 6.0, 8.0, 7.0]]


def example() -> None:
    """The map of sixteen numbers."""
    x = tg.tensor([[GRID]], requires_grad=True)
    average = F.adaptive_avg_pool2d(x, 1)
    average.backward()
    print(f"sum {x.sum().item():g}, average {average.item():g}, gradient {x.grad[0, 0, 0, 0]:g}")
    assert (x.sum().item(), average.item()) == (80, 5)
    assert x.grad.eq(1 / 16).all()


def weights() -> None:
    """A head for 1,000 classes over 512 maps of 7x7, dense and pooled."""
    dense = nn.Sequential(nn.Flatten(), nn.Linear(512 * 7 * 7, 1000))
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))
    counts = [viz.summary(head, (512, 7, 7)).parameters for head in (dense, pooled)]
    print(f"parameters of a dense head {counts[0]:,}, behind the pool {counts[1]:,}")
    assert counts == [25_089_000, 513_000]


def trained(images: Tensor, labels: Tensor, epochs: int) -> tuple[nn.Module, nn.Linear]:
    """Feature maps and a linear layer, trained with the pool between them."""
    tg.manual_seed(0)
    features = nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 48, 3, padding=1), nn.ReLU()
    )
    linear = nn.Linear(48, 10)
    optimizer = optim.Adam([*features.parameters(), *linear.parameters()], lr=0.01)
    for _ in range(epochs):
        for batch in tg.randperm(len(images)).split(64):
            optimizer.zero_grad()
            scores = linear(features(images[batch]).mean((2, 3)))
            F.cross_entropy(scores, labels[batch]).backward()
            optimizer.step()
    return features, linear


def main(argv: Sequence[str] | None = None) -> None:
    """Check the example, train, and draw where the network looks."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for one epoch instead of ten")
    folder = Path("runs", "global_average_pooling")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    example()
    weights()
    data = datasets.Digits()
    images, labels = tg.as_tensor(data.images).float() / 16, tg.as_tensor(data.labels)
    features, linear = trained(images, labels, 1 if args.fast else 10)

    test = datasets.Digits(train=False)
    images, labels = tg.as_tensor(test.images).float() / 16, tg.as_tensor(test.labels)
    with tg.no_grad():
        seen = features(images)
        scores = linear(seen.mean((2, 3)))
        activation = F.conv2d(seen, linear.weight[:, :, None, None], linear.bias)
        assert activation.mean((2, 3)).allclose(scores, atol=1e-4)
        large = F.interpolate(images, size=(12, 20))
        assert linear(features(large).mean((2, 3))).shape == scores.shape
    right = (scores.argmax(1) == labels).float().mean().item()
    print(f"{right:.1%} of {len(labels)} unseen digits named rightly")
    print(
        "The averages of the class activation maps are the scores; other sizes are taken as well."
    )

    planes = {}
    for label in range(6):
        first = int((labels == label).nonzero()[0])
        planes[f"a {label}"] = images[first, 0]
        planes[f"speaks for {label}"] = activation[first, label]
    plot = viz.maps(planes, columns=4, numbers=False)
    print(f"drawn in {plot.write(args.output / 'activation.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
