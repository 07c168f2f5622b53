"""Several answers made one: of several networks, or of one network to several crops."""

import math

from .. import nn
from ..ops.joining import stack
from ..tensor import Tensor

AVERAGES = ("probabilities", "logits")


class Average(nn.Module):
    """What Ensemble and MeanOverCrops share: which mean it is that they take."""

    def __init__(self, average: str) -> None:
        if average not in AVERAGES:
            raise ValueError(
                f"{type(self).__name__}: average is 'probabilities' or 'logits', got {average!r}"
            )
        self.average = average

    def mean(self, logits: Tensor) -> Tensor:
        """The mean over the first axis but one, as logits. Shape: (N, K, C) -> (N, C)."""
        if self.average == "logits":
            return logits.mean(1)
        return logits.log_softmax(-1).logsumexp(1) - math.log(logits.shape[1])

    def extra_repr(self) -> str:
        """The setting."""
        return f"average={self.average!r}"


class Ensemble(Average):
    """Several networks that answer together: the mean of their answers to the same images.

    average: "probabilities", of which the answer is the logarithm, so that softmax, cross_entropy
    and argmax take it as they take logits; or "logits".

    Shape: what each network takes -> (N, C), as each of them answers.

    Raises: ValueError for no network, or another average.

    Source: Krizhevsky et al. 2012, section 6.1, average the predictions of several networks.
    """

    def __init__(self, *models: nn.Module, average: str = "probabilities") -> None:
        super().__init__(average)
        if not models:
            raise ValueError("Ensemble needs at least one network, got none")
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the answers to x."""
        return self.mean(stack([model(x) for model in self.models], 1))


class MeanOverCrops(Average):
    """One network that looks at several crops of each image, as TenCrop makes them.

    average: as in Ensemble; the paper's is that of probabilities.

    Shape: (N, K, C, H, W), K crops of each image -> (N, classes).

    Raises: ValueError for images without an axis of crops, or another average.

    Source: Krizhevsky et al. 2012, section 4.1.
    """

    def __init__(self, model: nn.Module, average: str = "probabilities") -> None:
        super().__init__(average)
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the answers to the crops in x."""
        if x.ndim != 5:
            raise ValueError(
                f"MeanOverCrops takes crops of images (N, K, C, H, W), got shape {x.shape}; "
                "TenCrop at the end of the transform makes them"
            )
        logits = self.model(x.flatten(0, 1))
        return self.mean(logits.unflatten(0, x.shape[:2]))
