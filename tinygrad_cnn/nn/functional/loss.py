"""Losses of classification and of distributions, and one_hot.

`reduction` says what becomes of the losses of the single samples: their "mean", their "sum", or
"none", which leaves them as they are.
"""

from ...amp import follows
from ...ops import activation, comparison, loss, pointwise, reduce, shape
from ...tensor import Tensor
from .reduction import check_broadcast, check_reduction, check_tensors, reduced

WEIGHT_HAS_NO_GRADIENT = (
    "{}: the weights of the classes are constants here, got some that require grad; pass "
    "weight.detach()"
)


# --- classes --------------------------------------------------------------------------------------


def check_in_range(
    name: str, target: Tensor, classes: int, ignore_index: int | None, error: type = IndexError
) -> None:
    """Raise unless the targets are classes, or ignore_index.

    Numbers on a device are not waited for: there a target that is no class counts as ignored.
    """
    if not loss.readable(target):
        return
    raw = target.raw
    if raw.size and raw.min() >= 0 and raw.max() < classes:
        return
    wrong = comparison.logical_or(target < 0, target >= classes)
    if ignore_index is not None:
        wrong = comparison.logical_and(wrong, comparison.ne(target, ignore_index))
    if reduce.any(wrong):
        ignored = "" if ignore_index is None else f" (or ignore_index={ignore_index})"
        raise error(
            f"{name}: targets are classes from 0 to {classes - 1}{ignored}, got some from "
            f"{int(target.amin())} to {int(target.amax())}"
        )


def check_classes(name: str, input: Tensor, target: Tensor) -> None:
    """Raise unless input (N, C, *) or (C,) and target (N, *) or () belong together."""
    if target.dtype.kind not in "iu":
        raise RuntimeError(
            f"{name}: targets are the numbers of classes, as whole numbers, got {target.dtype} of "
            f"shape {target.shape} for an input of shape {input.shape}"
        )
    if input.ndim == 1 and target.ndim <= 1 and target.numel() == 1:
        return
    sentence = (
        f"{name}: expected an input (N, C, *) and a target (N, *), got shapes {input.shape} and "
        f"{target.shape}"
    )
    if not input.ndim or (input.ndim == 2 == target.ndim + 1 and len(input) != len(target)):
        raise ValueError(sentence)
    if input.ndim == 1 or target.shape != (*input.shape[:1], *input.shape[2:]):
        raise RuntimeError(sentence)


def weight_of(name: str, weight: Tensor | None, input: Tensor, classes: int) -> Tensor | None:
    """The weights of the classes in the input's dtype, which has to be floating.

    Raises: RuntimeError unless there is one for each class, and outside the graph.
    """
    if not input.is_floating_point():
        raise RuntimeError(f"{name}: scores of classes are floating numbers, got {input.dtype}")
    if weight is None:
        return None
    if weight.shape != (classes,):
        raise RuntimeError(
            f"{name}: expected one weight for each of {classes} classes, got shape {weight.shape}"
        )
    if weight.requires_grad:
        raise RuntimeError(WEIGHT_HAS_NO_GRADIENT.format(name))
    return weight.to(dtype=input.dtype)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input) at the class that is the target; one gate on the graph.

    target: classes, or the probabilities of all classes. weight: how much each class counts; for
    targets that are classes the mean is over the weights. ignore_index: a class that does not
    count. label_smoothing: the share of the target that is spread evenly over all classes.

    Shape: input (N, C, *) of logits, target (N, *) of classes or (N, C, *) of probabilities -> (),
    or (N, *) with "none". Or input (C,) and target () or (C,).

    Rule: dinput = (softmax(input) - one_hot(target)) / N for the mean.

    Raises: ValueError or RuntimeError where shapes do not fit one another, RuntimeError for targets
    of the wrong dtype or a smoothing outside [0, 1], ValueError for an unknown reduction,
    IndexError for a target that is no class (on the CPU: elsewhere it counts as ignored).

    Source: Szegedy et al. 2016, section 7 (label smoothing).

    Differs: classes may have any integer dtype. A probability of 0 costs nothing even where the
    logit is -inf. Weights get no gradient.
    """
    name = "cross_entropy"
    check_tensors(name, input=input, target=target)
    check_reduction(reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"{name}: label_smoothing lies within [0, 1], got {label_smoothing}")
    soft = input.shape == target.shape and (target.is_floating_point() or not input.ndim)
    if soft and not (input.ndim and target.is_floating_point()):
        raise RuntimeError(
            f"{name}: expected an input (N, C, *) or (C,), got shapes {input.shape} and "
            f"{target.shape}"
        )
    if not soft:
        check_classes(name, input, target)
    single = input.ndim == 1
    classes = input.shape[0 if single else 1]
    weight = weight_of(name, weight, input, classes)
    if not soft:
        check_in_range(name, target, classes, ignore_index)
    elif ignore_index >= 0:
        raise RuntimeError(
            f"{name}: probabilities as target leave no class out, got ignore_index={ignore_index}"
        )
    if single:
        input = shape.unsqueeze(input, 0)
        target = shape.reshape(target, (1, classes) if soft else (1,))
    if soft:
        losses = loss.soft_cross_entropy(input, target, weight, label_smoothing, reduction)
    else:
        losses = loss.cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction)
    return shape.reshape(losses, ()) if single else losses


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-input at the class that is the target; input holds log-probabilities. See cross_entropy.

    Shape: input (N, C, *), target (N, *) of classes -> (), or (N, *) with "none".
    """
    name = "nll_loss"
    check_tensors(name, input=input, target=target)
    check_reduction(reduction)
    check_classes(name, input, target)
    single = input.ndim == 1
    classes = input.shape[0 if single else 1]
    weight = weight_of(name, weight, input, classes)
    check_in_range(name, target, classes, ignore_index)
    if single:
        input, target = shape.unsqueeze(input, 0), shape.reshape(target, (1,))
    losses = loss.nll(input, target, weight, ignore_index, reduction)
    return shape.reshape(losses, ()) if single else losses


