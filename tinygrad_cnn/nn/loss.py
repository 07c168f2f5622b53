"""Losses as layers."""

from ..tensor import Tensor
from . import functional as F
from .module import Buffer, Module


class ClassLoss(Module):
    """What CrossEntropyLoss and NLLLoss share."""

    function = None  # of nn.functional

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        self.weight = None if weight is None else Buffer(weight)
        self.ignore_index = ignore_index
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        settings = {"ignore_index": self.ignore_index, "reduction": self.reduction}
        return self.function(input, target, self.weight, **settings)


class CrossEntropyLoss(ClassLoss):
    """-log softmax(input) at the target's class, as F.cross_entropy.

    Shape: input (N, C, *), target (N, *) of classes -> (), or (N, *) with reduction="none".
    """

    function = staticmethod(F.cross_entropy)


class NLLLoss(ClassLoss):
    """-input at the target's class, as F.nll_loss; input holds log-probabilities.

    Shape: input (N, C, *), target (N, *) of classes -> (), or (N, *) with reduction="none".
    """

    function = staticmethod(F.nll_loss)


class DifferenceLoss(Module):
    """What MSELoss and L1Loss share."""

    function = None  # of nn.functional

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return self.function(input, target, reduction=self.reduction)


class MSELoss(DifferenceLoss):
    """(input - target)², as F.mse_loss."""

    function = staticmethod(F.mse_loss)


class L1Loss(DifferenceLoss):
    """|input - target|, as F.l1_loss."""

    function = staticmethod(F.l1_loss)
