"""Elementwise functions as users call them: PyTorch's values, dtypes and errors for operands of
every dtype, as arrays, without axes and as numbers; options; the error function; no warnings."""

import itertools
import math
import operator
import threading
import warnings

import numpy as np
import pytest
from calls import unseen_on_a_device
from oracles import COUNTS, agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.ops.elementwise import where

DTYPES = ("bool", "uint8", "int8", "int32", "int64", "float16", "float32", "float64")
NUMBERS = (True, 3, 0, -2, 2.5, -0.5)

UNARY = (
    *("abs", "absolute", "neg", "negative", "reciprocal", "sign", "floor", "ceil", "trunc", "fix"),
    *("round", "positive", "frac", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p"),
    *("sqrt", "rsqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh"),
    *("acosh", "atanh", "arcsin", "arctanh", "erf", "erfc", "isnan", "isinf", "isfinite"),
    *("logical_not", "bitwise_not", "nan_to_num", "square"),
)
BINARY = (
    *("add", "sub", "mul", "div", "subtract", "multiply", "true_divide", "floor_divide", "fmod"),
    *("remainder", "pow", "eq", "ne", "lt", "le", "gt", "ge", "not_equal", "greater", "less_equal"),
    *("clamp_min", "clamp_max", "bitwise_and", "bitwise_or", "bitwise_xor"),
)
OF_TENSORS = (  # PyTorch's take no number
    *("maximum", "minimum", "logical_and", "logical_or", "logical_xor", "atan2", "arctan2"),
    *("hypot", "logaddexp"),
)
OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq", "ge", "and_", "xor")

FIRST = {"b": [True, False, True, False], "u": [0, 1, 7, 250], "i": [0, -1, 7, -100]}
SECOND = {"b": [True, True, False, False], "u": [3, 1, 2, 200], "i": [3, 5, -2, 3]}


def arrays(lists, floats):
    """For every dtype an array, and one of no axes."""
    for name in DTYPES:
        a = np.array(lists.get(np.dtype(name).kind, floats), name)
        yield a
        yield a[0]  # a NumPy scalar, which becomes a tensor of no axes


def operands():
    xs = [*arrays(FIRST, [0.5, -1.5, 2.5, -7.25]), *NUMBERS]
    ys = [*arrays(SECOND, [2.0, -0.75, -0.0, 3.0]), *NUMBERS]
    for x, y in itertools.product(xs, ys):
        if any(isinstance(v, (np.ndarray, np.generic)) for v in (x, y)):
            yield x, y


def outcome(library, function, inputs):
    """What a function of a library makes of arrays and numbers, as an array; or what it raises."""
    with warnings.catch_warnings():
        if library is not tg:
            warnings.simplefilter("ignore")
        made = [
            library.tensor(np.array(x)) if isinstance(x, (np.ndarray, np.generic)) else x
            for x in inputs
        ]
        try:
            z = function(*made)
        except Exception as error:  # whatever it is, it is what is compared
            return error
    return host(z)


def check_same(torch, ours, theirs, *inputs):
    """Same value and dtype, or an error of the same class.

    Where PyTorch has no kernel for a dtype, we may have one.
    """
    want = outcome(torch, theirs, inputs)
    got = outcome(tg, ours, inputs)
    told = f"of {inputs}: {got!r}, PyTorch {want!r}"
    COUNTS["PyTorch"] += 1
    if isinstance(want, NotImplementedError) and isinstance(got, np.ndarray):
        return
    if unseen_on_a_device(want):
        return
    if isinstance(want, Exception) or isinstance(got, Exception):
        missing = isinstance(want, NotImplementedError)
        assert isinstance(got, RuntimeError if missing else type(want)), told
        return
    assert got.dtype == want.dtype, told
    assert got.shape == want.shape, told
    if want.dtype.kind == "f":
        bound = 4 * np.finfo(want.dtype).eps
        np.testing.assert_allclose(got, want, rtol=bound, atol=0, equal_nan=True, err_msg=told)
    else:
        np.testing.assert_array_equal(got, want, err_msg=told)


@pytest.mark.parametrize("name", UNARY)
def test_of_one_operand(name, torch):
    for x in arrays(FIRST, [0.5, -1.5, 2.5, -7.25]):
        check_same(torch, getattr(tg, name), getattr(torch, name), x)
        check_same(torch, getattr(tg.Tensor, name), getattr(torch.Tensor, name), x)


def differs(name, x, y):
    """Where we do something else than PyTorch, as the gates say."""
    kinds = [np.result_type(v).kind for v in (x, y)]
    if name.startswith("sub"):  # beside numbers truth values count as 0 and 1
        return "b" in kinds and kinds != ["b", "b"]
    if name == "pow":  # PyTorch says 0 for integers to negative powers of tensors
        return "f" not in kinds and (kinds == ["b", "b"] or np.min(y) < 0)
    return False


@pytest.mark.parametrize("name", BINARY)
def test_of_two_operands(name, torch):
    ours, theirs = getattr(tg, name), getattr(torch, name)
    for x, y in operands():
        if hasattr(x, "dtype") and not differs(name, x, y):
            check_same(torch, ours, theirs, x, y)


@pytest.mark.parametrize("name", OF_TENSORS)
def test_of_two_tensors(name, torch):
    ours, theirs = getattr(tg, name), getattr(torch, name)
    for x, y in operands():
        if hasattr(x, "dtype") and hasattr(y, "dtype"):
            check_same(torch, ours, theirs, x, y)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name, torch):
    call = getattr(operator, name)
    for x, y in operands():
        if not differs(name, x, y):
            check_same(torch, call, call, x, y)


