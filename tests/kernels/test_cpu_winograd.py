"""Winograd's convolution against the bodies in float64.

Its error has no bound by the products of one result alone, since a tile's results are made of
common sums. So the bound is in units of eps times the largest sum of absolute products that any
result has: 16 of them for tiles of 4x4, of which standard normal numbers were seen to need 8, and 4
for tiles of 2x2, of which they need 2.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_conv, cpu_tile, cpu_winograd, report
from tinygrad_cnn.kernels.cpu_winograd import LARGE_TILES, SMALL_TILES
from tinygrad_cnn.kernels.simd import LANES

EPS = np.finfo(np.float32).eps
BOUND = {2: 4, 4: 16}
PLAIN = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}
SIZES = pytest.mark.parametrize("kernels", [LARGE_TILES, SMALL_TILES], ids=["4x4", "2x2"])


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"], autouse=True)
def threads(request):
    before = tg.get_num_threads()
    tg.set_num_threads(request.param)
    yield request.param
    tg.set_num_threads(before)


def numbers(rng, shape, rows=True):
    """Standard normal numbers, as images with the channels innermost if asked for."""
    z = rng.standard_normal(shape, dtype=np.float32)
    if rows:
        z, planes = cpu_tile.empty(shape), z
        z[...] = planes
    return z


def drawn(n, c, size, k, padding, seed=0):
    """x, w, b, scale and u, which may be a residual as well."""
    rng = np.random.default_rng(seed)
    out = tuple(s + 2 * p - 2 for s, p in zip(size, padding, strict=True))
    x, u = numbers(rng, (n, c, *size)), numbers(rng, (n, k, *out))
    w = numbers(rng, (k, c, 3, 3), rows=False)
    return x, w, *(rng.standard_normal(k, dtype=np.float32) for _ in range(2)), u


def check(kernels, z, gate, inputs, **settings):
    """z is the body's result within the bound, in rows where it is an image."""
    wide = [None if x is None else x.astype(float) for x in inputs]
    expected = gate.gate.body(*wide, **settings, **PLAIN)
    sizes = gate.gate.body(*[None if x is None else np.abs(x) for x in wide], **settings, **PLAIN)
    assert (type(z), z.shape, z.dtype) == (np.ndarray, expected.shape, np.float32)
    assert z.flags.owndata
    assert z.flags.writeable
    assert z.size == 0 or np.abs(z - expected).max() <= BOUND[kernels.m] * EPS * sizes.max()


def check_all(kernels, n, c, size, k, padding, seed=0):
    """All three of the family, and what is fused with the first."""
    x, w, b, scale, u = inputs = drawn(n, c, size, k, padding, seed)
    before = [a.copy() for a in inputs]
    settings = {"padding": padding, **PLAIN}
    z = kernels.conv(x, w, b, **settings)
    check(kernels, z, conv, (x, w, b), padding=padding)
    dx = kernels.conv_dx(u, w, space=size, **settings)
    check(kernels, dx, conv_dx, (u, w), padding=padding, space=size)
    dw = kernels.conv_dw(u, x, window=(3, 3), **settings)
    check(kernels, dw, conv_dw, (u, x), padding=padding, window=(3, 3))
    assert z.transpose(0, 2, 3, 1).flags.c_contiguous
    assert dx.transpose(0, 2, 3, 1).flags.c_contiguous
    fused = kernels.conv(x, w, b, scale, u, relu=True, **settings)
    plain = kernels.conv(x, w * scale.reshape(-1, 1, 1, 1), b, **settings)
    assert np.array_equal(fused, np.maximum(plain + u, 0))
    assert np.array_equal(kernels.conv(x, w, b, relu=True, **settings), np.maximum(z, 0))
    for a, old in zip(inputs, before, strict=True):
        assert np.array_equal(a, old)


@st.composite
def cases(draw):
    """Numbers of images and channels, sizes, padding and a seed."""
    padding = tuple(draw(st.integers(0, 3)) for _ in range(2))
    size = tuple(draw(st.integers(max(1, 3 - 2 * p), 11)) for p in padding)
    c, k = (LANES * draw(st.sampled_from([1, 2, 3])) for _ in range(2))
    return draw(st.integers(0, 2)), c, size, k, padding, draw(st.integers(0, 2**32 - 1))


