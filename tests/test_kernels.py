"""Kernels: scalar ones follow IEEE 754 as NumPy does, fast ones compute what the bodies compute."""

import math
import os
import subprocess
import sys
import types

import numpy as np
import pytest
from domains import ROWS
from drawing import REAL, Case, convolution, generators, one_of, places, pooling
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import agree
from probes import FUNCTIONS, NAMES, SCALAR, outputs

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import cpu, scalar, served


@pytest.fixture(scope="module", autouse=True)
def overlays_of_any_size():
    """What is drawn is small, and is to reach the overlays all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu, "LEAST", {})
        patch.setattr(cpu, "WORTH", {})
        kernels.forget()
        yield
    kernels.forget()


# A scalar kernel and NumPy's may round transcendental functions differently in the last places.
ULPS = 8 * np.finfo(np.float64).eps

SPECIAL = [0.0, 5e-324, 2.2e-308, 0.5, 1.0, 1.5, 2.0, 3.0, 709.8, 1e300, math.inf, math.nan]
FLOATS = st.one_of(st.floats(), st.sampled_from(SPECIAL + [-x for x in SPECIAL]))


# --- scalar mode ----------------------------------------------------------------------------------


# Which of +0 and -0 is the larger is open: NumPy's own loops disagree.
EITHER_ZERO = {"maximum", "minimum", "relu", "elu", "clamp_min", "clamp_max"}


# Here 1 - z² is rounded as numbers near 1 are, or not at all where it is fused to one operation.
CANCELLING = {"tanh_dx"}


def same_number(name: str, found: float | bool, want: float | bool, first: float) -> bool:
    """Whether two numbers are one, up to rounding; nan is nan, and zeros have signs. first: the
    first operand."""
    if want == 0 and name in EITHER_ZERO:
        return found == 0
    if math.isnan(want) or math.isinf(want) or want == 0:
        return str(float(found)) == str(float(want))
    size = max(abs(want), abs(first)) if name in CANCELLING else abs(want)
    return abs(found - want) <= ULPS * size


def is_pole_of_c99(name: str, numbers: list[float]) -> bool:
    """Where the C standard, followed by Python, and NumPy's loops part ways: pow(-inf, 0.5)."""
    return name in ("pow", "rsqrt") and numbers[0] == -math.inf


@pytest.mark.parametrize("name", SCALAR)
@given(data=st.data())
def test_scalar_kernels_follow_ieee_as_numpy_does(name, data):
    record = FUNCTIONS[name].gate
    case = data.draw(ROWS[name].cases)
    masks = [x.dtype == bool for x in case.inputs]
    for _ in range(8):
        numbers = [data.draw(st.booleans() if mask else FLOATS) for mask in masks]
        if is_pole_of_c99(name, numbers):
            continue
        found = record.kernel(float)(*numbers, **case.settings)
        arrays = [np.array(number) for number in numbers]
        with np.errstate(all="ignore"):
            want = record.kernel(np.ndarray)(*arrays, **case.settings)
        assert isinstance(found, float | bool)
        assert same_number(name, found, want.item(), numbers[0]), (
            f"{name}{tuple(numbers)}: {found}, NumPy {want}"
        )


@pytest.mark.parametrize("name", SCALAR)
@given(data=st.data())
def test_a_value_takes_any_number_and_so_does_its_gradient(name, data):
    """No exception, no complex number: neither forward nor backward."""
    case = data.draw(ROWS[name].cases)
    inputs = [
        data.draw(st.booleans()) if x.dtype == bool else tg.Value(data.draw(FLOATS))
        for x in case.inputs
    ]
    (z,) = outputs(name, inputs, case.settings)
    if isinstance(z, tg.Value):
        z.backward()
        assert all(type(x.grad) is float for x in inputs if isinstance(x, tg.Value))


@pytest.mark.parametrize(
    ("name", "numbers", "want"),
    [
        ("div", (1.0, 0.0), math.inf),
        ("div", (1.0, -0.0), -math.inf),
        ("div", (0.0, 0.0), math.nan),
        ("exp", (1000.0,), math.inf),
        ("log", (0.0,), -math.inf),
        ("log", (-1.0,), math.nan),
        ("sqrt", (-1.0,), math.nan),
        ("pow", (-8.0, 1 / 3), math.nan),
        ("pow", (0.0, -1.0), math.inf),
        ("pow", (-0.0, -1.0), -math.inf),
        ("pow", (-math.inf, 0.5), math.inf),  # as C99 says; NumPy says nan
        ("pow", (10.0, 400.0), math.inf),
        ("remainder", (1.0, 0.0), math.nan),
        ("floor_divide", (-1.0, 0.0), -math.inf),
        ("sin", (math.inf,), math.nan),
        ("maximum", (math.nan, 1.0), math.nan),
        ("minimum", (1.0, math.nan), math.nan),
        ("sigmoid", (-1e308,), 0.0),
        ("relu", (math.nan,), math.nan),
    ],
)
def test_scalar_kernels_at_the_edges(name, numbers, want):
    found = FUNCTIONS[name](*map(tg.Value, numbers))
    number = found.data if isinstance(found, tg.Value) else found
    assert str(float(number)) == str(want)


