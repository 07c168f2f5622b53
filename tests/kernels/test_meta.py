"""Shapes without numbers: what "meta" returns has NumPy's shape and dtype, and costs nothing."""

import math
import tracemalloc

import numpy as np
import pytest
from domains import ROWS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_gates import FUNCTIONS, outputs

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.autograd import grad
from tinygrad_cnn.kernels import meta
from tinygrad_cnn.ops.conv import conv
from tinygrad_cnn.ops.indexing import index, put_at
from tinygrad_cnn.ops.loss import cross_entropy
from tinygrad_cnn.ops.norm import batch_norm
from tinygrad_cnn.ops.pool import max_pool, window_sum
from tinygrad_cnn.ops.shape import sum_to

DTYPES = ("bool", "uint8", "int32", "int64", "float16", "float32", "float64")


def looks(x):
    """Shape and dtype of a tensor; None stays."""
    return None if x is None else (x.shape, x.dtype)


def leaf(*shape):
    return tg.randn(*shape, device="meta", requires_grad=True)


# --- every gate -----------------------------------------------------------------------------------


def on_host(value):
    return value


def on_meta(value):
    """Arrays without their numbers; masks in keys keep them, since they decide the shape."""
    if isinstance(value, tuple):
        return tuple(map(on_meta, value))
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind == "b" else meta.asarray(value)
    return "meta" if value == "cpu" else value


def found(name, case, place, dtype):
    """The looks of what a gate returns, and of its first and second gradients."""
    inputs = []
    for x in case.inputs:
        floats = x is not None and x.dtype.kind == "f"
        x = x.astype(dtype) if floats else x
        raw = place(x) if place is on_host or x is None else meta.asarray(x)
        inputs.append(raw if x is None else tg.Tensor(raw, requires_grad=floats))
    settings = {n: place(value) for n, value in case.settings.items()}
    results = outputs(name, inputs, settings)
    total = sum(tg.sum(z * z) for z in results)
    leaves = [x for x in inputs if x is not None and x.requires_grad]
    seen = [looks(z) for z in results]
    if total.requires_grad:
        first = grad(total, leaves, create_graph=True)
        seen += map(looks, first)
        again = sum(tg.sum(g * g) for g in first if g is not None)
        seen += map(looks, grad(again, leaves))
        outputs(name, inputs, settings)[0].sum().backward()
        seen += [looks(x.grad) for x in leaves]
    return seen


@pytest.mark.parametrize("name", sorted(ROWS))
@given(data=st.data())
def test_shapes_and_dtypes_are_those_of_numpy_to_second_order(name, data):
    case = data.draw(ROWS[name].cases)
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    with np.errstate(all="ignore"):
        assert found(name, case, on_meta, dtype) == found(name, case, on_host, dtype)


BINARY = ("add", "sub", "mul", "div", "floor_divide", "remainder", "maximum", "lt", "logical_or")
UNARY = ("neg", "abs", "exp", "floor", "isnan", "logical_not", "relu", "sigmoid", "sum", "any")
ALONG = ("amax", "argmin", "cumsum", "euclidean_norm", "logsumexp", "softmax")  # of some elements
NUMBERS = st.one_of(  # no whole 0: by it only numbers are not divided
    st.just(True), st.integers(1, 9), st.floats(-2, 2), st.just(np.float64(0.5))
)


def attempt(call, *inputs):
    """What a call returns looks like, or the type of its error."""
    try:
        with np.errstate(all="ignore"):
            return looks(call(*inputs))
    except Exception as error:
        return type(error)


@given(data=st.data())
def test_dtypes_meet_as_in_numpy(data):
    shapes = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3)
    xs = [np.ones(shape, data.draw(st.sampled_from(DTYPES))) for shape in data.draw(shapes)[0]]
    x, y = map(tg.Tensor, xs)
    a, b = (tg.Tensor(meta.asarray(x)) for x in xs)
    number = data.draw(NUMBERS)
    for name in BINARY:
        f = FUNCTIONS[name]
        assert attempt(f, a, b) == attempt(f, x, y), name
        assert attempt(f, a, number) == attempt(f, x, number), name
        assert attempt(f, number, b) == attempt(f, number, y), name
    for name in UNARY:
        assert attempt(FUNCTIONS[name], a) == attempt(FUNCTIONS[name], x), name
    for name in ALONG if x.ndim and x.numel() else ():
        assert attempt(FUNCTIONS[name], a, 0) == attempt(FUNCTIONS[name], x, 0), name