@SIZES
@given(case=cases())
def test_the_family_is_the_bodies(kernels, case):
    check_all(kernels, *case)


def forget_plans():
    cpu_winograd.plan_convolution.cache_clear()
    cpu_winograd.plan_correlation.cache_clear()


@pytest.fixture
def new_plans():
    """No plan from before is there, and none is left behind."""
    forget_plans()
    yield
    forget_plans()


@SIZES
@pytest.mark.usefixtures("new_plans")
@pytest.mark.parametrize(
    "limits",
    [
        {"BLOCK": 1, "PAIRED": 1, "MANY": 1 << 40, "LEAST": 3},  # many blocks, the last not full
        {"HEAVY": 0, "FEW": 1 << 40, "SUMMED": 2 * LANES, "MANY": 0, "GROUP": 2 * LANES},
    ],
    ids=["weights whole", "patches whole"],
)
def test_both_ways(kernels, limits, monkeypatch):
    """The limits that choose between them are moved, so that small shapes take the way of large
    ones, in several blocks or groups of channels."""
    for name, value in limits.items():
        monkeypatch.setattr(cpu_winograd, name, value)
    check_all(kernels, 3, 5 * LANES, (13, 10), 3 * LANES, (1, 1))
    check_all(kernels, 2, 2 * LANES, (4, 3), 4 * LANES, (2, 0))


@SIZES
def test_any_layout_is_taken(kernels):
    x, w, _, _, u = drawn(2, LANES, (6, 5), LANES, (1, 1))
    settings = {"padding": (1, 1), **PLAIN}
    expected = kernels.conv(x, w, None, **settings)
    planes = np.ascontiguousarray(x)
    planes.flags.writeable = False
    turned = np.ascontiguousarray(w.transpose(1, 0, 3, 2)).transpose(1, 0, 3, 2)
    assert np.array_equal(kernels.conv(planes, turned, None, **settings), expected)
    dw = kernels.conv_dw(u, x, window=(3, 3), **settings)
    assert np.array_equal(
        kernels.conv_dw(np.ascontiguousarray(u), planes, window=(3, 3), **settings), dw
    )


@SIZES
def test_transformed_weights_are_not_used_when_the_weights_have_changed(kernels):
    x, w, *_ = drawn(1, LANES, (6, 6), LANES, (1, 1))
    settings = {"padding": (1, 1), **PLAIN}
    for _ in range(3):
        first = kernels.conv(x, w, None, **settings)
    w[0, 0, 0, 0] += 1
    second = kernels.conv(x, w, None, **settings)
    assert np.array_equal(second, kernels.conv(x, w.copy(), None, **settings))
    assert not np.array_equal(first, second)


@SIZES
def test_results_are_the_same_bits_each_time(kernels):
    x, w, _, _, u = drawn(5, 2 * LANES, (13, 13), 2 * LANES, (1, 1))
    settings = {"padding": (1, 1), **PLAIN}
    runs = [
        (
            kernels.conv(x, w, None, **settings).tobytes(),
            kernels.conv_dx(u, w, space=(13, 13), **settings).tobytes(),
            kernels.conv_dw(u, x, window=(3, 3), **settings).tobytes(),
        )
        for _ in range(3)
    ]
    assert runs[0] == runs[1] == runs[2]


@SIZES
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [(0, 0), (3, 4), (9, 9)])
def test_what_is_not_finite_spreads_in_its_tiles(kernels, value, place):
    """Wherever the body has nan or infinity there is one here, though often nan instead of
    infinity; and there is none in tiles that the number is not read for."""
    x, w, _, _, u = drawn(2, LANES, (10, 10), LANES, (1, 1))
    x[(1, 2, *place)] = u[(1, 2, *place)] = value
    settings = {"padding": (1, 1), **PLAIN}
    found = [
        (conv, (x, w, None), {}, kernels.conv(x, w, None, **settings)),
        (conv_dx, (u, w), {"space": (10, 10)}, kernels.conv_dx(u, w, space=(10, 10), **settings)),
    ]
    for gate, inputs, more, z in found:
        with np.errstate(invalid="ignore"):
            expected = gate.gate.body(*inputs, **more, **settings)
        assert not np.isfinite(z[~np.isfinite(expected)]).any()
        assert np.isfinite(z[0]).all()
        for row, column in np.ndindex(10, 10):
            tile = np.array([row, column]) // kernels.m * kernels.m
            if np.any(tile - 1 > place) or np.any(tile + kernels.m < place):
                assert np.isfinite(z[1, :, row, column]).all()
    dw = kernels.conv_dw(u, x, window=(3, 3), **settings)
    with np.errstate(invalid="ignore"):
        expected = conv_dw.gate.body(u, x, window=(3, 3), **settings)
    assert not np.isfinite(dw[~np.isfinite(expected)]).any()