def test_inverse_roots_of_what_has_none(torch):
    numbers = [-math.inf, -1.0, -0.0, 0.0, 4.0, math.inf, math.nan]
    x, y = tg.tensor(numbers, requires_grad=True), torch.tensor(numbers, requires_grad=True)
    mine, theirs = x.rsqrt(), y.rsqrt()
    np.testing.assert_array_equal(host(mine), theirs.detach().numpy())
    mine.sum().backward()
    theirs.sum().backward()
    np.testing.assert_array_equal(host(x.grad), y.grad.numpy())


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
def test_three_dtypes_are_computed_in_the_common_one(name, torch):
    x = np.array([1.1, 2.2])
    for dtypes in itertools.permutations(["float16", "float32", "float64"]):
        operands = [x.astype(dtype) for dtype in dtypes]
        check_same(
            torch,
            lambda *xs: getattr(tg, name)(*xs, value=0.3),
            lambda *xs: getattr(torch, name)(*xs, value=0.3),
            *operands,
        )


def test_whole_numbers_go_with_whole_factors():
    x = tg.tensor([1, 2])
    assert tg.addcmul(x, x, x, value=3).tolist() == [4, 14]
    with pytest.raises(RuntimeError, match=r"addcmul: integers go with a value .* got 0\.5"):
        tg.addcmul(x, x, x, value=0.5)
    with pytest.raises(TypeError, match=r"addcmul: .* got .* value \[1\]"):
        tg.addcmul(x, x, x, value=[1])


@pytest.mark.parametrize("name", ["lerp", "addcmul", "addcdiv"])
def test_of_three_operands(name, torch):
    for dtype in ("float16", "float32", "float64"):
        x, y, z = np.array([[1.5, -2.0], [0.25, 3.0], [1.0, 0.75]], dtype)
        check_same(torch, getattr(tg, name), getattr(torch, name), x, y, z)
        check_same(torch, getattr(tg, name), getattr(torch, name), x[0], y, z)


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [None, "trunc", "floor"])
def test_rounded_quotients(mode, torch):
    for x, y in operands():
        if hasattr(x, "dtype"):
            check_same(
                torch,
                lambda x, y: tg.div(x, y, rounding_mode=mode),
                lambda x, y: torch.div(x, y, rounding_mode=mode),
                x,
                y,
            )
    large = np.array([2**62 + 1, -(2**62) - 1])
    assert tg.tensor(large).div(1, rounding_mode="trunc").tolist() == large.tolist()


