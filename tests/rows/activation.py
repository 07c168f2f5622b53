"""Activations and dropout."""

import statistics

import numpy as np
from drawing import DIFFERENT, REAL, Case, elementwise, generators, one_of, shapes
from hypothesis import strategies as st

from rows.row import Row, functional, pointwise

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946

# Odd multiples of 1/16, small and large ones alike in arrays of any size.
AWAY = one_of(*[n / 16 for n in range(-41, 42, 2)])
WIDE = one_of(*[n / 4 for n in range(-25, 26, 2)])  # beyond 3, from where hardswish is straight


def kinks(*values: float) -> st.SearchStrategy:
    """Places of kinks, among the even multiples of 1/16."""
    assert all(v % (1 / 8) == 0 for v in values)
    return st.sampled_from(values)


# --- truths ---------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hardsigmoid(x):
    return np.clip(x / 6 + 0.5, 0, 1)


def softplus(x, beta=1.0, threshold=20.0):
    return np.where(x * beta > threshold, x, np.log(1 + np.exp(x * beta)) / beta)


def elu(x, alpha, scale=1.0, input_scale=1.0):
    return scale * np.where(x > 0, x, alpha * (np.exp(input_scale * x) - 1))


def prelu(x, weight):
    channels_last = np.moveaxis(x, 1, -1) if x.ndim > 1 else x
    z = np.where(channels_last > 0, channels_last, channels_last * weight)
    return np.moveaxis(z, -1, 1) if x.ndim > 1 else z.reshape(x.shape)


def gelu(x, approximate):
    if approximate == "tanh":
        return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    return x * np.vectorize(statistics.NormalDist().cdf, otypes=[float])(x)


def glu(x, dim):
    left, right = np.split(x, 2, dim)
    return left * sigmoid(right)


def dropped(x, p, scale, shape, seed, counter):
    bits = np.random.Philox(key=seed, counter=[0, 0, counter, 0])
    keep = np.random.Generator(bits).random(shape, dtype=np.float32) >= p
    return np.where(keep, x * scale, 0.0)


# --- cases ----------------------------------------------------------------------------------------


@st.composite
def weighted(draw) -> Case:
    """An input with channels along axis 1, if it has that many, and one weight, or one for each."""
    rng = draw(generators())
    x = DIFFERENT(rng, draw(shapes()))
    channels = x.shape[1] if x.ndim > 1 else 1
    weights = draw(st.sampled_from([(), (1,), (channels,)]))
    return Case((x, REAL(rng, weights)))


@st.composite
def halved(draw) -> Case:
    """An array and an axis of even size."""
    shape = list(draw(shapes(0, 1)))
    axis = draw(st.integers(0, len(shape) - 1))
    shape[axis] *= 2
    return Case(
        (REAL(draw(generators()), shape),), {"dim": axis - len(shape) * draw(st.booleans())}
    )


@st.composite
def thinned(draw) -> Case:
    """An array and a draw for each of its places, or for slices of it."""
    shape = draw(shapes())
    own = tuple(n if draw(st.booleans()) else 1 for n in shape)
    p = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    settings = {
        "p": p,
        "scale": draw(st.sampled_from([1.0, 1.5])),
        "shape": own,
        "seed": draw(st.integers(0, 9)),
        "counter": 3,
    }
    return Case((REAL(draw(generators()), shape),), settings)


def torch_hardsigmoid(torch, x):
    """In PyTorch's own the factor 1/6 of the gradient is a float32."""
    return torch.nn.functional.relu6(x + 3.0) / 6.0


def torch_elu(torch, x, alpha=1.0, scale=1.0, input_scale=1.0):
    return torch.ops.aten.elu(x, alpha, scale, input_scale)


def torch_scaled_tanh(torch, x):
    return 1.7159 * torch.tanh(2 / 3 * x)


def torch_celu(torch, x, alpha):
    """In PyTorch's own the factor 1 / alpha of the gradient is a float32."""
    return torch_elu(torch, x, alpha, 1.0, 1 / alpha)