def test_scalar_kernels_have_the_names_of_gates():
    public = {
        n for n, made in vars(scalar).items() if callable(made) and made.__module__ != "typing"
    }
    helpers = {
        "guarded",
        "undefined",
        "infinite",
        "div_by_zero",
        "pow_outside",
        "pole",
        "atanh_outside",
        "to_integer",
    }
    assert public - helpers - {"asarray", "stable_sigmoid"} <= set(FUNCTIONS)


# --- fast kernels ---------------------------------------------------------------------------------


def rounded(x, dtype):
    """x in another precision, if it holds floats."""
    return x.astype(dtype) if x is not None and x.dtype.kind == "f" else x


def columns(case: Case, others: int = 1) -> Case:
    """The case with samples that lie in columns and fill vectors of any width; the last `others`
    inputs are no samples."""

    def laid(x):
        samples = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
        return np.asfortranarray(np.repeat(samples, 16, 0))

    samples = len(case.inputs) - others
    inputs = (*map(laid, case.inputs[:samples]), *case.inputs[samples:])
    return Case(inputs, case.settings)


@st.composite
def images(draw, *channels: int) -> tuple[np.ndarray, ...]:
    """Images in the plane of so many channels each, which lie innermost."""
    n, height, width = draw(st.tuples(*[st.integers(1, 4)] * 3))
    rng = draw(generators())
    return tuple([np.moveaxis(REAL(rng, (n, height, width, c)), -1, 1) for c in channels])


EVERY = slice(None)

# Of what these gates take their overlays cover images in the plane, and samples in columns.
COVERED = {
    "conv": convolution("conv", (2,)),
    "conv_dx": convolution("conv_dx", (2,)),
    "conv_dw": convolution("conv_dw", (2,)),
    "max_pool": pooling(one_of(np.nan, np.inf, -np.inf, 0.0, 1.0), ranks=(2,), square=True),
    "unpool": places(back=True, ranks=(2,)),
    "window_sum": pooling(REAL, ranks=(2,), square=True),
    "window_mean": pooling(REAL, ranks=(2,), square=True).map(
        lambda case: Case(case.inputs, {**case.settings, "count": 4})
    ),
    "window_sum_dx": pooling(REAL, back=True, ranks=(2,), square=True),
    "window_mean_dx": pooling(REAL, back=True, ranks=(2,), square=True).map(
        lambda case: Case(case.inputs, {**case.settings, "count": 4})
    ),
    "join": images(2, 17).map(lambda xs: Case(xs, {"dim": 1})),
    "gradient_sum": images(17, 17).map(lambda xs: Case(xs)),
    "pad_constant": images(17).map(
        lambda xs: Case(xs, {"pads": ((0, 0), (3, 20), (0, 0), (0, 0)), "value": 0})
    ),
    "put_onto": images(17, 19).map(lambda xs: Case(xs, {"key": (..., slice(1, 18), EVERY, EVERY)})),
    "linear": ROWS["linear"].cases.map(lambda case: columns(case, 2)),
    "linear_dx": ROWS["linear_dx"].cases.map(columns),
    "linear_dw": ROWS["linear_dw"].cases.map(lambda case: columns(case, 0)),
}


# Gates; steps of optimisers and rules of gates have tests of their own.
OVERLAID = sorted(set(cpu.OVERLAYS) & {gate.name for gate in kernels.GATES})