@follows("float32")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the other classes of max(0, margin - input[target] + input)^p.

    weight: how much each class counts as a target.

    Shape: input (N, C) of scores, target (N,) of classes -> (), or (N,) with "none"; or (C,), ().

    Rule: 0 for a class that is short by nothing, at the kink of max too.

    Raises: ValueError for a p but 1 and 2 or a weight that is no vector, RuntimeError for shapes
    that do not fit or a target that is no class (on the CPU).

    Source: Crammer & Singer 2001, equation 2.
    """
    name = "multi_margin_loss"
    check_tensors(name, input=input, target=target)
    check_reduction(reduction)
    if p not in (1, 2):
        raise ValueError(f"{name}: p is 1 or 2, got {p}")
    if weight is not None and weight.ndim != 1:
        raise ValueError(f"{name}: weight is a vector, got shape {weight.shape}")
    if input.ndim not in (1, 2) or target.numel() != (len(input) if input.ndim == 2 else 1):
        raise RuntimeError(
            f"{name}: expected an input (N, C) and a target (N,), got shapes {input.shape} and "
            f"{target.shape}"
        )
    if target.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: targets are whole numbers, got {target.dtype}")
    classes = input.shape[-1]
    weight = weight_of(name, weight, input, classes)
    check_in_range(name, target, classes, None, RuntimeError)
    scores = input if input.ndim == 2 else shape.unsqueeze(input, 0)
    hot = loss.one_hot(shape.reshape(target, (-1,)), classes, 1, "bool")
    right = reduce.sum(pointwise.where(hot, scores, 0.0), 1, True)
    short = activation.relu(scores - right + margin)
    costs = pointwise.where(hot, 0.0, short if p == 1 else short * short)
    if weight is not None:
        costs = costs * reduce.sum(pointwise.where(hot, weight, 0.0), 1, True)
    losses = reduce.mean(costs, 1)
    return reduced(losses if target.ndim else shape.reshape(losses, ()), reduction)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each class along a new last axis, else 0; num_classes -1 is as many as there are.

    Shape: (*) of classes -> (*, num_classes), int64.

    Raises: RuntimeError for anything but whole numbers, for a class outside the range (on the CPU),
    or for num_classes -1 where there are no classes.
    """
    if tensor.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot takes whole numbers, got {tensor.dtype}")
    if num_classes == -1:
        if not tensor.numel():
            raise RuntimeError(
                f"one_hot: no classes to count in a tensor of shape {tensor.shape}; pass "
                "num_classes"
            )
        num_classes = int(tensor.amax()) + 1
    check_in_range("one_hot", tensor, num_classes, None, RuntimeError)
    return loss.one_hot(tensor, num_classes, tensor.ndim, "int64")