REACH = kinks(0.5, 1.25)

ROWS = {
    # sigmoids
    "tanh": pointwise(np.tanh, REAL),
    "tanh_dx": pointwise(lambda g, z: g * (1 - z * z), REAL, REAL, torch=False),
    "scaled_tanh": pointwise(lambda x: 1.7159 * np.tanh(2 * x / 3), REAL, torch=torch_scaled_tanh),
    "sigmoid": pointwise(sigmoid, REAL),
    "sigmoid_dx": pointwise(lambda g, z: g * z * (1 - z), REAL, REAL, torch=False),
    "logsigmoid": pointwise(lambda x: np.log(sigmoid(x)), REAL, torch=functional("logsigmoid")),
    "hardsigmoid": pointwise(hardsigmoid, WIDE, torch=torch_hardsigmoid),
    "softsign": pointwise(lambda x: x / (1 + np.abs(x)), DIFFERENT, torch=functional("softsign")),
    # zero or a slope on the left
    "relu": pointwise(lambda x: np.where(x > 0, x, 0.0), DIFFERENT),
    "relu_dx": pointwise(lambda g, z: np.where(z > 0, g, 0.0), REAL, DIFFERENT, torch=False),
    "leaky_relu": pointwise(
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
        DIFFERENT,
        torch=functional("leaky_relu"),
        negative_slope=st.floats(-0.5, 0.5),
    ),
    "prelu": Row(weighted(), prelu, True),
    "hardtanh": pointwise(
        lambda x, min_val, max_val: np.clip(x, min_val, max_val),
        AWAY,
        torch=functional("hardtanh"),
        min_val=kinks(-1.0, -0.5),
        max_val=kinks(0.25, 1.0),
    ),
    "threshold": pointwise(
        lambda x, threshold, value: np.where(x > threshold, x, value),
        AWAY,
        threshold=kinks(-0.5, 0.0, 1.0),
        value=st.sampled_from([-1.0, 2.5]),
    ),
    # bent on the left
    "elu": pointwise(
        elu,
        DIFFERENT,
        torch=torch_elu,
        alpha=st.floats(0.25, 2.0),
        scale=st.sampled_from([1.0, 1.5]),
        input_scale=st.sampled_from([1.0, 0.5]),
    ),
    "selu": pointwise(lambda x: elu(x, SELU_ALPHA, SELU_SCALE), DIFFERENT),
    "celu": pointwise(
        lambda x, alpha: elu(x, alpha, 1.0, 1 / alpha),
        DIFFERENT,
        torch=torch_celu,
        alpha=st.floats(0.5, 2.0),
    ),
    "softplus": pointwise(
        softplus,
        AWAY,
        torch=functional("softplus"),
        beta=st.sampled_from([0.5, 1.0, 2.0]),
        threshold=kinks(0.0, 1.0, 20.0),
    ),
    # gated by themselves
    "silu": pointwise(lambda x: x * sigmoid(x), REAL, torch=functional("silu")),
    "hardswish": pointwise(lambda x: x * hardsigmoid(x), WIDE, torch=functional("hardswish")),
    "mish": pointwise(lambda x: x * np.tanh(softplus(x)), REAL, torch=functional("mish")),
    "gelu": pointwise(
        gelu, REAL, torch=functional("gelu"), approximate=st.sampled_from(["none", "tanh"])
    ),
    "glu": Row(halved(), glu, functional("glu")),
    # shrinking
    "hardshrink": pointwise(
        lambda x, lambd: np.where(np.abs(x) > lambd, x, 0.0), AWAY, lambd=REACH
    ),
    "softshrink": pointwise(
        lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0.0),
        AWAY,
        torch=functional("softshrink"),
        lambd=REACH,
    ),
    # Near 0 all digits cancel but those in which Python's tanh and NumPy's differ.
    "tanhshrink": Row(elementwise(REAL), lambda x: x - np.tanh(x), functional("tanhshrink")),
    # dropout
    "dropped": Row(thinned(), dropped),
}
