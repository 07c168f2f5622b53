"""Softmax and losses."""

from collections.abc import Callable

import numpy as np
import oracles
from drawing import REAL, Case, along_one, between, classified, generators, targets
from hypothesis import strategies as st

from rows.row import Row, pointwise

REDUCTIONS = st.sampled_from(["none", "sum", "mean"])
SMOOTHING = st.sampled_from([0.0, 0.25, 1.0])
IGNORED = st.sampled_from([-100, 0, 1])
CHANCE = between(0.25, 0.75)


# --- how cases are drawn --------------------------------------------------------------------------


@st.composite
def weighted(draw, **settings: st.SearchStrategy) -> Case:
    """Numbers for each class, every sample's class, perhaps weights of the classes."""
    x, target = draw(classified()).inputs
    weight = draw(generators()).uniform(0.5, 2.0, x.shape[1]) if draw(st.booleans()) else None
    case = Case((x, target, weight), draw(st.fixed_dictionaries(settings)))
    if "ignore_index" in settings and np.all(target == case.settings["ignore_index"]):
        case.settings["ignore_index"] = -100  # a mean of nothing is nan, which has no differences
    return case


@st.composite
def probable(draw, **settings: st.SearchStrategy) -> Case:
    """Numbers for each class, every sample's probabilities, perhaps weights of the classes."""
    case = draw(weighted(**settings))
    x, _, weight = case.inputs
    return Case((x, CHANCE(draw(generators()), x.shape), weight), case.settings)


@st.composite
def shared(draw) -> Case:
    """What class_shares takes."""
    dtypes = st.sampled_from([np.dtype("float64"), np.dtype("float32")])
    settings = {"ignore_index": IGNORED, "label_smoothing": SMOOTHING, "reduction": REDUCTIONS}
    case = draw(weighted(**settings, like=dtypes))
    x, target, weight = case.inputs
    return Case((target, weight), {**case.settings, "classes": x.shape[1]})


@st.composite
def cross_entropy_back(draw) -> Case:
    """Gradients of the samples or of their sum, logits, shares."""
    g, x, _ = draw(classified(back=True)).inputs
    g = g if draw(st.booleans()) else np.asarray(0.75)
    return Case((g, x, CHANCE(draw(generators()), x.shape)))


@st.composite
def class_back(draw) -> Case:
    """What the gradient of cross_entropy for the logits takes."""
    how = {"ignore_index": IGNORED, "label_smoothing": SMOOTHING, "reduction": REDUCTIONS}
    case = draw(weighted(**how))
    x, target, weight = case.inputs
    none = case.settings["reduction"] == "none"
    g = REAL(draw(generators()), target.shape) if none else np.asarray(0.75)
    return Case((g, x, target, weight), case.settings)


@st.composite
def soft_back(draw) -> Case:
    """What the gradient of soft_cross_entropy for its targets takes."""
    case = draw(probable(label_smoothing=SMOOTHING, reduction=REDUCTIONS))
    x, _, weight = case.inputs
    samples = (x.shape[0], *x.shape[2:]) if case.settings["reduction"] == "none" else ()
    return Case((REAL(draw(generators()), samples), x, weight), case.settings)


# --- what is true ---------------------------------------------------------------------------------


