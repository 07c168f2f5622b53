"""The device double refuses, records and computes what CuPy does: its self test."""

import warnings

import double
import numpy as np
import pytest
from double_answers import MISSING, genuine, numbers
from double_probes import BUGS, CORRECT, OPEN, POISON, WAITS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

cupy = double.cupy
xp = double.xp


def by_name(probe):
    return probe.name


@pytest.mark.parametrize("probe", BUGS, ids=by_name)
def test_a_planted_bug_is_caught(probe):
    x = double.asarray(numbers())
    if probe.outcome == WAITS:
        with double.counting_syncs() as seen:
            probe.use(xp, x)
        assert seen
    elif probe.outcome == POISON:
        result = double.asnumpy(probe.use(xp, x))
        assert not np.isfinite(result).any() or (result == np.iinfo(result.dtype).max).all()
    else:
        with pytest.raises(double.Undefined if probe.outcome == OPEN else probe.outcome):
            probe.use(xp, x)


@pytest.mark.parametrize("probe", BUGS, ids=by_name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numpy_alone_lets_the_bug_pass(probe):
    probe.use(np, numbers())


@pytest.mark.parametrize("probe", CORRECT, ids=by_name)
def test_a_correct_use_computes_what_numpy_computes_without_waiting(probe):
    x = double.asarray(numbers())
    with double.counting_syncs() as seen:
        result = probe.use(xp, x)
    assert seen == []
    assert type(result) is double.DArray
    expected = np.asarray(probe.use(np, numbers()))
    np.testing.assert_array_equal(double.asnumpy(result), expected, strict=True)


def ask_cupy(probe):
    """What the real CuPy makes of a probe, and its array: a result, an error, or MISSING."""
    x = genuine(numbers())
    try:
        return probe.use(cupy, x), x
    except MISSING:
        if cupy.is_available():
            raise
        return MISSING, x
    except Exception as error:
        return error, x


def test_cupy_itself_raises_what_the_table_says():
    decided = 0
    for probe in BUGS:
        if not isinstance(probe.outcome, str):
            answer, _ = ask_cupy(probe)
            if answer is not MISSING:
                assert isinstance(answer, probe.outcome), probe.name
                decided += 1
    assert decided >= 25  # so many answers need no GPU; with one, all are compared


def test_cupy_itself_gives_the_same_views():
    decided = 0
    for probe in CORRECT:
        expected, real = ask_cupy(probe)
        if expected is MISSING:
            continue
        mine = double.asarray(numbers())
        result = probe.use(xp, mine)
        assert (result.shape, result.dtype) == (expected.shape, expected.dtype), probe.name
        assert result.flags.owndata == expected.flags.owndata, probe.name
        assert (result is mine, result.base is mine) == (expected is real, expected.base is real)
        if expected.base is real:
            assert result.strides == expected.strides, probe.name
        decided += 1
        if cupy.is_available():
            np.testing.assert_allclose(double.asnumpy(result), cupy.asnumpy(expected), rtol=1e-6)
    assert decided >= 6


@st.composite
def view(draw, shape):
    """A function that makes a view of an array of that shape, or fails, on any module."""
    axis = st.integers(-len(shape) - 1, len(shape))
    one, other = draw(axis), draw(axis)
    index = draw(hnp.basic_indices(shape, allow_newaxis=True))
    new_shape = draw(st.permutations(shape) | st.lists(st.integers(-1, 6), max_size=3))
    axes = draw(st.permutations(range(len(shape))) | st.lists(axis, min_size=1, max_size=3))
    return draw(
        st.sampled_from(
            [
                lambda xp, x: x[index],
                lambda xp, x: x.transpose(axes),
                lambda xp, x: x.swapaxes(one, other),
                lambda xp, x: xp.moveaxis(x, one, other),
                lambda xp, x: xp.expand_dims(x, one),
                lambda xp, x: xp.broadcast_to(x, (2, *x.shape)),
                lambda xp, x: x.reshape(tuple(new_shape)),
                lambda xp, x: x.ravel(),
                lambda xp, x: xp.flip(x, one),
                lambda xp, x: xp.split(x, 2, one)[1],
            ]
        )
    )


@given(st.data())
def test_chains_of_views_are_those_of_cupy(data):
    host = np.arange(24, dtype=np.float32).reshape(data.draw(st.permutations([2, 3, 4])))
    mine, real = first_mine, first_real = double.asarray(host), genuine(host)
    for _ in range(3):
        step = data.draw(view(mine.shape))
        try:
            real = step(cupy, real)
        except MISSING:
            return  # not a view
        except Exception:
            with pytest.raises(Exception):  # noqa: B017 - the kinds of error differ
                step(xp, mine)
            return
        mine = step(xp, mine)
        assert mine.shape == real.shape
        assert mine._root is first_mine  # NumPy makes a view where CuPy may give the array itself
        assert (real if real.base is None else real.base) is first_real
        spread = [axis for axis, n in enumerate(mine.shape) if n > 1 and mine.size]
        assert [mine.strides[i] for i in spread] == [real.strides[i] for i in spread]
        assert mine.flags.c_contiguous == real.flags.c_contiguous


def test_names_are_cupys():
    for name in set(dir(np)) | set(dir(cupy)):
        if name.startswith("_"):
            continue
        try:
            found = hasattr(xp, name)
        except NotImplementedError:
            found = True  # CuPy has it, the double says that it has not
        assert found == hasattr(cupy, name), name
    for name in set(dir(np.ndarray)) | set(dir(cupy.ndarray)):
        if not name.startswith("_"):
            assert hasattr(double.DArray, name) == hasattr(cupy.ndarray, name), name


def test_the_array_has_no_public_names_of_its_own():
    assert not [n for n in dir(double.DArray) if n[0] != "_" and not hasattr(cupy.ndarray, n)]


def test_what_cupy_has_and_the_double_lacks_is_said_so():
    with pytest.raises(NotImplementedError, match="RawKernel"):
        _ = xp.RawKernel
    with pytest.raises(NotImplementedError, match="flat"):
        _ = xp.zeros(3).flat


@given(
    hnp.array_shapes(min_dims=0, max_dims=4, max_side=4).flatmap(
        lambda shape: st.tuples(st.just(shape), hnp.basic_indices(shape, allow_newaxis=True))
    )
)
def test_basic_indices_give_views_with_the_owner_as_base(drawn):
    shape, index = drawn
    host = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    x = double.asarray(host)
    view = x[index]
    np.testing.assert_array_equal(double.asnumpy(view), host[index], strict=False)
    assert view.base is x
    assert view[...].base is x
    view[...] = -1.0
    host[index] = -1.0
    np.testing.assert_array_equal(double.asnumpy(x), host)


@given(st.data())
def test_indices_out_of_bounds_are_refused(data):
    n = data.draw(st.integers(1, 5))
    wrong = data.draw(st.integers(n, 2 * n) | st.integers(-2 * n - 1, -n - 1))
    x = xp.zeros((n, 2))
    with pytest.raises(IndexError):  # CuPy looks at plain numbers itself ...
        x[wrong]
    with pytest.raises(IndexError):
        x[wrong] = 0.0
    with pytest.raises(double.Undefined):  # ... but not at what an array holds
        x[xp.asarray([0, wrong])]
    with pytest.raises(double.Undefined):
        x[xp.asarray([wrong])] = 0.0
    with pytest.raises(double.Undefined):
        xp.take(x, xp.asarray([wrong]), axis=0)
    with pytest.raises(double.Undefined):
        xp.add.at(x, xp.asarray([wrong]), 1.0)


def test_duplicate_indices_may_write_one_value():
    x = xp.zeros(3)
    x[xp.asarray([1, 1])] = 2.0
    assert double.asnumpy(x).tolist() == [0, 2, 0]


def test_overlapping_memory_is_read_only():
    x = double.asarray(numbers())
    spread = xp.broadcast_to(x, (4, 2, 3))
    with pytest.raises(double.Undefined):
        spread[0] = 1.0
    with pytest.raises(double.Undefined):
        xp.exp(spread, out=spread)
    every_second = x[:, ::2]
    every_second += 1.0
    assert double.asnumpy(x).tolist() == [[1, 1, 3], [4, 4, 6]]


def test_a_strided_view_stays_in_its_memory_and_has_no_base():
    x = double.asarray(numbers())
    view = xp.lib.stride_tricks.as_strided(x, (3,), (8,))
    assert view.base is None
    assert genuine(numbers()).base is None
    assert double.asnumpy(view).tolist() == [0, 2, 4]
    with pytest.raises(double.Undefined):
        xp.lib.stride_tricks.as_strided(x, (4,), (8,))


def test_uploading_copies():
    host = numbers()
    x = double.asarray(host)
    x += 1.0
    np.testing.assert_array_equal(host, numbers())
    assert xp.asarray(x) is x
    assert xp.asarray(x, dtype="f8") is not x


def test_reads_are_recorded_inside_and_outside_of_counting():
    x = xp.ones(())
    before = len(double.SYNCS)
    with double.counting_syncs() as outer:
        float(x)
        with double.counting_syncs() as inner:
            x.get()
    bool(x)
    assert (outer, inner) == (["float", "get"], ["get"])
    assert double.SYNCS[before:] == ["float", "get", "bool"]


def test_the_device_never_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = double.asarray(numbers())
        _ = x / 0.0 + xp.log(-x) + xp.exp(x * 1e30)


def test_foreign_types_may_answer_an_operator():
    class Tensor:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "answered"

    assert xp.ones(3) + Tensor() == "answered"


def convolved(xp, x, w, stride, dilation):
    """The cross-correlation of x (N, C, H, W) with w (K, C, R, S), by a strided view."""
    n, c, height, width = x.shape
    k, _, r, s = w.shape
    p = (height - dilation * (r - 1) - 1) // stride + 1
    q = (width - dilation * (s - 1) - 1) // stride + 1
    step = x.strides
    windows = xp.lib.stride_tricks.as_strided(
        x,
        (n, c, p, q, r, s),
        (*step[:2], *(stride * t for t in step[2:]), *(dilation * t for t in step[2:])),
    )
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * p * q, c * r * s)
    z = columns @ w.reshape(k, -1).T
    einsum = xp.einsum("ncpqrs,kcrs->nkpq", windows, w, optimize=True)
    return z.reshape(n, p, q, k).transpose(0, 3, 1, 2), einsum


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(5, 8), st.integers(5, 8)),
    maps=st.integers(1, 3),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
)
def test_convolution_is_bit_equal_to_numpy(seed, shape, maps, window, stride, dilation):
    draw = np.random.default_rng(seed)
    x = draw.standard_normal(shape, np.float32)
    w = draw.standard_normal((maps, shape[1], *window), np.float32)
    expected = convolved(np, x, w, stride, dilation)
    with double.counting_syncs() as seen:
        result = convolved(xp, double.asarray(x), double.asarray(w), stride, dilation)
    assert seen == []
    for mine, host in zip(result, expected, strict=True):
        np.testing.assert_array_equal(double.asnumpy(mine), host, strict=True)


def test_the_generator_has_cupys_methods_only():
    generator = xp.random.default_rng(0)
    assert type(generator.random((2, 3), dtype="f4")) is double.DArray
    with pytest.raises(TypeError):
        generator.random(shape=(2, 3))
    with pytest.raises(AttributeError):
        _ = generator.shuffle