# --- two classes ----------------------------------------------------------------------------------


def check_equal(name: str, input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Raise ValueError unless input and target have one shape, to which weight broadcasts."""
    check_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: input and target need one shape, got {input.shape} and {target.shape}"
        )
    if weight is not None:
        check_broadcast(name, input=input, weight=weight)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-target log input - (1 - target) log(1 - input), for probabilities; see also the next one.

    Logarithms are not below -100, so that a certain error does not cost infinitely much.

    Shape: input, target (*) -> (), or (*) with "none"; weight broadcasts to (*).

    Rule: dinput = weight (input - target) / max(input (1 - input), 1e-12).

    Raises: ValueError for unequal shapes, RuntimeError for numbers outside [0, 1] (on the CPU).
    """
    name = "binary_cross_entropy"
    check_equal(name, input, target, weight)
    check_reduction(reduction)
    for title, x in (("input", input), ("target", target)):
        inside = comparison.eq(pointwise.clamp(x.detach(), 0.0, 1.0), x)
        if loss.readable(x) and not reduce.all(inside):
            raise RuntimeError(
                f"{name}: {title} holds probabilities, from 0 to 1, got some from "
                f"{x.amin().item():g} to {x.amax().item():g}"
            )
    losses = loss.binary_cross_entropy(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@follows("float32")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), exact for logits of any size.

    pos_weight: how much the part of the positive target counts.

    Shape: input, target (*) -> (), or (*) with "none"; weight and pos_weight broadcast to (*).

    Rule: dinput = sigmoid(input) - target, where nothing is weighted.

    Raises: ValueError for unequal shapes.
    """
    name = "binary_cross_entropy_with_logits"
    check_equal(name, input, target, weight)
    check_reduction(reduction)
    positive = 1.0
    if pos_weight is not None:
        check_broadcast(name, input=input, pos_weight=pos_weight)
        positive = (pos_weight - 1.0) * target + 1.0
    losses = (1.0 - target) * input - positive * activation.logsigmoid(input)
    return reduced(losses if weight is None else losses * weight, reduction)


@follows("float32")
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """The mean over the classes of the binary cross entropies of logits.

    Shape: input, target (*, C) -> (), or (*) with "none"; weight (C,).
    """
    name = "multilabel_soft_margin_loss"
    check_broadcast(name, input=input, target=target)
    check_reduction(reduction)
    logsigmoid = activation.logsigmoid
    losses = -(target * logsigmoid(input) + (1.0 - target) * logsigmoid(-input))
    if weight is not None:
        check_broadcast(name, input=input, weight=weight)
        losses = losses * weight
    return reduced(reduce.mean(losses, -1), reduction)


@follows("float32")
def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """log(1 + e^(-target input)) for targets of 1 and -1, without overflow.

    Shape: input, target (*) -> (), or (*) with "none".
    """
    check_broadcast("soft_margin_loss", input=input, target=target)
    check_reduction(reduction)
    return reduced(-activation.logsigmoid(target * input), reduction)


@follows("float32")
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean"
) -> Tensor:
    """input where the target is 1, max(0, margin - input) where it is -1.

    Shape: input, target (*) -> (), or (*) with "none".
    """
    check_broadcast("hinge_embedding_loss", input=input, target=target)
    check_reduction(reduction)
    apart = pointwise.where(comparison.eq(target, -1), 0.0, input)
    near = pointwise.where(comparison.eq(target, 1), 0.0, pointwise.clamp(margin - input, min=0.0))
    return reduced(apart + near, reduction)


# --- distributions --------------------------------------------------------------------------------


@follows("float32")
def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target (log target - input): input holds log-probabilities, and so may target.

    reduction: also "batchmean", the sum over the size of the first axis: the mathematical mean.

    Shape: input, target (*) -> (), or (*) with "none".

    Rule: dinput = -target.
    """
    check_broadcast("kl_div", input=input, target=target)
    check_reduction(reduction, "batchmean")
    if log_target:
        losses = pointwise.exp(target) * (target - input)
    else:
        nothing = comparison.eq(target, 0.0)  # 0 log 0 = 0
        losses = target * (pointwise.log(pointwise.where(nothing, 1.0, target)) - input)
    if reduction == "batchmean":
        return reduce.sum(losses) / (losses.shape[0] if losses.ndim else 1)
    return reduced(losses, reduction)
