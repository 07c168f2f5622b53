"""Grids: against PyTorch; identity and shifts; gradients of two orders; errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
SETTINGS = {
    "mode": st.sampled_from(["bilinear", "nearest", "bicubic"]),
    "padding_mode": st.sampled_from(["zeros", "border", "reflection"]),
    "align_corners": st.booleans(),
}


@st.composite
def cases(draw):
    """An image, points inside and outside of it, and settings."""
    settings = draw(st.fixed_dictionaries(SETTINGS))
    rank = 2 if settings["mode"] == "bicubic" else draw(st.integers(2, 3))
    space = draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
    out = draw(st.lists(st.integers(0, 3), min_size=rank, max_size=rank))
    n = draw(st.integers(0, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal((n, 2, *space))
    return x, rng.uniform(-2.5, 2.5, (n, *out, rank)), settings


@given(cases())
def test_samples_and_gradients_are_torchs(torch, case):
    *inputs, settings = case
    ours = [tg.tensor(a, requires_grad=True) for a in inputs]
    theirs = [torch.tensor(a, requires_grad=True) for a in inputs]
    z, twin = F.grid_sample(*ours, **settings), torch.nn.functional.grid_sample(*theirs, **settings)
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    weights = np.random.default_rng(0).standard_normal(z.shape)
    (z * tg.tensor(weights)).sum().backward()
    (twin * torch.tensor(weights)).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        if a.grad is not None:
            agree("PyTorch", a.grad.raw, b.grad.numpy(), ROUNDING)
        else:
            assert settings["mode"] == "nearest"
            assert not b.grad.numpy().any()


@given(st.lists(st.integers(1, 4), min_size=2, max_size=3), st.booleans())
def test_affine_grids_are_torchs(torch, space, align_corners):
    rank = len(space)
    theta = np.random.default_rng(0).standard_normal((2, rank, rank + 1))
    ours, theirs = tg.tensor(theta, requires_grad=True), torch.tensor(theta, requires_grad=True)
    size = (2, 3, *space)
    z = F.affine_grid(ours, size, align_corners)
    assert z.dtype == "float64"
    if align_corners and 1 in space:  # where PyTorch warns
        assert np.isfinite(host(z)).all()
        return
    twin = torch.nn.functional.affine_grid(theirs, size, align_corners)
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    agree("PyTorch", ours.grad.raw, theirs.grad.numpy(), ROUNDING)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_the_identity_changes_nothing(mode, align_corners):
    x = np.random.default_rng(0).standard_normal((1, 2, 4, 5))
    theta = tg.tensor([[[1.0, 0, 0], [0, 1, 0]]], dtype="float64")
    grid = F.affine_grid(theta, x.shape, align_corners)
    z = F.grid_sample(tg.tensor(x), grid, mode, align_corners=align_corners)
    agree("itself", z.raw, x, ROUNDING)


def test_a_shift_by_one_place():
    x = tg.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    theta = tg.tensor([[[1.0, 0, 0.5], [0, 1, 0]]])
    grid = F.affine_grid(theta, x.shape)
    assert F.grid_sample(x, grid).tolist() == [[[[2, 3, 4, 0]]]]
    assert F.grid_sample(x, grid, padding_mode="border").tolist() == [[[[2, 3, 4, 4]]]]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_gradients_of_two_orders_are_differences(mode, padding_mode, align_corners):
    rng = np.random.default_rng(1)
    x = tg.tensor(rng.standard_normal((1, 2, 3, 4)), requires_grad=True)
    grid = tg.tensor(rng.uniform(-1.5, 1.5, (1, 2, 3, 2)), requires_grad=True)

    def sample(x, grid):
        return F.grid_sample(x, grid, mode, padding_mode, align_corners)

    assert gradcheck(sample, [x, grid])
    assert gradgradcheck(sample, [x, grid])


def test_the_dtype_stays():
    x, grid = tg.ones(1, 1, 2, 2, requires_grad=True), tg.zeros(1, 3, 3, 2, requires_grad=True)
    z = F.grid_sample(x, grid)
    z.sum().backward()
    assert {z.dtype.name, x.grad.dtype.name, grid.grad.dtype.name} == {"float32"}


@pytest.mark.parametrize(("mode", "shows"), [("bilinear", True), ("nearest", False)])
def test_points_nowhere(mode, shows):
    grid = tg.tensor([[[[np.nan, 0.0], [1e30, 0.0]]]])
    z = host(F.grid_sample(tg.ones(1, 1, 2, 2), grid, mode)).ravel()
    assert np.isnan(z[0]) == shows
    assert z[1] == 0


# --- errors ---------------------------------------------------------------------------------------

X, GRID = (2, 3, 4, 6), (2, 3, 3, 2)


@pytest.mark.parametrize(
    ("shape", "grid", "settings", "error", "words"),
    [
        (X, (1, 3, 3, 2), {}, RuntimeError, r"\(2, 3, 4, 6\) and \(1, 3, 3, 2\)"),
        (X, GRID[1:], {}, RuntimeError, r"and \(3, 3, 2\)"),
        (X, (2, 3, 3, 3), {}, RuntimeError, r"and \(2, 3, 3, 3\)"),
        ((2, 3, 0, 6), GRID, {}, RuntimeError, r"got \(2, 3, 0, 6\)"),
        (X, GRID, {"mode": "linear"}, ValueError, "got 'linear'"),
        (X, GRID, {"padding_mode": "wrap"}, ValueError, "got 'wrap'"),
        ((2, 3, 4, 4, 4), (2, 3, 3, 3, 3), {"mode": "bicubic"}, RuntimeError, "'bicubic' takes"),
    ],
)
def test_errors_of_samples_are_torchs(torch, shape, grid, settings, error, words):
    with pytest.raises(error, match=words):
        F.grid_sample(tg.zeros(*shape), tg.zeros(*grid), **settings)
    with pytest.raises(error):
        settings = {"align_corners": False} | settings
        torch.nn.functional.grid_sample(torch.zeros(*shape), torch.zeros(*grid), **settings)


def test_dtypes_do_not_mix(torch):
    with pytest.raises(RuntimeError, match="one dtype, got float32 and float64"):
        F.grid_sample(tg.zeros(*X), tg.zeros(*GRID, dtype="float64"))
    with pytest.raises(RuntimeError):
        grid = torch.zeros(*GRID, dtype=torch.float64)
        torch.nn.functional.grid_sample(torch.zeros(*X), grid, align_corners=False)


@pytest.mark.parametrize(
    ("theta", "size", "error", "words"),
    [
        ((2, 2, 3), (2, 1, 3), NotImplementedError, r"got \(2, 1, 3\)"),
        ((2, 2, 4), (2, 1, 3, 3), ValueError, r"\(N, 2, 3\), got float32 in \(2, 2, 4\)"),
        ((2, 2, 3), (2, 1, 0, 3), ValueError, r"\(2, 1, 0, 3\), of at least 1"),
        ((2, 2, 3), (3, 1, 3, 3), RuntimeError, r"3 maps, got \(2, 2, 3\)"),
    ],
)
def test_errors_of_maps_are_torchs(torch, theta, size, error, words):
    with pytest.raises(error, match=words):
        F.affine_grid(tg.zeros(*theta), size)
    with pytest.raises(error):
        torch.nn.functional.affine_grid(torch.zeros(*theta), size, align_corners=False)
