"""The kernels of cross entropy against the bodies; the rows of these gates compare small cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.ops.loss import class_cross_entropy_dx, cross_entropy

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_loss


@st.composite
def cases(draw):
    """Logits, some of them large or infinite, targets, some ignored or no class, and settings."""
    n, k = draw(st.integers(1, 40)), draw(st.integers(1, 600))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = (rng.standard_normal((n, k)) * draw(st.sampled_from([1, 100]))).astype("f4")
    if draw(st.booleans()):
        x = x.T.copy().T
    target = rng.integers(0, k, n)
    if draw(st.booleans()):
        target[rng.integers(0, n)] = draw(st.sampled_from([-100, -1, k]))
    weight = rng.uniform(0, 2, k).astype("f4") if draw(st.booleans()) else None
    if weight is not None:
        weight[rng.integers(0, k)] = 0
    settings = {
        "ignore_index": -100,
        "label_smoothing": draw(st.sampled_from([0.0, 0.1])),
        "reduction": draw(st.sampled_from(["none", "sum", "mean"])),
    }
    return x, target, weight, settings


@given(cases())
def test_the_kernels_are_the_bodies(case):
    x, target, weight, settings = case
    g = np.ones(x.shape[0] if settings["reduction"] == "none" else (), x.dtype) * 0.75
    exact = [None if a is None else a.astype(np.float64) for a in (g, x, weight)]
    with np.errstate(all="ignore"):
        z = cpu_loss.cross_entropy(x, target, weight, **settings)
        want = cross_entropy.gate.body(exact[1], target, exact[2], **settings)
        dx = cpu_loss.class_cross_entropy_dx(g, x, target, weight, **settings)
        want_dx = class_cross_entropy_dx.gate.body(exact[0], exact[1], target, exact[2], **settings)
    assert z.dtype == dx.dtype == x.dtype
    assert z.shape == np.shape(want)
    eps = 32 * np.finfo(x.dtype).eps
    size = np.abs(x).max() + 10
    np.testing.assert_allclose(z, want, rtol=eps, atol=eps * size)
    np.testing.assert_allclose(dx, want_dx, rtol=eps * size, atol=eps * np.abs(want_dx).max())


def test_infinite_logits_of_classes_without_a_share():
    x = np.array([[0.0, -np.inf, 0.0]], "f4")
    how = {"ignore_index": -100, "label_smoothing": 0.0, "reduction": "sum"}
    assert cpu_loss.cross_entropy(x, np.array([0]), None, **how) == np.float32(np.log(2))
    assert cpu_loss.cross_entropy(x, np.array([1]), None, **how) == np.inf
    dx = cpu_loss.class_cross_entropy_dx(np.ones((), "f4"), x, np.array([0]), None, **how)
    np.testing.assert_allclose(dx, [[-0.5, 0.0, 0.5]], rtol=1e-6)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_stays_in_its_row(number):
    x = np.zeros((2, 3), "f4")
    x[0, 1] = number
    how = {"ignore_index": -100, "label_smoothing": 0.0, "reduction": "none"}
    z = cpu_loss.cross_entropy(x, np.array([0, 0]), None, **how)
    assert np.isnan(z[0]) and np.isfinite(z[1])


@pytest.mark.parametrize(
    ("x", "target"),
    [
        (np.ones((2, 3, 4), "f4"), np.zeros((2, 4), int)),
        (np.ones((2, 3), "f2"), np.zeros(2, int)),
        (np.ones((2, 3), "f8"), np.zeros(2, int)),
        (np.ones((0, 3), "f4"), np.zeros(0, int)),
        (np.ones((2, 3), "f4"), np.zeros(2, "i4")),
    ],
    ids=["axes of space", "float16", "float64", "no samples", "int32"],
)
def test_what_is_not_covered_is_left_to_the_body(x, target):
    how = {"ignore_index": -100, "label_smoothing": 0.0, "reduction": "sum"}
    assert cpu_loss.cross_entropy(x, target, None, **how) is NotImplemented
    g = np.ones((), "f4")
    assert cpu_loss.class_cross_entropy_dx(g, x, target, None, **how) is NotImplemented