@pytest.mark.parametrize("numbers", [(1.0, 2.0), (1, 2.0), (1, 2), (True, False)])
def test_numbers_among_themselves_are_of_the_default_dtype(torch, numbers):
    mine = where(tg.tensor([True, False]), *numbers)
    theirs = torch.where(torch.tensor([True, False]), *numbers)
    assert str(mine.dtype) == str(theirs.dtype).removeprefix("torch.")
    assert mine.tolist() == theirs.tolist()


def test_a_condition_alone_tells_where_it_holds(torch):
    for condition in ([[1.0, 0.0], [0.0, 2.0]], [True, False], True):
        mine, theirs = where(tg.tensor(condition)), torch.where(torch.tensor(condition))
        assert [z.tolist() for z in mine] == [z.tolist() for z in theirs]
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert where(x > 1.0, x, 0.0).requires_grad
    with pytest.raises(TypeError, match="where: takes a condition alone, or with both x and y"):
        where(x > 1.0, x)


def test_scaled_sums(torch):
    for name in ("add", "sub"):
        for x, y in operands():
            kinds = {np.result_type(v).kind for v in (x, y)}
            if hasattr(x, "dtype") and not kinds & {"b", "u"}:  # alpha y may wrap around, as y does
                check_same(
                    torch,
                    lambda x, y, name=name: getattr(tg, name)(x, y, alpha=2),
                    lambda x, y, name=name: getattr(torch, name)(x, y, alpha=2),
                    x,
                    y,
                )
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.add(x, alpha=3).sub(x, alpha=0.5).sum().backward()
    assert x.grad.tolist() == [3.5, 3.5]
    assert tg.zeros(2).add_(tg.ones(2), alpha=2).tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match=r"an alpha that is an integer, got 0\.5"):
        tg.add(tg.tensor([1]), tg.tensor([1]), alpha=0.5)
    with pytest.raises(RuntimeError, match="rounding_mode is None, 'trunc' or 'floor', got 'up'"):
        tg.div(x, 2, rounding_mode="up")


@pytest.mark.parametrize("decimals", [-2, -1, 0, 1, 3])
def test_rounded_to_decimals(decimals, torch):
    x = np.array([1.2345, -1250.0, 0.05, 0.15, 2.5, 12345.678, np.inf, np.nan])
    for dtype in ("float32", "float64"):
        check_same(
            torch,
            lambda x: tg.round(x, decimals=decimals),
            lambda x: torch.round(x, decimals=decimals),
            x.astype(dtype),
        )


BOUNDS = (
    (2, None),
    (None, 2.5),
    (0, 3),
    (-0.5, 0.5),
    (3.0, 1.0),
    (math.nan, 1.0),
)


@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_clamping_between_numbers(low, high, torch):
    for x in arrays(FIRST, [0.5, -1.5, 2.5, -7.25]):
        check_same(torch, lambda x: tg.clamp(x, low, high), lambda x: torch.clamp(x, low, high), x)


def test_clamping_between_tensors(torch):
    rng = np.random.default_rng(0)
    numbers = [rng.normal(size=shape) for shape in ((3, 4), (4,), (3, 1))]
    numbers[1] -= 0.5
    numbers[0][0, 0] = np.nan
    for given in ((0, 1, 2), (0, 1), (0, 2)):
        ours = [tg.tensor(numbers[i], requires_grad=True) for i in given]
        theirs = [torch.tensor(numbers[i], requires_grad=True) for i in given]
        weights = rng.normal(size=(3, 4))
        z, want = tg.clip(*ours), torch.clip(*theirs)
        (z * tg.tensor(weights)).sum().backward()
        (want * torch.tensor(weights)).sum().backward()
        agree("PyTorch", z.raw, want.detach().numpy(), 1e-12)
        for a, b in zip(ours, theirs, strict=True):
            agree("PyTorch", a.grad.raw, b.grad.numpy(), 1e-12)
    for name in DTYPES[1:]:
        bound = np.array([1, 2, 3, 4], name)
        x = np.array([1, 9, 2, 7], "int32")
        check_same(torch, lambda x, y: x.clamp(min=y), lambda x, y: x.clamp(min=y), x, bound)
    with pytest.raises(RuntimeError, match="at least one of min and max"):
        tg.clamp(tg.ones(2))


