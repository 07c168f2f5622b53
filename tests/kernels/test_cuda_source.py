"""Kernels in CUDA C: run on the CPU from their source against the gates' bodies, and compiled.

No GPU takes part. `cuda_runner` says what running on the CPU finds and what it cannot.
"""

import functools
import shutil
import subprocess
import types

import numpy as np
import pytest
from domains import ROWS
from drawing import one_of, pooling
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import COUNTS, agree
from probes import FUNCTIONS, elsewhere, outputs

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import (
    cpu,
    cuda_loss,
    cuda_norm,
    cuda_optim,
    cuda_pointwise,
    cuda_pool,
    cuda_random,
    cuda_softmax,
    cuda_source,
    dtypes,
)

FAMILIES = (
    cuda_pool.POOL,
    cuda_norm.BATCH,
    cuda_softmax.SOFTMAX,
    cuda_loss.LOSS,
    cuda_pointwise.POINTWISE,
    cuda_random.RANDOM,
    cuda_optim.OPTIM,
)
ORACLE = "bodies, by CUDA C on the CPU"
STEPS = ("sgd_step", "adam_step")  # of optimisers: no gates
GATES = sorted(set(cuda_source.OVERLAYS) - set(STEPS))
DTYPES = ("float32", "float64", "float16", "bfloat16")


# --- on the CPU -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runner(double):
    """The device double with kernels: RawModule runs CUDA C on the CPU."""
    if shutil.which("g++") is None:
        pytest.skip("running CUDA C on the CPU takes a C++ compiler: install g++")
    import cuda_runner

    known = kernels.BACKENDS[double.DArray]
    space = types.SimpleNamespace(
        xp=double.xp,
        asarray=double.asarray,
        to_host=double.asnumpy,
        uniform=functools.partial(cuda_random.uniform, double.xp),
        device="double",
        OVERLAYS=cuda_source.OVERLAYS,
    )
    kernels.add_backend(double.DArray, space)
    yield cuda_runner
    kernels.add_backend(double.DArray, known)


def wrap(host: np.ndarray):
    """An array of the double around one of the host, as it lies."""
    import double_array

    return double_array.wrap(host)


def everything(name, inputs, settings):
    """What a gate returns, with its second result where it has one."""
    gate = FUNCTIONS[name]
    if not gate.gate.aux:
        return outputs(name, inputs, settings)
    z, aux = gate.full(*inputs, **settings)
    return [z, *aux] if isinstance(aux, tuple) else [z, aux]


def channels_last(x: np.ndarray) -> np.ndarray:
    """x in other memory, with its second axis innermost."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def spaced(x: np.ndarray) -> np.ndarray:
    """x as every other number, read backwards, of more memory."""
    room = np.full([2 * n for n in x.shape], 7, x.dtype)
    view = room[tuple(slice(None, None, -2) for _ in x.shape)]
    view[...] = x
    return view


LAYOUTS = {"dense": np.ascontiguousarray, "channels last": channels_last, "spaced": spaced}


def laid_out(x, layout: str, dtype: np.dtype):
    """An input in a layout and dtype; whole numbers stay, as do arrays of few axes."""
    if x is None:
        return None
    x = np.asarray(x.astype(dtype)) if x.dtype.kind == "f" else x
    if x.ndim < 2 and (layout == "channels last" or not x.ndim):
        return x
    return LAYOUTS[layout](x)


CASES = {"max_pool": pooling(one_of(np.nan, np.inf, -np.inf, 0.0, 1.0))}


def check(runner, double, name, inputs, settings) -> None:
    """Assert that the kernels, or what they leave to the body, compute what the body computes: of
    bfloat16 what it computes in float32, rounded. The body itself is asked for no dtype then, since
    the double's bfloat16 is NumPy's, which mixes with Python's floats to float32."""
    before = runner.LAUNCHES.copy()
    there = [None if x is None else wrap(x) for x in inputs]
    beside = {n: elsewhere(value, double.asarray) for n, value in settings.items()}
    found = everything(name, there, beside)
    with kernels.use("reference"):
        wanted = everything(name, [x if x is None else seen(x) for x in inputs], settings)
    dtype = inputs[0].dtype
    by_kernel = {*(runner.LAUNCHES - before)} - {"uniform"}  # which draws for the body as well
    for a, b in zip(found, map(np.asarray, wanted), strict=True):
        if by_kernel or dtype.name != "bfloat16":
            assert a.dtype == (dtype if b.dtype.kind == "f" else b.dtype)
        agree(ORACLE, seen(double.asnumpy(a)), b, 32 * dtypes.finfo(dtype).eps)


def seen(x: np.ndarray) -> np.ndarray:
    """x in a dtype that NumPy itself knows."""
    return x.astype(np.float32) if x.dtype.name == "bfloat16" else x