@pytest.mark.parametrize(
    "call",
    [
        lambda x, y: x + y[:, :2],
        lambda x, y: x.reshape(4, 4),
        lambda x, y: x.permute(0, 0),
        lambda x, y: x[5],
        lambda x, y: tg.cat([x, y[0]]),
        lambda x, y: x.sum(7),
        lambda x, y: put_at(x, key=slice(1), shape=(3, 4)),
        lambda x, y: sum_to(x, (5,)),
    ],
)
def test_what_does_not_fit_is_the_error_that_it_is_with_numbers(call):
    with pytest.raises((RuntimeError, IndexError)) as expected:
        call(tg.ones(3, 4), tg.ones(3, 4))
    with pytest.raises(expected.type):
        call(leaf(3, 4), leaf(3, 4))


def test_sentences_where_numpy_has_none():
    with pytest.raises(RuntimeError, match=r"conv: x \(2, 3, 8, 8\) has 3 channels, but weights"):
        conv(leaf(2, 3, 8, 8), leaf(4, 2, 3, 3), None, (1, 1), (0, 0), (1, 1), 1)
    with pytest.raises(RuntimeError, match=r"conv: a window of weights .* does not fit into x"):
        conv(leaf(2, 3, 2, 2), leaf(4, 3, 3, 3), None, (1, 1), (0, 0), (1, 1), 1)
    with pytest.raises(RuntimeError, match=r"matmul: inner sizes differ: \(2, 3\) has 3, \(4, 5\)"):
        tg.mm(leaf(2, 3), leaf(4, 5))
    with pytest.raises(
        RuntimeError, match=r"scores .* of shape \(2, 3\) go with targets .* \(2,\)"
    ):
        cross_entropy(leaf(2, 3), tg.zeros(3, dtype="int64", device="meta"), None)


def test_indices_may_lack_numbers_but_masks_may_not():
    x = leaf(4, 5)
    places = tg.randint(4, (2, 3), device="meta")
    assert x[places].shape == (2, 3, 5)
    assert x[[0, 2], 1:].shape == (2, 4)
    assert index(x, key=np.array([True, False, True, True])).shape == (3, 5)
    with pytest.raises(RuntimeError, match="a meta tensor has no numbers"):
        x[x > 0]


def test_second_results_look_alike_too():
    x, w = tg.ones(2, 3, 4), tg.ones(3)
    pool = ((2,), (2,), (0,), (1,), (2,))
    for place in (on_host, on_meta):
        z, indices = max_pool.full(tg.Tensor(place(x.raw)), *pool)
        assert looks(z) == ((2, 3, 2), np.float32)
        assert looks(indices) == ((2, 3, 2), np.int64)
        inputs = [tg.Tensor(place(t.raw)) for t in (x, w, w)]
        _, statistics = batch_norm.full(*inputs, None, 1e-5, False)
        assert [looks(s) for s in statistics] == [((1, 3, 1), np.float32)] * 2


# --- no numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "read",
    [
        tg.Tensor.item,
        tg.Tensor.tolist,
        bool,
        int,
        float,
        range,
        "{:.3f}".format,
        tg.Tensor.cpu,
        lambda x: x.cpu().numpy(),
        lambda x: np.asarray(x.raw),
        lambda x: np.pad(x.raw, 1),
    ],
)
def test_reading_a_number_is_an_error_that_says_what_is_known(read):
    x = tg.zeros(dtype="int32", device="meta")
    with pytest.raises(RuntimeError, match=r"no numbers.* the shape \(\) and the dtype int32"):
        read(x)


def test_pictures_show_shape_dtype_and_device():
    x = tg.zeros(2, 3, dtype="float64", device="meta")
    assert repr(x) == "tensor(..., shape=(2, 3), device='meta', dtype=float64)"
    assert x.device == tg.device("meta")


def test_a_mixture_of_devices_is_refused():
    with pytest.raises(RuntimeError, match=r"mul: all tensors must be on one device, got meta"):
        leaf(2) * tg.ones(2)


HUGE = (10**4, 10**4, 10**3)
MADE = {
    "zeros": lambda **s: tg.zeros(HUGE, **s),
    "ones": lambda **s: tg.ones(HUGE, **s),
    "full": lambda **s: tg.full(HUGE, 2.5, **s),
    "whole": lambda **s: tg.full(HUGE, 2, **s),
    "rand": lambda **s: tg.rand(HUGE, **s),
    "randn": lambda **s: tg.randn(HUGE, **s),
    "randint": lambda **s: tg.randint(3, HUGE, **s),
    "randperm": lambda **s: tg.randperm(10**12, **s),
    "arange": lambda **s: tg.arange(10**12, **s),
    "linspace": lambda **s: tg.linspace(0, 1, 10**12, **s),
    "eye": lambda **s: tg.eye(10**6, **s),
}


@pytest.mark.parametrize("name", MADE)
def test_creation_takes_no_memory(name):
    tracemalloc.start()
    try:
        x = MADE[name](device="meta")
        assert x.numel() == math.prod(x.shape) >= 10**11
        assert x.dtype == (
            "int64" if name in ("whole", "randint", "randperm", "arange") else "float32"
        )
        assert MADE[name](device="meta", dtype="float16").dtype == "float16"
        assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()