def test_clamping_values():
    x, low = tg.Value(-2.0), tg.Value(-1.0)
    z = x.clamp(low, 3)
    z.backward()
    assert (z.data, x.grad, low.grad) == (-1.0, 0.0, 1.0)


def test_nan_to_num_has_the_limits_of_the_dtype(torch):
    for dtype in ("float16", "float32", "float64"):
        x = np.array([math.nan, math.inf, -math.inf, 1.5], dtype)
        check_same(torch, tg.nan_to_num, torch.nan_to_num, x)
        check_same(torch, lambda x: x.nan_to_num(1, 2, 3), lambda x: x.nan_to_num(1, 2, 3), x)
    assert tg.Value(math.inf).nan_to_num().data == np.finfo(float).max


def test_masked_fill(torch):
    mask = np.array([True, False, True])
    for x in arrays({**FIRST, "i": [1, 2, 3], "u": [1, 2, 3], "b": mask}, [0.5, -1.5, 2.5]):
        for value in (2, 2.5, True, np.float64(2.5), np.int64(3)):
            check_same(
                torch,
                lambda x, mask, value: x.masked_fill(mask, value),
                lambda x, mask, value: x.masked_fill(mask, value),
                x,
                mask,
                value,
            )
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    value = tg.tensor(7.0, dtype="float64", requires_grad=True)
    z = tg.masked_fill(x, tg.tensor(mask), value)
    z.sum().backward()
    assert (z.tolist(), str(z.dtype)) == ([7.0, 2.0, 7.0], "float32")
    assert x.grad.tolist() == [0.0, 1.0, 0.0]
    assert (value.grad.item(), str(value.grad.dtype)) == (2.0, "float64")
    with pytest.raises(RuntimeError, match="the mask is boolean, got int64"):
        x.masked_fill(tg.tensor([1, 0, 1]), 0.0)
    with pytest.raises(RuntimeError, match=r"without axes, got shape \(3,\)"):
        x.masked_fill(x > 1, x)


# --- whole tensors --------------------------------------------------------------------------------


def test_equal_compares_whole_tensors_and_eq_elements():
    x = tg.tensor([1.0, 2.0])
    assert tg.equal(x, tg.tensor([1, 2])) is True
    assert x.equal(tg.tensor([1.0, 3.0])) is False
    assert x.equal(tg.tensor([[1.0, 2.0]])) is False
    assert x.eq(1).tolist() == [True, False]
    assert not tg.equal(x * math.nan, x * math.nan)
    assert tg.equal(tg.zeros(0), tg.zeros(0))
    with pytest.raises(TypeError, match="compares two Tensors, got a float"):
        tg.equal(x, 1.0)


def test_close(torch):
    x = np.array([1.0, 1.0, math.inf, math.inf, math.nan, 0.0, 100.0])
    y = np.array([1.0, 1.00002, math.inf, 1.0, math.nan, 1e-9, 100.0005])
    for settings in ((1e-5, 1e-8, False), (1e-5, 1e-8, True), (0.0, 1e-3, False)):
        for dtype in ("float32", "float64"):
            check_same(
                torch,
                lambda x, y, settings=settings: tg.isclose(x, y, *settings),
                lambda x, y, settings=settings: torch.isclose(x, y, *settings),
                x.astype(dtype),
                y.astype(dtype),
            )
    for a in arrays(FIRST, [0.5, -1.5, 2.5, -7.25]):
        for b in arrays(SECOND, [0.5, -1.5, 2.5, -7.25]):
            check_same(torch, tg.isclose, torch.isclose, a, b)
    one = tg.tensor([1.0, 2.0])
    assert tg.allclose(one, one + 1e-7) is True
    assert one.allclose(one + 1e-3) is False
    assert one.allclose(one + 1e-3, rtol=0.0, atol=1e-2) is True
    assert tg.Value(1.0).isclose(1.0 + 1e-9) is True
    with pytest.raises(RuntimeError, match="tolerances are not negative"):
        tg.isclose(one, one, rtol=-1.0)


