"""Highway networks: layers that learn how much of their input to pass on as it is."""

from .. import nn
from ..nn import functional as F
from ..nn import init
from ..tensor import Tensor


class HighwayBlock(nn.Module):
    """y = H(x) · T(x) + x · (1 - T(x)): layers that transform x, and a gate that says how much.

    state: the layer of H, before its activation. gate: the layer of T, before its sigmoid. Both
    keep the shape of what they get. transform_bias: where the gate's biases begin; below 0, so that
    it is almost closed at first. activation: of H, by default a ReLU.

    Shape: (N, *) -> the same.

    Rule: dy/dx = H'(x) · T(x) + (H(x) - x) · T'(x) + 1 - T(x); where T is 0 gradients pass freely.

    Source: Srivastava, Greff & Schmidhuber 2015, Highway networks, equation 3 and section 2.2.
    """

    def __init__(
        self,
        state: nn.Module,
        gate: nn.Linear | nn.Conv2d,
        transform_bias: float = -1.0,
        activation: nn.Module | None = None,
    ) -> None:
        self.state = state
        self.gate = gate
        self.activation = nn.ReLU() if activation is None else activation
        init.constant_(gate.bias, transform_bias)

    def forward(self, x: Tensor) -> Tensor:
        """What the gate lets through of both."""
        h = self.activation(self.state(x))
        t = F.sigmoid(self.gate(x))
        return h * t + x * (1 - t)


class Highway(HighwayBlock):
    """A HighwayBlock of two linear layers.

    Shape: (*, features) -> the same.

    Source: Srivastava, Greff & Schmidhuber 2015, section 2.
    """

    def __init__(
        self, features: int, transform_bias: float = -1.0, activation: nn.Module | None = None
    ) -> None:
        state, gate = (nn.Linear(features, features) for _ in range(2))
        super().__init__(state, gate, transform_bias, activation)


class HighwayConv2d(HighwayBlock):
    """A HighwayBlock of two convolutions that keep size and channels.

    Shape: (N, channels, H, W) -> the same.

    Source: Srivastava, Greff & Schmidhuber 2015, section 2.1: convolutional highway layers.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int = 3,
        transform_bias: float = -1.0,
        activation: nn.Module | None = None,
    ) -> None:
        state, gate = (nn.Conv2d(channels, channels, kernel_size, padding="same") for _ in range(2))
        super().__init__(state, gate, transform_bias, activation)


def highway(
    num_classes: int = 10,
    in_channels: int = 1,
    depth: int = 10,
    features: int = 50,
    transform_bias: float = -1.0,
) -> nn.Sequential:
    """A thin, deep net of highway layers for digits of 28 x 28: 85,660 parameters at depth 10.

    A linear layer with a ReLU, then depth - 1 highway layers, then the classes, which do not count:
    the paper's depths are 10, 20, 50 and 100. The deeper, the lower transform_bias should be.

    Shape: (N, in_channels, 28, 28) -> (N, num_classes).

    Raises: ValueError for a depth below 1.

    Source: Srivastava, Greff & Schmidhuber 2015, Highway networks, section 3.1 (nets of 50 units).

    Differs: the paper chose transform_bias, and between ReLU and tanh, by random search; weights
    begin here as in any nn.Linear.
    """
    if depth < 1:
        raise ValueError(f"highway: depth counts the first layer, so it is at least 1, got {depth}")
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(in_channels * 28 * 28, features),
        nn.ReLU(),
        *(Highway(features, transform_bias) for _ in range(depth - 1)),
        nn.Linear(features, num_classes),
    )