def named(dtype: str) -> np.dtype:
    """A dtype by its name; the test is skipped where nobody knows it."""
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="arrays of bfloat16 take ml_dtypes")
    return dtypes.dtype_of(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GATES)
@given(data=st.data())
@settings(max_examples=15)
def test_every_kernel_computes_what_the_body_computes(runner, double, name, dtype, data):
    case = data.draw(CASES.get(name, ROWS[name].cases))
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    with pytest.MonkeyPatch.context() as patch:
        if data.draw(st.booleans()):
            patch.setattr(cuda_source, "NARROW", 0)  # all indices are wide
            patch.setattr(cuda_source, "BLOCKS", 1)  # and threads take turns
            patch.setattr(cuda_loss, "PARTS", 1)
        inputs = [laid_out(x, layout, named(dtype)) for x in case.inputs]
        check(runner, double, name, inputs, case.settings)


def drawn(*shape) -> np.ndarray:
    """Numbers of a shape, always the same."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def classes(samples: int, count: int, *rest: int) -> np.ndarray:
    """A class for each sample, some of them ignored and some that are none."""
    return np.random.default_rng(1).integers(-1, count + 1, (samples, *rest))


SLIDING = {"window": (3, 3), "stride": (2, 2), "padding": (1, 1), "dilation": (1, 1)}
LABELS = {"ignore_index": -1, "label_smoothing": 0.1, "reduction": "mean"}
RELU = {"eps": 1e-5, "relu": True}
X, CHANNELS = drawn(3, 40, 7, 6), drawn(40)
WINNERS = FUNCTIONS["max_pool"].full(drawn(3, 40, 13, 11), **SLIDING, out=(7, 6))[1]
# More numbers than a block has threads, channels than it has lanes, and parts of each channel.
LARGE = {
    "max_pool": ((X,), {**SLIDING, "out": (4, 3)}),
    "window_sum": ((X,), {**SLIDING, "out": (4, 3)}),
    "window_sum_dx": ((X,), {**SLIDING, "space": (13, 11)}),
    "window_mean": ((X,), {**SLIDING, "out": (4, 3), "count": 9}),
    "window_mean_dx": ((X,), {**SLIDING, "space": (13, 11), "count": 9}),
    "max_pool_dx": ((X, WINNERS), {**SLIDING, "space": (13, 11)}),
    "fold": ((drawn(3, 40 * 9, 42),), {**SLIDING, "space": (13, 11)}),
    "unpool": ((X, np.random.default_rng(2).integers(0, 20, X.shape)), {"space": (5, 4)}),
    "batch_norm": ((X, CHANNELS, CHANNELS, X[::-1]), RELU),
    "batch_norm_dx": ((X[::-1], X, X, CHANNELS), {**RELU, "aux": None}),
    "running_norm": ((X, CHANNELS, CHANNELS**2, None, CHANNELS, X), RELU),
    "layer_norm": ((drawn(20, 700), drawn(700), drawn(700)), {"eps": 1e-5}),
    "layer_norm_dx": (
        (drawn(20, 700), drawn(20, 700), drawn(700)),
        {"eps": 1e-5, "biased": True},
    ),
    "softmax": ((drawn(20, 700),), {"dim": 1}),
    "log_softmax": ((X,), {"dim": 1}),
    "softmax_dx": ((drawn(20, 700), drawn(20, 700)), {"dim": -1}),
    "log_softmax_dx": ((X, X), {"dim": 2}),
    "cross_entropy": ((drawn(20, 300), classes(20, 300), drawn(300) ** 2), LABELS),
    "class_cross_entropy_dx": ((drawn(), X, classes(3, 40, 7, 6), CHANNELS**2), LABELS),
    "sigmoid": ((X,), {}),
    "erf": ((X,), {}),
    "erfc": ((X,), {}),
    "sigmoid_dx": ((X, X), {}),
    "tanh_dx": ((X, X), {}),
    "relu_dx": ((X, X), {}),
    "dropped": ((X,), {"p": 0.3, "scale": 2.0, "shape": X.shape, "seed": 3, "counter": 5}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", GATES)
def test_every_kernel_takes_more_than_a_block(runner, double, monkeypatch, name, layout):
    monkeypatch.setattr(cuda_norm, "SHARE", 64)
    monkeypatch.setattr(cuda_source, "BLOCKS", 3)  # which take several turns
    monkeypatch.setattr(cuda_loss, "PARTS", 3)
    before = runner.LAUNCHES.total()
    inputs, options = LARGE[name]
    check(runner, double, name, [laid_out(x, layout, np.float32) for x in inputs], options)
    left = layout == "spaced" and name in cuda_source.POINTWISE  # to the body
    assert (runner.LAUNCHES.total() > before) != left


@given(data=st.data())
def test_random_numbers_are_those_of_the_cpu(runner, double, data):
    shape = data.draw(st.lists(st.integers(0, 9), max_size=3))
    key, counter = (data.draw(st.integers(0, 2**64 - 1)) for _ in range(2))
    z = cuda_random.uniform(double.xp, shape, key, counter)
    assert np.array_equal(double.asnumpy(z), cpu.uniform(shape, key, counter))
    COUNTS[ORACLE] += 1
    start = data.draw(st.integers(0, counter))
    state = double.asarray(np.array([key, start], np.uint64))
    z = cuda_random.uniform(double.xp, shape, state, counter - start)
    assert np.array_equal(double.asnumpy(z), cpu.uniform(shape, key, counter))


def network() -> tg.nn.Sequential:
    """One of each layer that kernels are for, and a convolution."""
    tg.manual_seed(0)
    return tg.nn.Sequential(
        tg.nn.Conv2d(1, 4, 3, bias=False),
        tg.nn.BatchNorm2d(4),
        tg.nn.ReLU(),
        tg.nn.MaxPool2d(3, 2, ceil_mode=True),
        tg.nn.Dropout(0.3),
        tg.nn.LocalResponseNorm(3),
        tg.nn.AvgPool2d(2, 1, padding=1),
        tg.nn.Flatten(),
        tg.nn.LazyLinear(5),
    )


def step(device: str) -> tuple[tg.Tensor, list[tg.Tensor]]:
    """The loss of a network on a device, and its gradients."""
    model = network()
    model(tg.tensor(drawn(2, 1, 9, 9)))
    model.to(device)
    tg.manual_seed(3)
    x, target = tg.tensor(drawn(6, 1, 9, 9)).to(device), tg.tensor(classes(6, 4) % 5).to(device)
    optimizer = tg.optim.SGD(model.parameters(), momentum=0.9)
    loss = tg.nn.functional.cross_entropy(model(x), target, label_smoothing=0.1)
    loss.backward()
    optimizer.step()
    return loss, [p.grad for p in model.parameters()]


def test_a_step_of_training_waits_for_nothing(runner, double):
    before = dict(runner.LAUNCHES)
    with kernels.use("reference"):
        loss, gradients = step("cpu")
    with double.counting_syncs() as syncs:
        there, others = step("double")
    assert not syncs
    used = {name for name, count in runner.LAUNCHES.items() if count > before.get(name, 0)}
    pooling = {"max_pool", "max_pool_dx", "window_sum", "window_put"}
    norm = {"moments", "normalise", "gradient_sums", "pull_back"}
    assert pooling | norm | {"dropped", "cross_entropy", "cross_entropy_dx"} <= used
    for a, b in zip([there, *others], [loss, *gradients], strict=True):
        agree(ORACLE, a.detach().cpu().numpy(), b.detach().numpy(), 1e-5)


# --- optimisers -----------------------------------------------------------------------------------

SHAPES = [(3, 2), (4,), (), (2, 0), (130, 70), *[(1,)] * cuda_optim.ROWS]  # two tables, more pieces
RULES = {
    "sgd": (tg.optim.SGD, {}),
    "momentum": (tg.optim.SGD, {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    "nesterov": (tg.optim.SGD, {"momentum": 0.9, "nesterov": True, "maximize": True}),
    "adam": (tg.optim.Adam, {"weight_decay": 0.1}),
    "adamw": (tg.optim.AdamW, {"maximize": True}),
}


def trained(cls, options, dtype, device):
    """Parameters after three steps on a device."""
    rng = np.random.default_rng(0)

    def fresh(shape):
        return tg.tensor(rng.standard_normal(shape).astype(dtype)).to(device)

    params = [fresh(shape).requires_grad_() for shape in SHAPES]
    optimizer = cls(params, lr=0.1, **options)
    for _ in range(3):
        for p in params:
            p.grad = fresh(p.shape)
        optimizer.step()
    return [p.detach().cpu().numpy() for p in params]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("rule", RULES)
def test_steps_of_optimisers_are_those_of_their_rules(runner, rule, dtype):
    cls, options = RULES[rule]
    before = runner.LAUNCHES.total()
    fast = trained(cls, options, dtype, "double")
    taken = 3 if rule == "sgd" else 2  # by kernels: a state's first step makes the state
    assert runner.LAUNCHES.total() == before + 2 * taken
    with kernels.use("reference"):
        slow = trained(cls, options, dtype, "cpu")
    for a, b in zip(fast, slow, strict=True):
        agree(ORACLE, a, b, (0 if dtype != "float16" else 4) * np.finfo(dtype).eps)


# --- numbers of 16 bits ---------------------------------------------------------------------------

THROUGH = r"""
extern "C" __global__ void through(const T *x, float *z, const float *y, T *rounded, Size s)
{
    for (EACH(i, s.count)) {
        z[i] = wide(x[i]);
        rounded[i] = narrow(y[i]);
    }
}
"""


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_numbers_of_16_bits_are_rounded_to_the_nearest_and_back(runner, double, name):
    half = np.dtype(name) if name == "float16" else pytest.importorskip("ml_dtypes").bfloat16
    every = np.arange(1 << 16, dtype=np.uint16)
    rng = np.random.default_rng(0)
    exact = every.view(half).astype(np.float32)
    with np.errstate(all="ignore"):
        near = np.nextafter(exact, rng.choice([-np.inf, np.inf], every.size).astype(np.float32))
        halves = (exact + np.roll(exact, 1)) / 2  # ties
    for floats in (exact, near, halves, rng.integers(0, 2**32, every.size, np.uint32).view("f4")):
        z, rounded = double.xp.empty(every.shape, "float32"), double.xp.empty(every.shape, "uint16")
        family = cuda_source.Family("through", THROUGH, through=cuda_source.Struct("Size", count=1))
        arguments = (wrap(every), z, wrap(floats), rounded)
        dtype = types.SimpleNamespace(name=name)
        family.launch(double.xp, "through", dtype, 64, arguments, (every.size,))
        with np.errstate(all="ignore"):
            want = floats.astype(half).astype(np.float32)
        np.testing.assert_array_equal(double.asnumpy(z), exact)
        np.testing.assert_array_equal(double.asnumpy(rounded).view(half).astype(np.float32), want)
        COUNTS[ORACLE] += 2


# --- what the runner finds ------------------------------------------------------------------------

FAULTS = {
    "order of threads": "board[i] = x[i]; z[i] = board[(i + 1) % 32];",
    "divergent": "if (i < 3) __syncthreads(); z[i] = 0;",
    "wrote outside": "z[i + 1] = 0;",
    "undefined": "board[i + 1] = 0; z[i] = 0;",
    "arguments": "",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_runner_finds_faults(runner, double, fault):
    extra = "" if fault != "arguments" else ", long long n"
    code = 'extern "C" __global__ void faulty(const float *x, float *z' + extra + ") {"
    code += "__shared__ float board[32]; int i = threadIdx.x;" + FAULTS[fault] + "}"
    x, z = double.asarray(drawn(32)), double.asarray(drawn(32))
    numbers = () if not extra else (np.int32(1),)
    with pytest.raises(runner.Fault, match=fault):
        runner.RawModule(code).get_function("faulty")((1,), (32,), (x, z, *numbers))


def test_reading_outside_gives_nan(runner, double):
    code = 'extern "C" __global__ void shifted(const float *x, float *z)'
    code += "{ z[threadIdx.x] = x[threadIdx.x + 1]; }"
    x, z = double.asarray(drawn(32)), double.asarray(drawn(32))
    runner.RawModule(code).get_function("shifted")((1,), (32,), (x, z))
    assert np.isnan(double.asnumpy(z)[-1])


# --- compiled for GPUs ----------------------------------------------------------------------------


def variants(family) -> list[str]:
    """The source for every dtype; indices are wide for half of them."""
    return [family.text(dtype, i % 2 == 1) for i, dtype in enumerate(DTYPES)]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_compiles_for_gpus(family, tmp_path):
    compiler = shutil.which("nvcc")
    if compiler is None:
        pytest.skip("compiling for GPUs takes nvcc, which is not here")
    spaces = [f"namespace n{i} {{\n{text}\n}}" for i, text in enumerate(variants(family))]
    source = tmp_path / "family.cu"
    source.write_text("\n".join(spaces).replace('extern "C" ', ""))
    targets = [f"-gencode=arch=compute_{n},code=sm_{n}" for n in (80, 90)]
    options = [*cuda_source.OPTIONS, *targets, "-Werror=all-warnings"]
    command = [compiler, *options, "-fatbin", str(source), "-o", str(tmp_path / "family.fatbin")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_is_taken_by_the_compiler_that_cupy_uses(family, architecture):
    nvrtc = pytest.importorskip(
        "cupy_backends.cuda.libs.nvrtc", reason="NVRTC is called through CuPy"
    )
    try:
        nvrtc.getVersion()
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"NVRTC is not here: {error}")
    for text in variants(family):
        program = nvrtc.createProgram(text, "family.cu", (), ())
        try:
            nvrtc.compileProgram(program, (*cuda_source.OPTIONS, f"-arch={architecture}"))
        except nvrtc.NVRTCError:
            pytest.fail(nvrtc.getProgramLog(program))
        assert nvrtc.getCUBIN(program)
