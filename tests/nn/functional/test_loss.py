"""Losses of classification: against PyTorch with every option, their laws, and their errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from losses import REDUCTIONS, agree_with_torch, count_gates
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
IGNORED = 2
BOOLS = st.booleans()
SAMPLES = st.sampled_from([(), (1,), (4,), (3, 2), (2, 1, 3)])


def rng_of(draw):
    return np.random.default_rng(draw(st.integers(0, 2**32)))


@st.composite
def classifications(draw):
    """Logits, targets, weights of the classes or None: of one sample, or of several."""
    rng = rng_of(draw)
    classes = draw(st.integers(1, 5))
    samples = draw(SAMPLES)
    shape = (classes,) if samples == () else (samples[0], classes, *samples[1:])
    target = np.asarray(rng.integers(0, classes, samples))
    weight = rng.uniform(0.5, 2.0, classes) if draw(BOOLS) else None
    return rng.standard_normal(shape) * 3, target, weight


# --- cross_entropy and nll_loss -------------------------------------------------------------------


@given(classifications(), REDUCTIONS)
def test_cross_entropy_is_its_formula(case, reduction):
    x, target, weight = case
    moved = np.moveaxis(x, 0 if x.ndim == 1 else 1, -1)
    probabilities = np.exp(moved) / np.exp(moved).sum(-1, keepdims=True)
    losses = -np.log(np.take_along_axis(probabilities, target[..., None], -1))[..., 0]
    shares = np.ones(target.shape) if weight is None else weight[target]
    want = losses * shares
    if reduction != "none":
        want = np.asarray(want.sum() / (shares.sum() if reduction == "mean" else 1))
    w = None if weight is None else tg.tensor(weight)
    z = F.cross_entropy(tg.tensor(x), tg.tensor(target), w, reduction=reduction)
    agree("equal formulas", z.raw, want, ROUNDING)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@given(
    case=classifications(),
    reduction=REDUCTIONS,
    ignore=BOOLS,
    smoothing=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_targets_that_are_classes(torch, name, case, reduction, ignore, smoothing):
    x, target, weight = case
    settings = {"weight": weight, "reduction": reduction}
    settings["ignore_index"] = IGNORED if ignore else -100
    if name == "cross_entropy":
        settings["label_smoothing"] = smoothing
    if ignore and np.all(target == IGNORED):
        return  # nan, which another test asks for; torch's gradient of it is as good as any
    agree_with_torch(torch, name, [x, target], settings)


@given(classifications(), REDUCTIONS, st.sampled_from([0.0, 0.1, 1.0]), BOOLS)
def test_targets_that_are_probabilities(torch, case, reduction, smoothing, whole):
    x, _, weight = case
    p = np.random.default_rng(0).random(x.shape)
    if whole:
        p = np.round(p)
    settings = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
    agree_with_torch(torch, "cross_entropy", [x, p], settings)


@given(classifications(), REDUCTIONS, st.sampled_from([0.0, 0.1]))
def test_probabilities_may_be_certain(case, reduction, smoothing):
    """Classes, and all the probability on them, are one thing; but a mean is over the samples."""
    x, target, weight = case
    axis = 0 if x.ndim == 1 else 1
    certain = np.moveaxis(np.eye(x.shape[axis])[target], -1, axis)
    settings = {"label_smoothing": smoothing, "reduction": reduction}
    settings["weight"] = None if weight is None or reduction == "mean" else tg.tensor(weight)
    one = F.cross_entropy(tg.tensor(x), tg.tensor(target), **settings)
    other = F.cross_entropy(tg.tensor(x), tg.tensor(certain), **settings)
    agree("equal formulas", one.raw, other.raw, ROUNDING)


@given(classifications())
def test_cross_entropy_is_nll_of_log_softmax(case):
    x, target, weight = case
    x, target = tg.tensor(x), tg.tensor(target)
    weight = None if weight is None else tg.tensor(weight)
    log_probabilities = F.log_softmax(x, 0 if x.ndim == 1 else 1)
    one = F.cross_entropy(x, target, weight)
    agree("equal formulas", one.raw, F.nll_loss(log_probabilities, target, weight).raw, ROUNDING)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_is_one_gate(reduction):
    x = tg.randn(4, 3, 2, requires_grad=True)
    classes = tg.tensor([[0, 1], [2, -100], [1, 1], [0, 0]])
    for target in (classes, tg.rand(4, 3, 2)):
        z = F.cross_entropy(
            x, target, tg.tensor([1.0, 2.0, 3.0]), reduction=reduction, label_smoothing=0.1
        )
        assert count_gates(z) == 1


@given(classifications(), REDUCTIONS)
def test_ignored_samples_might_as_well_not_be_there(case, reduction):
    x, target, weight = case
    if x.ndim == 1:
        x, target = x[None], target[None]
    x, target = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]), target.ravel()
    ignored = np.arange(len(target)) % 2 == 1
    marked = np.where(ignored, -100, target)
    x[ignored, 0] = math.nan  # whatever stands there
    weight = None if weight is None else tg.tensor(weight)
    left = tg.tensor(x[~ignored])
    want = host(F.cross_entropy(left, tg.tensor(target[~ignored]), weight, reduction=reduction))
    got = host(F.cross_entropy(tg.tensor(x), tg.tensor(marked), weight, reduction=reduction))
    if reduction == "none":
        assert not got[ignored].any()
        got = got[~ignored]
    agree("equal formulas", got, want, ROUNDING)


def test_the_mean_of_nothing_is_nan():
    x, ignored = tg.zeros(2, 3), tg.tensor([-100, -100])
    for smoothing in (0.0, 0.1):
        assert math.isnan(F.cross_entropy(x, ignored, label_smoothing=smoothing).item())
    assert math.isnan(F.nll_loss(x, ignored).item())
    assert F.cross_entropy(x, ignored, reduction="sum").item() == 0
    empty = tg.zeros(0, 3)
    for target in (tg.zeros(0, dtype="int64"), empty):
        assert math.isnan(F.cross_entropy(empty, target).item())
        assert F.cross_entropy(empty, target, reduction="sum").item() == 0


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2)])
@pytest.mark.parametrize(
    ("name", "settings"),
    [("cross_entropy", {}), ("cross_entropy", {"label_smoothing": 0.1}), ("nll_loss", {})],
)
def test_the_mean_of_nothing_has_a_gradient_of_zeros(name, settings, shape):
    x = tg.zeros(*shape, requires_grad=True)
    for create_graph in (False, True):
        loss = getattr(F, name)(x, tg.full((shape[0], *shape[2:]), -100), **settings)
        (g,) = tg.autograd.grad(loss, x, create_graph=create_graph)
        assert not host(g).any()


@pytest.mark.parametrize("target", [[1], [[0.0, 1.0]]])
def test_large_logits_do_not_overflow(target):
    x = tg.tensor([[1e4, -1e4]], requires_grad=True)
    loss = F.cross_entropy(x, tg.tensor(target))
    loss.backward()
    assert loss.item() == 2e4
    assert x.grad.tolist() == [[1, -1]]


def test_what_is_masked_by_infinity_costs_nothing():
    x = tg.tensor([[0.0, -math.inf, 0.0]], requires_grad=True)
    loss = F.cross_entropy(x, tg.tensor([2]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    assert x.grad.tolist() == [[0.5, 0.0, -0.5]]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_any_whole_numbers_are_classes(dtype):
    x, target = tg.tensor([[0.0, 1.0, 2.0]] * 2), tg.tensor([0, 2], dtype=dtype)
    assert F.cross_entropy(x, target).item() == pytest.approx(1.4076059)
    assert F.nll_loss(x, target).item() == pytest.approx(-1)


def test_weights_take_the_dtype_of_the_scores():
    x, target = tg.zeros(2, 3, requires_grad=True), tg.tensor([0, 2])
    z = F.cross_entropy(x, target, tg.ones(3, dtype="float64"))
    z.backward()
    assert z.dtype == x.grad.dtype == "float32"


def test_other_devices_wait_for_nothing(double):
    x = tg.randn(4, 3, device="double", requires_grad=True)
    target = tg.tensor([0, 2, -100, 1], device="double")
    chance = x.detach().softmax(1)
    with double.counting_syncs() as seen:
        for loss in (
            F.cross_entropy(x, target, label_smoothing=0.1),
            F.cross_entropy(x, chance),
            F.nll_loss(x, target),
            F.multi_margin_loss(x, target.clamp(min=0)),
            F.binary_cross_entropy(x.sigmoid(), chance),
            F.binary_cross_entropy_with_logits(x, chance),
            F.gaussian_nll_loss(x, chance, chance),
        ):
            loss.backward()
        F.one_hot(target.clamp(min=0), 3)
    assert seen == []


def test_on_other_devices_what_is_no_class_is_ignored(double):
    x = tg.randn(3, 3)
    settings = {"label_smoothing": 0.1, "weight": tg.tensor([1.0, 2.0, 3.0])}
    want = F.cross_entropy(x, tg.tensor([0, -100, 2]), **settings)
    settings["weight"] = settings["weight"].to("double")
    got = F.cross_entropy(x.to("double"), tg.tensor([0, 7, 2], device="double"), **settings)
    assert got.item() == pytest.approx(want.item())


def test_shapes_without_numbers():
    x = tg.randn(4, 3, 2, device="meta", requires_grad=True)
    target = tg.zeros(4, 2, dtype="int64", device="meta")
    loss = F.cross_entropy(x, target, tg.ones(3, device="meta"), label_smoothing=0.1)
    loss.backward()
    assert loss.shape == ()
    assert x.grad.shape == x.shape
    assert F.cross_entropy(x, x.detach(), reduction="none").shape == (4, 2)


# --- several classes, two classes -----------------------------------------------------------------


@given(classifications(), st.sampled_from([1, 2]), st.sampled_from([0.5, 1.0]), REDUCTIONS)
def test_multi_margin_loss(torch, case, p, margin, reduction):
    x, target, weight = case
    if x.ndim > 2:
        x, target = x.reshape(*x.shape[:2], -1)[..., 0], target.reshape(len(x), -1)[:, 0]
    settings = {"p": p, "margin": margin, "weight": weight, "reduction": reduction}
    agree_with_torch(torch, "multi_margin_loss", [x, target], settings)


KINKED = np.array([[1.0, 0.5, 0.0], [0.0, 0.5, -0.5]])


@pytest.mark.parametrize(
    ("name", "inputs", "settings"),
    [
        ("multi_margin_loss", [KINKED, np.array([0, 1])], {"margin": 0.5}),
        ("margin_ranking_loss", [KINKED, KINKED - 0.5, np.ones((2, 3))], {"margin": 0.5}),
        ("hinge_embedding_loss", [KINKED, -np.ones((2, 3))], {"margin": 0.5}),
        ("cosine_embedding_loss", [np.eye(2), np.eye(2)[[1, 0]], -np.ones(2)], {}),
        ("triplet_margin_loss", [KINKED, KINKED, KINKED + [1, 0, 0]], {"p": 1, "eps": 0.0}),
    ],
)
def test_margin_losses_at_their_kinks(torch, name, inputs, settings):
    agree_with_torch(torch, name, inputs, {**settings, "reduction": "sum"})


@st.composite
def binary(draw):
    """Numbers in (0, 1) of a shape, probabilities, weights that broadcast or None."""
    rng = rng_of(draw)
    shape = draw(st.sampled_from([(), (3,), (2, 3), (0, 3)]))
    other = draw(st.sampled_from([shape, shape[1:], shape[:1] and (*shape[:-1], 1)]))
    weight = rng.uniform(0.5, 2.0, other) if draw(BOOLS) else None
    target = rng.integers(0, 2, shape) * 1.0 if draw(BOOLS) else rng.random(shape)
    return np.asarray(rng.random(shape)), np.asarray(target), weight


@given(binary(), REDUCTIONS)
def test_binary_cross_entropy(torch, case, reduction):
    x, target, weight = case
    settings = {"weight": weight, "reduction": reduction}
    agree_with_torch(torch, "binary_cross_entropy", [x, target], settings)


def test_certain_errors_do_not_cost_infinitely_much(torch):
    x, target = [0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]
    p = tg.tensor(x, requires_grad=True)
    z = F.binary_cross_entropy(p, tg.tensor(target), reduction="none")
    z.sum().backward()
    twin = torch.nn.functional.binary_cross_entropy(
        torch.tensor(x), torch.tensor(target), reduction="none"
    )
    assert z.tolist() == twin.tolist() == [100, 100, 0, 0]
    assert p.grad.tolist() == pytest.approx([-1e12, 1e12, 0, 0])


@given(binary(), REDUCTIONS, BOOLS, st.sampled_from([1.0, 100.0]))
def test_binary_cross_entropy_with_logits(torch, case, reduction, positive, scale):
    x, target, weight = case
    settings = {"weight": weight, "reduction": reduction}
    if positive:
        settings["pos_weight"] = np.random.default_rng(1).uniform(0.5, 2.0, x.shape[-1:])
    logits = (x - 0.5) * scale
    agree_with_torch(torch, "binary_cross_entropy_with_logits", [logits, target], settings)


def test_logits_of_any_size():
    x = tg.tensor([-1e4, 0.0, 1e4], requires_grad=True)
    F.binary_cross_entropy_with_logits(x, tg.ones(3), reduction="sum").backward()
    assert x.grad.tolist() == [-1.0, -0.5, 0.0]
    assert F.soft_margin_loss(x, -tg.ones(3), reduction="none").tolist()[::2] == [0, 1e4]


@given(binary(), REDUCTIONS, BOOLS)
def test_multilabel_soft_margin_loss(torch, case, reduction, weighted):
    x, target, _ = case
    if not x.ndim:
        x, target = x[None], target[None]
    weight = np.random.default_rng(1).uniform(0.5, 2.0, x.shape[-1]) if weighted else None
    settings = {"weight": weight, "reduction": reduction}
    agree_with_torch(torch, "multilabel_soft_margin_loss", [x - 0.5, target], settings)


@given(binary(), REDUCTIONS)
def test_soft_margin_loss(torch, case, reduction):
    x, target, _ = case
    sides = np.where(target > 0.5, 1.0, -1.0)
    agree_with_torch(torch, "soft_margin_loss", [x - 0.5, sides], {"reduction": reduction}, (1,))


@given(binary(), REDUCTIONS, st.sampled_from([0.25, 1.0]))
def test_hinge_embedding_loss(torch, case, reduction, margin):
    x, target, _ = case
    sides = np.round(target * 2 - 1)  # 0 as well, which PyTorch gives both losses
    settings = {"margin": margin, "reduction": reduction}
    agree_with_torch(torch, "hinge_embedding_loss", [x, sides], settings, fixed=(1,))


@pytest.mark.filterwarnings("ignore:reduction")  # PyTorch warns of means that are not batchmeans
@given(binary(), st.sampled_from(["mean", "sum", "none", "batchmean"]), BOOLS)
def test_kl_div(torch, case, reduction, log_target):
    x, target, _ = case
    if reduction == "batchmean" and not x.size:
        return
    settings = {"reduction": reduction, "log_target": log_target}
    fixed = () if target.all() else (1,)  # PyTorch's gradient of 0 log 0 is nan
    agree_with_torch(torch, "kl_div", [np.log(x), target], settings, fixed)


# --- one_hot --------------------------------------------------------------------------------------


@given(st.sampled_from([(), (3,), (2, 0), (2, 2)]), st.integers(1, 5), BOOLS)
def test_one_hot(shape, classes, given_classes):
    target = np.random.default_rng(0).integers(0, classes, shape)
    if not target.size:
        given_classes = True
    if not given_classes:
        classes = int(target.max()) + 1
    z = F.one_hot(tg.tensor(target), classes if given_classes else -1)
    assert z.dtype == "int64"
    assert np.array_equal(host(z), np.eye(classes, dtype=int)[target])


READ = pytest.mark.host("the device's numbers are not read to refuse some")


@pytest.mark.parametrize(
    ("target", "classes", "words"),
    [
        pytest.param([0, 3], 3, "from 0 to 2, got some from 0 to 3", marks=READ),
        pytest.param([-1, 0], -1, "got some from -1 to 0", marks=READ),
        ([0.0], -1, "whole numbers, got float32"),
        ([], -1, "no classes to count"),
    ],
)
def test_one_hot_says_what_was_given(target, classes, words):
    with pytest.raises(RuntimeError, match=words):
        F.one_hot(tg.tensor(target, dtype=None if target else "int64"), classes)


# --- errors ---------------------------------------------------------------------------------------

# function, shapes or lists of its inputs, settings; the class of the error is PyTorch's
WRONG = [
    ("cross_entropy", [(2, 3), [0, 1, 2]], {}, r"\(N, C, \*\).*got shapes \(2, 3\) and \(3,\)"),
    ("cross_entropy", [(2, 3), [[0], [1]]], {}, r"got shapes \(2, 3\) and \(2, 1\)"),
    ("cross_entropy", [(2, 3, 4), [[0], [1]]], {}, r"got shapes \(2, 3, 4\) and \(2, 1\)"),
    ("cross_entropy", [(), 0], {}, r"got shapes \(\) and \(\)"),
    ("cross_entropy", [(2, 3), [0, 3]], {}, "from 0 to 2 .*got some from 0 to 3"),
    ("cross_entropy", [(2, 3), [-1, 2]], {}, "ignore_index=-100.* got some from -1 to 2"),
    ("cross_entropy", [(2, 3), [0.0, 1.0]], {}, "whole numbers, got float32"),
    ("cross_entropy", [(2, 3), [[0, 1, 2]] * 2], {}, r"got shapes \(2, 3\) and \(2, 3\)"),
    ("cross_entropy", [(2, 3), [0, 1]], {"reduction": "average"}, "'none', got 'average'"),
    ("cross_entropy", [(2, 3), [0, 1]], {"weight": (2,)}, r"each of 3 classes, got shape \(2,\)"),
    ("cross_entropy", [(2, 3), (2, 3)], {"weight": (2,)}, r"each of 3 classes, got shape \(2,\)"),
    ("cross_entropy", [(2, 3), [0, 1]], {"label_smoothing": 1.5}, r"within \[0, 1\], got 1.5"),
    ("cross_entropy", [(2, 3), (2, 3)], {"ignore_index": 1}, "got ignore_index=1"),
    ("nll_loss", [(2, 3), [0, 1, 2]], {}, r"got shapes \(2, 3\) and \(3,\)"),
    ("nll_loss", [(), 0], {}, r"got shapes \(\) and \(\)"),
    ("nll_loss", [(2, 3), [0, 3]], {}, "got some from 0 to 3"),
    ("nll_loss", [(2, 3), [0.0, 1.0]], {}, "whole numbers, got float32"),
    ("nll_loss", [(2, 3), [0, 1]], {"weight": (2,)}, "each of 3 classes"),
    ("multi_margin_loss", [(2, 3), [0, 1]], {"p": 3}, "p is 1 or 2, got 3"),
    ("multi_margin_loss", [(2, 3), [0, 3]], {}, "got some from 0 to 3"),
    ("multi_margin_loss", [(2, 3), [0, 1, 2]], {}, r"got shapes \(2, 3\) and \(3,\)"),
    ("multi_margin_loss", [(2, 3, 3), [0, 1]], {}, r"got shapes \(2, 3, 3\)"),
    ("multi_margin_loss", [(2, 3), [0, 1]], {"weight": (2,)}, "each of 3 classes"),
    ("multi_margin_loss", [(2, 3), [0, 1]], {"weight": (1, 3)}, "a vector, got shape"),
    ("multi_margin_loss", [(2, 3), [0.0, 1.0]], {}, "whole numbers, got float32"),
    ("binary_cross_entropy", [[1.5], [1.0]], {}, "input holds probabilities.* 1.5 to 1.5"),
    ("binary_cross_entropy", [[0.5], [2.0]], {}, "target holds probabilities.* 2 to 2"),
    ("binary_cross_entropy", [(2,), (2, 1)], {}, r"one shape, got \(2,\) and \(2, 1\)"),
    ("binary_cross_entropy", [(2,), (2,)], {"weight": (3,)}, r"input \(2,\) and weight \(3,\)"),
    ("binary_cross_entropy_with_logits", [(2,), (2, 1)], {}, "one shape"),
    ("binary_cross_entropy_with_logits", [(2,), (2,)], {"pos_weight": (3,)}, r"pos_weight \(3,\)"),
    ("multilabel_soft_margin_loss", [(2, 3), (2, 4)], {}, "do not broadcast"),
    ("soft_margin_loss", [(2, 3), (2, 4)], {}, "do not broadcast"),
    ("hinge_embedding_loss", [(2,), (3,)], {}, "do not broadcast"),
    ("kl_div", [(2,), (3,)], {}, "do not broadcast"),
    ("kl_div", [(2,), (2,)], {"reduction": "x"}, "'batchmean' or 'none', got 'x'"),
]


def given_to(library, x):
    """A tensor of zeros of a shape, or of these numbers; settings that are no shapes stay."""
    if isinstance(x, tuple):
        return library.zeros(x)
    return library.tensor(x) if isinstance(x, (list, int)) else x


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize(
    ("name", "inputs", "settings", "words"),
    [
        pytest.param(*case, marks=READ) if "got some" in case[-1] or "prob" in case[-1] else case
        for case in WRONG
    ],
)
def test_errors_are_of_the_classes_of_torchs(torch, name, inputs, settings, words):
    def attempt(library, function):
        more = {n: library.ones(s) if isinstance(s, tuple) else s for n, s in settings.items()}
        function(*[given_to(library, x) for x in inputs], **more)

    with pytest.raises(Exception) as expected:
        attempt(torch, getattr(torch.nn.functional, name))
    with pytest.raises(Exception, match=words) as raised:
        attempt(tg, getattr(F, name))
    assert type(raised.value) is type(expected.value)


def test_what_is_no_tensor_is_told_so():
    with pytest.raises(TypeError, match="cross_entropy: target has to be a Tensor, got list"):
        F.cross_entropy(tg.zeros(2, 3), [0, 1])


def test_weights_of_classes_are_constants():
    weight = tg.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"cross_entropy: .*pass weight.detach\(\)"):
        F.cross_entropy(tg.zeros(2, 3), tg.tensor([0, 1]), weight)