# --- errors ---------------------------------------------------------------------------------------


READ = pytest.mark.host("the device's numbers are not read to refuse some")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(lambda n, b, f: n // 0, RuntimeError, "floor_divide: Zero", marks=READ),
        pytest.param(lambda n, b, f: n % (n * 0), RuntimeError, "remainder: Zero", marks=READ),
        pytest.param(lambda n, b, f: tg.fmod(n, 0), RuntimeError, "fmod: Zero", marks=READ),
        (lambda n, b, f: n**-1, RuntimeError, "negative integer powers are not allowed; make"),
        (lambda n, b, f: b - b, RuntimeError, "sub: takes numbers, got truth"),
        (lambda n, b, f: -b, RuntimeError, "neg: takes numbers, got truth"),
        (lambda n, b, f: +b, RuntimeError, "positive: takes numbers, got truth"),
        (lambda n, b, f: b // b, NotImplementedError, "floor_divide: takes numbers, got truth"),
        (lambda n, b, f: b % b, NotImplementedError, "remainder: takes numbers, got truth"),
        (lambda n, b, f: b**b, NotImplementedError, "pow: takes numbers, got truth"),
        (lambda n, b, f: f & 1, NotImplementedError, "bitwise_and: .* got float32"),
        (lambda n, b, f: n | 1.5, NotImplementedError, "bitwise_or: .* got float32"),
        (lambda n, b, f: ~f, NotImplementedError, "bitwise_not: .* got float32"),
        (lambda n, b, f: tg.bitwise_xor(tg.Value(1.0), 1), TypeError, "has no scalar mode"),
        (lambda n, b, f: tg.isclose(f, n), RuntimeError, "one dtype, got float32 and int64"),
        (lambda n, b, f: tg.isclose(f, tg.ones(3)), RuntimeError, r"\(2,\) and \(3,\)"),
        (lambda n, b, f: f.clamp("low"), TypeError, "clamp_min: takes .* got Tensor and str"),
    ],
)
def test_what_cannot_be_computed_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call(tg.tensor([1, -2]), tg.tensor([True, False]), tg.tensor([1.0, -2.0]))


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*UNARY, *BINARY, *OF_TENSORS, "clip", "masked_fill", "allclose"])
def test_functions_are_methods(name, torch):
    assert hasattr(torch, name)
    assert getattr(tg.Tensor, name) is getattr(tg, name)
    alone = name.startswith("bitwise") or name == "masked_fill"
    assert hasattr(tg.Value, name) is not alone


def test_masks_are_written_with_operators():
    x = tg.tensor([1.0, -2.0, 3.0])
    assert ((x > 0) & (x < 2)).tolist() == [True, False, False]
    assert ((x < 0) | (x > 2)).tolist() == [False, True, True]
    assert (~(x > 0) ^ True).tolist() == [True, False, True]
    assert (6 & tg.tensor([3, 5])).tolist() == [2, 4]


def test_whole_numbers_that_are_rounded_are_copies():
    x = tg.tensor([1, 2])
    for round_ in (tg.floor, tg.ceil, tg.trunc, tg.round, tg.nan_to_num):
        assert not np.shares_memory(round_(x).raw, x.raw)


# --- the error function ---------------------------------------------------------------------------