# --- where they serve -----------------------------------------------------------------------------


def chosen(gate, images, weights, constant=False, **changed):
    """The kernels that the rules choose."""
    how = {"padding": (1, 1), **PLAIN, **changed}
    settings = tuple([how[name] for name in ("stride", "padding", "dilation")])
    case = (cpu_conv.largest_tiles(gate), images, weights, settings, how["groups"], constant)
    return cpu_conv.fewest_products(gate, *case)


@pytest.mark.parametrize(
    "images, weights, kernels",
    [
        ((8, 64, 56, 56), (64, 64, 3, 3), LARGE_TILES),
        ((128, 16, 32, 32), (16, 16, 3, 3), LARGE_TILES),
        ((8, 512, 7, 7), (512, 512, 3, 3), LARGE_TILES),
        ((64, 512, 2, 2), (512, 512, 3, 3), SMALL_TILES),
        ((64, 512, 1, 1), (512, 512, 3, 3), cpu_tile),
        ((1, 64, 4, 4), (64, 64, 3, 3), cpu_tile),
        ((8, 64, 56, 56), (65, 64, 3, 3), cpu_tile),
        ((8, 65, 56, 56), (64, 65, 3, 3), cpu_tile),
        ((8, 64, 56, 56), (64, 64, 5, 5), cpu_tile),
        ((8, 64, 56), (64, 64, 3), cpu_tile),
    ],
)
def test_the_rules(images, weights, kernels):
    for gate in ("conv", "conv_dx", "conv_dw"):
        assert chosen(gate, images, weights) is kernels


@pytest.mark.parametrize(
    "images, kernels",
    [((1, 512, 7, 7), SMALL_TILES), ((4, 512, 7, 7), LARGE_TILES), ((1, 512, 3, 3), cpu_tile)],
)
def test_constant_weights_take_smaller_tiles_of_few_images(images, kernels):
    """Their transforms are read and not made, and the smaller tiles' are fewer."""
    assert chosen("conv", images, (512, 512, 3, 3), constant=True) is kernels


@pytest.mark.parametrize("name, value", [("stride", (2, 2)), ("dilation", (1, 2)), ("groups", 2)])
def test_other_settings_take_the_direct_kernels(name, value):
    images, weights = (8, 64, 56, 56), (64, 64 // (2 if name == "groups" else 1), 3, 3)
    assert chosen("conv", images, weights, **{name: value}) is cpu_tile


def test_precise_forbids_them_and_the_report_names_them():
    x = tg.randn(8, 64, 14, 14)
    w = tg.randn(64, 64, 3, 3)

    def calls(kernel):
        return sum(c.calls for c in report().cases if c.kernel == f"{kernel}.conv")

    settings = {"padding": (1, 1), **PLAIN}
    before = calls("winograd_4x4"), calls("cpu_tile")
    conv(x, w, None, **settings)
    assert (calls("winograd_4x4"), calls("cpu_tile")) == (before[0] + 1, before[1])
    with tg.backends.cpu.flags(precise=True):
        precise = conv(x, w, None, **settings)
    assert (calls("winograd_4x4"), calls("cpu_tile")) == (before[0] + 1, before[1] + 1)
    direct = cpu_tile.conv(x.raw, w.raw, None, **settings)
    assert np.array_equal(precise.raw, direct)


def test_tiles_can_be_held_small_by_gate(monkeypatch):
    monkeypatch.setitem(cpu_conv.WINOGRAD, "conv", 2)
    monkeypatch.setitem(cpu_conv.WINOGRAD, "conv_dw", 0)
    shapes = (8, 64, 56, 56), (64, 64, 3, 3)
    found = [chosen(gate, *shapes) for gate in ("conv", "conv_dx", "conv_dw")]
    assert found == [SMALL_TILES, LARGE_TILES, cpu_tile]