def weights_of(x: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """One number per class, beside x."""
    weight = np.ones(x.shape[1]) if weight is None else weight
    return weight.reshape(-1, *[1] * (x.ndim - 2))


def class_shares(target, weight, classes, ignore_index, label_smoothing, reduction, like):
    """Sample by sample."""
    shares = np.zeros((target.shape[0], classes, *target.shape[1:]))
    weight = np.ones(classes) if weight is None else weight
    total = 0.0
    for place in np.ndindex(*target.shape):
        n, *rest = place
        if target[place] != ignore_index:
            smooth = weight * (label_smoothing / classes)
            smooth[target[place]] += weight[target[place]] * (1 - label_smoothing)
            shares[(n, slice(None), *rest)] = smooth
            total += weight[target[place]]
    return (shares / total if reduction == "mean" and total else shares).astype(like)


def taken(losses: np.ndarray, reduction: str) -> np.ndarray:
    """Losses of classes, added up over classes and, unless "none", over samples."""
    if reduction == "none":
        return losses.sum(1)
    return np.asarray(losses.sum() if losses.size or reduction == "sum" else np.nan)


def cross_entropy(x, target, weight, ignore_index, label_smoothing, reduction):
    shares = class_shares(
        target, weight, x.shape[1], ignore_index, label_smoothing, reduction, x.dtype
    )
    return taken(-shares * oracles.log_softmax(x, 1), reduction)


def cross_entropy_dx(g, x, shares):
    g = np.expand_dims(g, 1) if g.ndim else g
    return g * (oracles.softmax(x, 1) * shares.sum(1, keepdims=True) - shares)


def class_cross_entropy_dx(g, x, target, weight, ignore_index, label_smoothing, reduction):
    shares = class_shares(
        target, weight, x.shape[1], ignore_index, label_smoothing, reduction, x.dtype
    )
    return cross_entropy_dx(g, x, shares)


def soft_cross_entropy(x, target, weight, label_smoothing, reduction):
    smooth = target * (1 - label_smoothing) + label_smoothing / x.shape[1]
    losses = -smooth * weights_of(x, weight) * oracles.log_softmax(x, 1)
    samples = x.size / x.shape[1]
    return taken(losses / samples if reduction == "mean" and samples else losses, reduction)


def soft_cross_entropy_dt(g, x, weight, label_smoothing, reduction):
    z = oracles.log_softmax(x, 1) * (label_smoothing - 1) * weights_of(x, weight)
    g = np.expand_dims(g, 1) if g.ndim else g
    return g * z / (x.size / x.shape[1] if reduction == "mean" and x.size else 1)


def nll(x, target, weight, ignore_index, reduction):
    shares = class_shares(target, weight, x.shape[1], ignore_index, 0.0, reduction, x.dtype)
    return taken(-shares * x, reduction)


def binary_cross_entropy(x, target):
    return -target * np.log(x) - (1 - target) * np.log(1 - x)


def of_torch(name: str) -> Callable:
    """A loss of torch.nn.functional with weights of classes."""
    return lambda torch, x, t, weight, **settings: getattr(torch.nn.functional, name)(
        x, t, weight, **settings
    )


def torch_binary_cross_entropy(torch, x, target):
    x, target = torch.broadcast_tensors(x, target)
    return torch.nn.functional.binary_cross_entropy(x, target, reduction="none")


ROWS = {
    "softmax": Row(along_one(REAL), oracles.softmax, True),
    "softmax_dx": Row(along_one(REAL, REAL), oracles.softmax_dx),
    "log_softmax": Row(along_one(REAL), oracles.log_softmax, True),
    "log_softmax_dx": Row(along_one(REAL, REAL), oracles.log_softmax_dx),
    "one_hot": Row(targets(), oracles.one_hot),
    "class_shares": Row(shared(), class_shares),
    "nll": Row(
        weighted(ignore_index=IGNORED, reduction=REDUCTIONS),
        nll,
        of_torch("nll_loss"),
        fixed=("weight",),
    ),
    "cross_entropy": Row(
        weighted(ignore_index=IGNORED, label_smoothing=SMOOTHING, reduction=REDUCTIONS),
        cross_entropy,
        of_torch("cross_entropy"),
        fixed=("weight",),
    ),
    "cross_entropy_dx": Row(cross_entropy_back(), cross_entropy_dx),
    "class_cross_entropy_dx": Row(class_back(), class_cross_entropy_dx, fixed=("weight",)),
    "soft_cross_entropy": Row(
        probable(label_smoothing=SMOOTHING, reduction=REDUCTIONS),
        soft_cross_entropy,
        of_torch("cross_entropy"),
        fixed=("weight",),
    ),
    "soft_cross_entropy_dt": Row(soft_back(), soft_cross_entropy_dt),
    "binary_cross_entropy": pointwise(
        binary_cross_entropy, CHANCE, CHANCE, torch=torch_binary_cross_entropy
    ),
}
