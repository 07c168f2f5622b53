"""Distances and similarities of vectors, and the losses that are made of them."""

from ...amp import follows
from ...ops import comparison, pointwise, reduce, shape
from ...tensor import Tensor
from .reduction import check_broadcast, check_reduction, reduced


@follows("float32")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; norms count as at least eps.

    Shape: x1, x2 (*), which broadcast -> (*) without the axis `dim`.

    Raises: RuntimeError for shapes that do not broadcast.
    """
    common = check_broadcast("cosine_similarity", x1=x1, x2=x2)
    a, b = [x if x.shape == common else shape.expand(x, common) for x in (x1, x2)]
    a = a / pointwise.clamp(reduce.norm(a, 2, dim, True), min=eps)
    b = b / pointwise.clamp(reduce.norm(b, 2, dim, True), min=eps)
    return reduce.sum(a * b, dim)


@follows("float32")
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis.

    eps keeps two equal vectors away from the kink of the norm.

    Shape: x1, x2 (*, D), which broadcast -> (*), or (*, 1) with keepdim.

    Raises: RuntimeError for shapes that do not broadcast.
    """
    check_broadcast("pairwise_distance", x1=x1, x2=x2)
    return reduce.norm(x1 - x2 + eps, p, -1, keepdim)


@follows("float32")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), d being pairwise_distance.

    swap: the negative's distance is that to the nearer one of anchor and positive.

    Shape: anchor, positive, negative (N, D) or (D,) -> (), or (N,) with "none".

    Raises: RuntimeError for shapes that do not fit, ValueError for a margin that is not positive.

    Source: Schroff, Kalenichenko & Philbin 2015, equation 3; Balntas et al. 2016, section 2 (swap).
    """
    name = "triplet_margin_loss"
    check_broadcast(name, anchor=anchor, positive=positive, negative=negative)
    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"{name}: margin is positive, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            f"{name}: expected as many axes in each, got shapes {anchor.shape}, {positive.shape} "
            f"and {negative.shape}"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = pointwise.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(pointwise.clamp(near - far + margin, min=0.0), reduction)


@follows("float32")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    *,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1.

    Shape: input1, input2 (N, D), target (N,) -> (), or (N,) with "none"; or (D,), ().

    Raises: RuntimeError for shapes that do not fit.
    """
    name = "cosine_embedding_loss"
    check_broadcast(name, input1=input1, input2=input2)
    check_reduction(reduction)
    if target.ndim > 1 or not input1.ndim == input2.ndim == target.ndim + 1:
        raise RuntimeError(
            f"{name}: expected inputs (N, D) and a target (N,), or (D,) and (), got shapes "
            f"{input1.shape}, {input2.shape} and {target.shape}"
        )
    squares = [reduce.sum(x * x, -1) + 1e-12 for x in (input1, input2)]
    cosine = reduce.sum(input1 * input2, -1) / pointwise.sqrt(squares[0] * squares[1])
    check_broadcast(name, cosines=cosine, target=target)
    alike = pointwise.where(comparison.eq(target, 1), 1.0 - cosine, 0.0)
    over = pointwise.clamp(cosine - margin, min=0.0)
    losses = alike + pointwise.where(comparison.eq(target, -1), over, 0.0)
    return reduced(losses, reduction)


@follows("float32")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target (input1 - input2)): target 1 wants input1 the larger one, -1 input2.

    Shape: input1, input2, target (*) -> (), or (*) with "none".

    Raises: RuntimeError for shapes that do not fit.
    """
    name = "margin_ranking_loss"
    check_broadcast(name, input1=input1, input2=input2, target=target)
    check_reduction(reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            f"{name}: expected as many axes in each, got shapes {input1.shape}, {input2.shape} "
            f"and {target.shape}"
        )
    return reduced(pointwise.clamp(margin - target * (input1 - input2), min=0.0), reduction)
