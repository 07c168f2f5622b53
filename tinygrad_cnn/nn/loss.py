"""Losses as layers: each keeps the settings of its function."""

from typing import Any

from ..tensor import Tensor
from . import functional as F
from .module import Buffer, Module


class Loss(Module):
    """What all losses share: `function` of nn.functional, and the names of its `settings`."""

    function = None
    settings = ("reduction",)

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, *inputs: Tensor, **named: Any) -> Tensor:
        """The loss."""
        return self.function(*inputs, **named, **{n: getattr(self, n) for n in self.settings})


def constant(x: Tensor | None) -> Buffer | None:
    """Weights as part of a layer's state."""
    return None if x is None else Buffer(x)


# --- classification -------------------------------------------------------------------------------


class CrossEntropyLoss(Loss):
    """-log softmax(input) at the target's class, as F.cross_entropy.

    Shape: input (N, C, *), target (N, *) of classes or (N, C, *) of probabilities -> (), or (N, *)
    with reduction="none".
    """

    function = staticmethod(F.cross_entropy)
    settings = ("weight", "ignore_index", "reduction", "label_smoothing")

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction=reduction)
        self.weight = constant(weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing


class NLLLoss(Loss):
    """-input at the target's class, as F.nll_loss; input holds log-probabilities.

    Shape: input (N, C, *), target (N, *) of classes -> (), or (N, *) with reduction="none".
    """

    function = staticmethod(F.nll_loss)
    settings = ("weight", "ignore_index", "reduction")

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.weight = constant(weight)
        self.ignore_index = ignore_index


class MultiMarginLoss(Loss):
    """How far other classes come within a margin of the target's, as F.multi_margin_loss."""

    function = staticmethod(F.multi_margin_loss)
    settings = ("p", "margin", "weight", "reduction")

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p is 1 or 2, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ValueError(f"MultiMarginLoss: weight is a vector, got shape {weight.shape}")
        self.p = p
        self.margin = margin
        self.weight = constant(weight)


class Weighted(Loss):
    """What losses share that have a weight for each number."""

    settings = ("weight", "reduction")

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.weight = constant(weight)


class BCELoss(Weighted):
    """Cross entropy of two classes for probabilities, as F.binary_cross_entropy."""

    function = staticmethod(F.binary_cross_entropy)


class BCEWithLogitsLoss(Weighted):
    """Cross entropy of two classes for logits, as F.binary_cross_entropy_with_logits."""

    function = staticmethod(F.binary_cross_entropy_with_logits)
    settings = ("weight", "reduction", "pos_weight")

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.pos_weight = constant(pos_weight)


class MultiLabelSoftMarginLoss(Weighted):
    """The mean of the classes' binary cross entropies, as F.multilabel_soft_margin_loss."""

    function = staticmethod(F.multilabel_soft_margin_loss)


class SoftMarginLoss(Loss):
    """log(1 + e^(-target input)), as F.soft_margin_loss."""

    function = staticmethod(F.soft_margin_loss)


# --- regression and distributions -----------------------------------------------------------------


class MSELoss(Loss):
    """(input - target)², as F.mse_loss."""

    function = staticmethod(F.mse_loss)


class L1Loss(Loss):
    """|input - target|, as F.l1_loss."""

    function = staticmethod(F.l1_loss)


class SmoothL1Loss(Loss):
    """Squares near 0, differences beyond beta, as F.smooth_l1_loss."""

    function = staticmethod(F.smooth_l1_loss)
    settings = ("reduction", "beta")

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.beta = beta


class HuberLoss(Loss):
    """Squares near 0, differences beyond delta, as F.huber_loss."""

    function = staticmethod(F.huber_loss)
    settings = ("reduction", "delta")

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence of log-probabilities from the target, as F.kl_div."""

    function = staticmethod(F.kl_div)
    settings = ("reduction", "log_target")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.log_target = log_target


class PoissonNLLLoss(Loss):
    """-log of the Poisson probability of the target, as F.poisson_nll_loss."""

    function = staticmethod(F.poisson_nll_loss)
    settings = ("log_input", "full", "eps", "reduction")

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps


class GaussianNLLLoss(Loss):
    """-log of the normal density of the target, as F.gaussian_nll_loss.

    Shape: input, target (*), var (*) -> (), or (*) with reduction="none".
    """

    function = staticmethod(F.gaussian_nll_loss)
    settings = ("full", "eps", "reduction")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps


# --- distances ------------------------------------------------------------------------------------


class Margin(Loss):
    """What losses share that leave off at a margin."""

    settings = ("margin", "reduction")

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin


class CosineEmbeddingLoss(Margin):
    """Pairs of vectors to be alike or not, as F.cosine_embedding_loss."""

    function = staticmethod(F.cosine_embedding_loss)


class MarginRankingLoss(Margin):
    """Pairs of numbers to be in an order, as F.margin_ranking_loss."""

    function = staticmethod(F.margin_ranking_loss)


class HingeEmbeddingLoss(Margin):
    """Distances to be small or large, as F.hinge_embedding_loss."""

    function = staticmethod(F.hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(margin, reduction=reduction)


class TripletMarginLoss(Loss):
    """Vectors to be nearer to one than to another, as F.triplet_margin_loss."""

    function = staticmethod(F.triplet_margin_loss)
    settings = ("margin", "p", "eps", "swap", "reduction")

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: margin is positive, got {margin}")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap


class CosineSimilarity(Module):
    """The cosine of the angle between vectors, as F.cosine_similarity."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosines."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of differences of vectors, as F.pairwise_distance."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distances."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