@given(st.integers(-5, 5), st.integers(0, 5), st.sampled_from([-2, -1, 1, 2, 3, 0.5, -0.25]))
def test_ranges_are_as_long_as_with_numbers(start, length, step):
    end = start + length * (1 if step > 0 else -1)
    assert looks(tg.arange(start, end, step, device="meta")) == looks(tg.arange(start, end, step))


def test_drawing_nothing_leaves_the_random_numbers_alone():
    before = tg.default_generator.get_state()
    leaf(3)
    assert tg.default_generator.get_state() == before


def test_moving_in_and_copying():
    x = tg.tensor([[1, 2], [3, 4]], device="meta")
    assert looks(x) == ((2, 2), np.int64)
    assert looks(tg.ones(2).to("meta", dtype="float64")) == ((2,), np.float64)
    host = tg.ones(2, requires_grad=True)
    moved = host.to("meta")
    assert moved.to("meta") is moved
    assert tg.tensor(x).raw is not x.raw


def test_writing_in_place_checks_shapes_and_keeps_them():
    x = tg.zeros(2, 3, device="meta")
    assert x.add_(tg.ones(3, device="meta")) is x
    x[0] = 1.0
    x[:, 1] = tg.ones(2, device="meta")
    x += 1
    assert looks(x) == ((2, 3), np.float32)
    with pytest.raises(RuntimeError, match="a result of shape"):
        x.add_(tg.ones(4, 2, 3, device="meta"))
    with pytest.raises(RuntimeError, match="does not broadcast to the places of the key"):
        x[0] = tg.ones(2, device="meta")
    raw = before = x.raw
    raw += 1.0
    assert raw is before
    with pytest.raises(ValueError, match="could not broadcast"):
        raw += meta.Meta((4, 2, 3), "float32")


def test_gradients_add_up_and_hooks_run():
    x = leaf(2, 3)
    seen = []
    x.register_hook(lambda g: seen.append(g.shape))
    for _ in range(2):
        (x * x).sum().backward()
    assert seen == [(2, 3)] * 2
    assert looks(x.grad) == ((2, 3), np.float32)


def test_a_write_to_what_a_graph_has_saved_is_seen():
    x, y = leaf(3), tg.zeros(3, device="meta")
    z = x * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="mul: a tensor needed for its gradient"):
        z.sum().backward()


# --- whole networks -------------------------------------------------------------------------------


def lenet(x):
    """A small network of each kind of layer."""
    z = conv(x, leaf(6, 1, 5, 5), leaf(6), (1, 1), (0, 0), (1, 1), 1).tanh()
    z = window_sum(z, window=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1), out=(14, 14))
    z = conv(z * 0.25, leaf(16, 6, 5, 5), leaf(16), (1, 1), (0, 0), (1, 1), 1).relu()
    z = max_pool(z, (2, 2), (2, 2), (0, 0), (1, 1), (5, 5)).flatten(1)
    z = tg.dropout(z @ leaf(400, 10) + leaf(10), 0.5)
    return cross_entropy(z, tg.randint(10, (x.shape[0],), device="meta"), None)


@pytest.mark.parametrize("choice", ["fast", "reference"])
def test_a_network_and_its_second_derivative(choice):
    x = leaf(4, 1, 32, 32)
    with kernels.use(choice):
        (g,) = grad(lenet(x), x, create_graph=True)
        (again,) = grad((g * g).sum(), x)
    assert looks(g) == looks(again) == looks(x)


def block(x, channels, window, stride=1, skip=None):
    """Convolution and batch norm, then ReLU."""
    w = leaf(channels, x.shape[1], window, window)
    half = window // 2
    z = conv(x, w, None, (stride, stride), (half, half), (1, 1), 1)
    return batch_norm(z, leaf(channels), leaf(channels), skip, 1e-5, True)


def residual(x):
    """The 53 convolutions of a ResNet-50 (He et al. 2016, Table 1)."""
    z = max_pool(block(x, 64, 7, 2), (3, 3), (2, 2), (1, 1), (1, 1), (56, 56))
    for channels, repeats in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for i in range(repeats):
            stride = 2 if i == 0 and channels > 64 else 1
            skip = z if i else block(z, 4 * channels, 1, stride)
            y = block(block(z, channels, 1), channels, 3, stride)
            z = block(y, 4 * channels, 1, skip=skip)
    return z


def test_a_deep_network_takes_no_memory_for_numbers():
    x = leaf(64, 3, 224, 224)
    z = residual(x)
    z.sum().backward()
    assert z.shape == (64, 2048, 7, 7)
    assert looks(x.grad) == looks(x)
    tracemalloc.start()
    try:
        residual(x).sum().backward()
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