def relative(found, exact):
    """The largest relative error where the exact number is neither 0 nor subnormal."""
    exact = np.array(exact)
    some = np.abs(exact) > 1e-290
    return np.abs(np.asarray(found)[some] / exact[some] - 1.0).max()


def test_erf_is_exact_to_the_last_places():
    near = np.linspace(-8.0, 28.0, 20001)
    tiny = np.geomspace(1e-300, 1.0, 2001)
    x = np.concatenate([near, -near, tiny, -tiny, np.nextafter([1.0, 1.0], [0.0, 2.0])])
    erf, erfc = host(tg.erf(tg.tensor(x))), host(tg.erfc(tg.tensor(x)))
    assert relative(erf, [math.erf(v) for v in x]) < 1.5e-15
    assert relative(erfc, [math.erfc(v) for v in x]) < 2.5e-15
    narrow = x[np.abs(x) < 9.0].astype("float32")
    exact = [math.erf(v) for v in narrow]
    some = np.abs(narrow) > 1e-30
    assert relative(host(tg.erf(tg.tensor(narrow)))[some], np.array(exact)[some]) < 5e-7
    half = narrow.astype("float16")
    exact = np.array([math.erf(v) for v in half])
    assert np.abs(host(tg.erf(tg.tensor(half))) - exact).max() < 1e-3


def test_erf_at_the_ends():
    x = tg.tensor([math.inf, -math.inf, math.nan, 0.0, -0.0, 1e300])
    assert str(tg.erf(x).tolist()) == "[1.0, -1.0, nan, 0.0, -0.0, 1.0]"
    assert str(tg.erfc(x).tolist()) == "[0.0, 2.0, nan, 1.0, 1.0, 0.0]"


# --- warnings -------------------------------------------------------------------------------------

EXTREME = [3e38, -3e38, math.inf, -math.inf, math.nan, 1e-40, 0.0, -0.0]


def everything():
    """Every function of one or two operands, at numbers that overflow and have no result."""
    x = tg.tensor(EXTREME, requires_grad=True)
    for name in UNARY:
        if name != "bitwise_not":
            getattr(tg, name)(x)
    for name in (*BINARY, *OF_TENSORS):
        if not name.startswith("bitwise"):
            getattr(tg, name)(x.reshape(-1, 1), x)
    (x * x + x / x - x).sum().backward()


def test_nobody_hears_of_numpys_warnings():
    """Also in a second thread, and whatever the user has told NumPy, which stays as it was."""
    failed = []

    def run():
        try:
            with warnings.catch_warnings(), np.errstate(all="raise"):
                warnings.simplefilter("error")
                everything()
                assert np.geterr()["over"] == "raise"
        except (FloatingPointError, RuntimeWarning, AssertionError) as error:
            failed.append(error)

    run()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failed == []


def test_no_number_widens_float32():
    x = tg.tensor([1.5, 2.5])
    for number in (2, 2.5, True, np.float64(2.5), np.int64(2), tg.tensor(2.5, dtype="float64")):
        for name in (*BINARY[:8], "maximum", "minimum", "clamp_min", "atan2", "logaddexp"):
            for z in (getattr(tg, name)(x, number), getattr(tg, name)(number, x)):
                assert z.dtype == np.float32, name
        assert tg.lerp(x, x, number).dtype == np.float32
        assert tg.where(x > 2, x, number).dtype == np.float32


def test_bodies_take_bfloat16_for_floats():
    """NumPy calls it another kind, and on a GPU bodies alone compute it."""
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    raw = np.array([-1.5, 2.25]).astype(tg.bfloat16)
    for name in ("floor", "ceil", "trunc"):
        body = getattr(tg.ops.comparison, name).gate.body
        assert body(raw).tolist() == getattr(np, name)(raw.astype("float32")).tolist()
    assert tg.ops.pool.lowest(raw) == -math.inf
    with pytest.raises(NotImplementedError, match="got bfloat16"):
        tg.ops.comparison.check_bits("bitwise_and", raw)