def covered(name: str) -> st.SearchStrategy:
    """What an overlay covers."""
    return COVERED[name] if name in COVERED else ROWS[name].cases


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OVERLAID)
@given(data=st.data())
@settings(max_examples=50)
def test_every_overlay_computes_what_the_body_computes(name, dtype, data):
    check_against_body(name, data.draw(covered(name)), dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # bodies alone do not silence NumPy
@given(data=st.data(), dtype=st.sampled_from([np.float32, np.float16]))
def test_every_kernel_computes_what_the_body_computes(name, data, dtype):
    check_against_body(name, data.draw(ROWS[name].cases), dtype)


def everything(name: str, inputs: list, settings: dict) -> list:
    """What a gate returns, with its second result where it has one: indices, means."""
    gate = FUNCTIONS[name]
    if not gate.gate.aux:
        return outputs(name, inputs, settings)
    z, aux = gate.full(*inputs, **settings)
    return [z, *aux] if isinstance(aux, tuple) else [z, aux]


def check_against_body(name: str, case: Case, dtype: type) -> None:
    """Within 32 units in the last place of the largest number: sums may be taken in any order."""
    inputs = [rounded(x, dtype) for x in case.inputs]
    fast = everything(name, inputs, case.settings)
    with kernels.use("reference"):
        slow = everything(name, inputs, case.settings)
    for a, b in zip(fast, slow, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        agree("reference bodies", np.asarray(a), np.asarray(b), 32 * np.finfo(dtype).eps)


@pytest.mark.skipif(kernels.overlay("cpu_conv") is None, reason="there is no Numba here")
@pytest.mark.parametrize("name", OVERLAID)
def test_what_is_drawn_for_an_overlay_reaches_it(name):
    """Otherwise the comparison with the body would compare the body with itself."""

    @given(covered(name))
    @settings(max_examples=50)
    def run(case):
        outputs(name, [rounded(x, np.float32) for x in case.inputs], case.settings)

    before = kernels.report()[name].calls if name in kernels.report() else 0
    run()
    assert kernels.report()[name].calls > before


@pytest.mark.skipif(kernels.overlay("cpu_conv") is None, reason="there is no Numba here")
def test_small_arrays_are_left_to_numpy(monkeypatch):
    monkeypatch.setattr(cpu, "LEAST", {"relu_dx": 4})
    kernels.forget()
    for count, reaches in ((3, 0), (4, 1)):
        before = kernels.report()["relu_dx"].calls
        x = np.ones(count, np.float32)
        assert np.array_equal(FUNCTIONS["relu_dx"](x, x), x)
        assert kernels.report()["relu_dx"].calls - before == reaches
    kernels.forget()


# --- which backend computes -----------------------------------------------------------------------


class Odd(np.ndarray):
    """The raw type of a backend of its own."""


def odd(numbers) -> Odd:
    return np.asarray(numbers, np.float64).view(Odd)


@pytest.fixture
def backend():
    """A backend whose kernels tell when they are asked."""
    space = types.SimpleNamespace(xp=np, asarray=odd, to_host=np.asarray, device="odd", asked=[])
    kernels.add_backend(Odd, space)
    yield space
    kernels.BACKENDS.pop(Odd)
    kernels.forget()


def told(space, name: str, result):
    """A kernel that notes its name and returns `result`, or computes it."""

    def kernel(*args, **settings):
        space.asked.append(name)
        return result(*args, **settings) if callable(result) else result

    return kernel


def test_a_kernel_replaces_a_body_by_having_its_name(backend):
    backend.mul = told(backend, "mul", lambda x, y: odd(np.multiply(x, y)))
    x = tg.Tensor(odd([2.0, 3.0]), requires_grad=True)
    z = x * x
    z.sum().backward()
    assert backend.asked == ["mul"]  # rules multiply raw arrays themselves
    assert x.grad.tolist() == [4.0, 6.0]
    assert type(z.raw) is Odd


def test_a_gate_without_kernel_is_computed_by_its_body(backend):
    assert tg.exp(tg.Tensor(odd([0.0]))).tolist() == [1.0]


def test_an_overlay_that_does_not_cover_a_case_leaves_it_to_the_body(backend, monkeypatch):
    covered = {(2,): NotImplemented, (1,): odd([-1.0])}
    fast = told(backend, "fast mul", lambda x, y: covered[x.shape])
    monkeypatch.setattr(kernels, "overlay", lambda home: types.SimpleNamespace(mul=fast))
    monkeypatch.setattr(served, "KERNELS", {})
    monkeypatch.setattr(served, "CASES", {})
    backend.OVERLAYS = {"mul": "somewhere"}
    kernels.forget()
    x = tg.Tensor(odd([2.0, 3.0]))
    assert (x * x).tolist() == [4.0, 9.0]
    assert (x[:1] * x[:1]).tolist() == [-1.0]
    assert backend.asked == ["fast mul", "fast mul"]
    row = kernels.report()["mul"]
    assert (row.kernel, row.calls, row.fallbacks) == ("somewhere.mul", 1, 1)


def test_an_overlay_that_cannot_be_imported_leaves_everything_to_the_bodies(backend, monkeypatch):
    monkeypatch.setattr(kernels, "overlay", lambda home: None)
    monkeypatch.setattr(served, "KERNELS", {})
    monkeypatch.setattr(served, "CASES", {})
    backend.OVERLAYS = {"mul": "nowhere"}
    kernels.forget()
    x = tg.Tensor(odd([2.0, 3.0]))
    assert (x * x).tolist() == [4.0, 9.0]
    assert kernels.report()["mul"].fallbacks == 1


def test_the_reference_ignores_kernels(backend):
    backend.mul = told(backend, "mul", lambda x, y: odd([0.0]))
    x = tg.Tensor(odd([2.0]))
    with kernels.use("reference"):
        assert (x * x).tolist() == [4.0]
        with kernels.use("fast"):
            assert (x * x).tolist() == [0.0]
        assert (x * x).tolist() == [4.0]
    assert (x * x).tolist() == [0.0]


def test_an_error_within_use_leaves_the_choice_as_it_was(backend):
    backend.mul = told(backend, "mul", lambda x, y: odd([0.0]))
    with pytest.raises(ZeroDivisionError), kernels.use("reference"):
        raise ZeroDivisionError
    x = tg.Tensor(odd([2.0]))
    assert (x * x).tolist() == [0.0]


def test_use_knows_two_words():
    with pytest.raises(ValueError, match="'reference' or 'fast', got 'slow'"), kernels.use("slow"):
        pass


def test_the_environment_chooses_the_reference():
    program = "from tinygrad_cnn import kernels; print(kernels.find(float, 'exp', 0) is not 0,"
    program += " kernels.find(kernels.np.ndarray, 'exp', 'body') == 'body')"
    environment = {**os.environ, "TINYGRAD_CNN_KERNELS": "reference"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True True\n"


@pytest.mark.parametrize(
    ("number", "space"),
    [
        (np.zeros(1), cpu),
        (np.float64(1), cpu),
        (np.float32(1), cpu),
        (np.int64(1), cpu),
        (np.bool_(True), cpu),
        (1.0, scalar),
        (1, scalar),
        (True, scalar),
    ],
)
def test_backends_by_type(number, space):
    assert kernels.backend(type(number)) is space


def test_a_subclass_of_an_array_is_served_where_its_base_is():
    class Tagged(np.ndarray):
        pass

    assert kernels.backend(Tagged) is cpu
    kernels.BACKENDS.pop(Tagged)


def test_what_no_backend_computes():
    with pytest.raises(TypeError, match=r"no backend computes with builtins\.complex"):
        kernels.backend(complex)


def test_devices_by_name(backend):
    assert kernels.named("cpu") is cpu
    assert kernels.named("odd") is backend
    with pytest.raises(ValueError, match="no device 'gpu'"):
        kernels.named("gpu")


# --- devices --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gate",
    [
        tg.add,
        tg.matmul,
        tg.maximum,
        tg.logical_and,
        lambda x, y: tg.where(x > 0, x, y),
        lambda x, y: tg.cat([x, y]),
        lambda x, y: tg.einsum("i,i->", x, y),
        lambda x, y: x + y,
        lambda x, y: x @ y,
        lambda x, y: tg.gather(x, 0, y.long()),
    ],
)
def test_two_devices_do_not_meet_in_a_gate(gate, double):
    here = tg.tensor([1.0, 2.0])
    there = here.to("double")
    for x, y in ((here, there), (there, here)):
        with pytest.raises(RuntimeError, match="all tensors must be on one device"):
            gate(x, y)
        x.requires_grad_()
        with pytest.raises(RuntimeError, match="all tensors must be on one device"):
            gate(x, y)


def test_a_gradient_goes_back_to_the_device_it_came_from(double):
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x.to("double")
    assert (str(y.device), type(y.raw)) == ("double", double.DArray)
    (y * y).sum().backward()
    assert type(x.grad.raw) is np.ndarray
    assert x.grad.tolist() == [2.0, 4.0]
    z = y.cpu()
    assert type(z.raw) is np.ndarray
    assert x.to("double").to("cpu").requires_grad


def test_a_number_may_meet_any_device(double):
    x = tg.tensor([1.0, 2.0]).to("double").requires_grad_()
    for number in (2, 2.0, True, np.float64(2.0), np.float32(2.0), np.int64(2)):
        for z in (x * number, number * x, x + number, x**number, x / number, number - x):
            assert type(z.raw) is double.DArray
            assert z.dtype == np.float32


# --- random numbers -------------------------------------------------------------------------------


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_draw_is_named_by_seed_and_counter(seed, counter):
    first = cpu.uniform((50,), seed, counter)
    assert first.dtype == np.float32
    assert ((first >= 0) & (first < 1)).all()
    assert np.array_equal(first, cpu.uniform((50,), seed, counter))
    assert not np.array_equal(first, cpu.uniform((50,), seed, (counter + 1) % 2**64))
    assert not np.array_equal(first, cpu.uniform((50,), (seed + 1) % 2**64, counter))


def test_a_border_keeps_the_order_of_memory():
    x = np.moveaxis(np.ones((2, 4, 5, 3), np.float32), -1, 1)  # channels innermost
    z = cpu.pad_constant(x, pads=((0, 0), (0, 2), (1, 0), (0, 1)), value=0.5)
    assert np.moveaxis(z, 1, -1).flags.c_contiguous
    assert np.array_equal(z, np.pad(x, ((0, 0), (0, 2), (1, 0), (0, 1)), constant_values=0.5))
