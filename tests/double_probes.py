"""Small uses of an array module, as data: what CuPy refuses, waits for, leaves open, computes.

Every probe is a function of an array module `xp` and of one of its arrays, `x`: float32, shape
(2, 3), holding 0 to 5. So one table serves NumPy, the device double, and a real GPU. NumPy accepts
every bug: that is why it stays unseen until a device meets it.
"""

from typing import NamedTuple

import numpy as np

WAITS = "waits"  # the host reads from the device, or uploads an index unasked
OPEN = "open"  # CuPy goes on with an undefined result; the double raises Undefined
COMPUTES = "computes"  # the same as NumPy
POISON = "poison"  # the result depends on what fresh memory held


class Probe(NamedTuple):
    """One use of arrays: `outcome` is an exception type, or one of the words above."""

    name: str
    use: object
    outcome: object = COMPUTES


def put(array, index, value):
    """The array after `array[index] = value`."""
    array[index] = value
    return array


def windows(xp, x):
    """All pairs of neighbours along the last axis, as a view that shows most elements twice."""
    return xp.lib.stride_tricks.as_strided(x, (2, 2, 2), (*x.strides, x.strides[-1]))


def accumulate(xp, y, x):
    """`y` with x added to it in place."""
    y += x
    return y


BUGS = [
    # Host and device in one expression.
    Probe("host array on the right", lambda xp, x: x + np.ones(3), TypeError),
    Probe("host array on the left", lambda xp, x: np.ones(3) * x, TypeError),
    Probe("host array in place", lambda xp, x: accumulate(xp, x, np.ones(3)), TypeError),
    Probe("list as an operand", lambda xp, x: x * [1.0, 2.0, 3.0], TypeError),
    Probe("host array in where", lambda xp, x: xp.where(x > 0, x, np.zeros((2, 3))), TypeError),
    Probe("host array in matmul", lambda xp, x: xp.matmul(x, np.ones((3, 2), "f4")), TypeError),
    Probe("list in a ufunc", lambda xp, x: xp.maximum(x, [1.0, 2.0, 3.0]), TypeError),
    Probe("host array joined", lambda xp, x: xp.concatenate([x, np.ones((1, 3))]), TypeError),
    Probe("number joined", lambda xp, x: xp.stack([x[0, 0], 1.0]), TypeError),
    Probe("host out", lambda xp, x: x.sum(out=np.ones((), "f4")), TypeError),
    Probe("implicit np.asarray", lambda xp, x: np.asarray(x), TypeError),
    Probe("implicit np.array of a list", lambda xp, x: np.array([x, x]), TypeError),
    Probe("NumPy type as a cast", lambda xp, x: xp.float32(x[0, 0]), TypeError),
    Probe("host array assigned", lambda xp, x: put(x, 0, np.ones(3)), ValueError),
    Probe("list assigned", lambda xp, x: put(x, Ellipsis, [1.0, 2.0, 3.0]), ValueError),
    Probe("number for an array", lambda xp, x: xp.sum(1.0), (TypeError, AttributeError)),
    # A 0-d array is not a number.
    Probe("element as a dictionary key", lambda xp, x: {x[0, 0]: 1}, TypeError),
    Probe("element as a list index", lambda xp, x: [1, 2][x.astype("i8")[0, 1]], TypeError),
    Probe("element in round()", lambda xp, x: round(x[0, 0]), TypeError),
    # Arguments that CuPy lacks.
    Probe("sum where", lambda xp, x: x.sum(where=True), TypeError),
    Probe("mean where", lambda xp, x: xp.mean(x, where=True), TypeError),
    Probe("max initial", lambda xp, x: x.max(initial=0.0), TypeError),
    Probe("ufunc where", lambda xp, x: xp.add(x, x, where=True), TypeError),
    Probe("ufunc order", lambda xp, x: xp.exp(x, order="F"), TypeError),
    Probe("clip min max", lambda xp, x: xp.clip(x, min=0, max=1), TypeError),
    Probe("var correction", lambda xp, x: xp.var(x, correction=1), TypeError),
    Probe("argsort stable", lambda xp, x: x.argsort(stable=True), TypeError),
    Probe("take mode", lambda xp, x: xp.take(x, 9, mode="clip"), TypeError),
    Probe("reshape shape", lambda xp, x: xp.reshape(x, shape=(6,)), TypeError),
    Probe("einsum order", lambda xp, x: xp.einsum("ij->j", x, order="F"), TypeError),
    # Names that CuPy lacks.
    Probe("block", lambda xp, x: xp.block([[x, x]]), AttributeError),
    Probe("errstate", lambda xp, x: xp.errstate(all="ignore"), AttributeError),
    Probe("einsum_path", lambda xp, x: xp.einsum_path("ij->j", x), AttributeError),
    Probe("vecdot", lambda xp, x: xp.vecdot(x, x), AttributeError),
    Probe("setflags", lambda xp, x: x.setflags(write=True), AttributeError),
    Probe("writeable flag", lambda xp, x: x.flags.writeable, AttributeError),
    Probe("ctypes", lambda xp, x: x.ctypes, AttributeError),
    Probe("maximum.reduce", lambda xp, x: xp.maximum.reduce(x), NotImplementedError),
    Probe("multiply.at", lambda xp, x: xp.multiply.at(x, 0, 2.0), NotImplementedError),
    Probe("Generator.normal", lambda xp, x: xp.random.Generator.normal, AttributeError),
    Probe("Generator.permutation", lambda xp, x: xp.random.Generator.permutation, AttributeError),
    # The host waits, or uploads.
    Probe("float()", lambda xp, x: float(x.sum()), WAITS),
    Probe("int()", lambda xp, x: int(x.sum()), WAITS),
    Probe("if", lambda xp, x: bool((x > 0).any()), WAITS),
    Probe("max() of Python", lambda xp, x: max(x.sum(), 1.0), WAITS),
    Probe("in", lambda xp, x: 3.0 in x[0, :1], WAITS),
    Probe("item", lambda xp, x: x[0, 0].item(), WAITS),
    Probe("tolist", lambda xp, x: x.tolist(), WAITS),
    Probe("f-string", lambda xp, x: f"{x.sum():.3f}", WAITS),
    Probe("if allclose", lambda xp, x: bool(xp.allclose(x, x)), WAITS),
    Probe("boolean mask", lambda xp, x: x[x > 2], WAITS),
    Probe("assignment through a mask", lambda xp, x: put(x, x > 2, 0.0), WAITS),
    Probe("nonzero", lambda xp, x: xp.nonzero(x), WAITS),
    Probe("where of one argument", lambda xp, x: xp.where(x > 2), WAITS),
    Probe("unique", lambda xp, x: xp.unique(x), WAITS),
    Probe("list as an index", lambda xp, x: x[:, [0, 1]], WAITS),
    Probe("host array as an index", lambda xp, x: x[np.array([1, 0])], WAITS),
    Probe("list in take", lambda xp, x: xp.take(x, [0, 1], axis=1), WAITS),
    Probe("repeat by a list", lambda xp, x: xp.repeat(x, [1, 2], axis=0), WAITS),
    Probe(
        "sliding_window_view",
        lambda xp, x: xp.lib.stride_tricks.sliding_window_view(x, (1, 2)),
        WAITS,
    ),
    # What is left open.
    Probe("duplicate indices", lambda xp, x: put(x, xp.asarray([1, 1]), x * 2), OPEN),
    Probe("col2im by +=", lambda xp, x: accumulate(xp, windows(xp, x), 1.0), OPEN),
    Probe("nan to integer", lambda xp, x: (x / 0.0).astype("i4"), OPEN),
    Probe("negative to unsigned", lambda xp, x: (-x).astype("u1"), OPEN),
    Probe("empty", lambda xp, x: accumulate(xp, xp.empty((2, 3), "f4"), x), POISON),
    Probe("empty_like", lambda xp, x: accumulate(xp, xp.empty_like(x), x), POISON),
    Probe("empty integers", lambda xp, x: xp.empty((2, 3), "i4"), POISON),
]


def scatter_add(xp, x):
    """Rows of x added by index, one index twice."""
    sums = xp.zeros_like(x)
    xp.add.at(sums, xp.asarray([1, 1]), x)
    return sums


def gather(xp, x):
    """One element of each row, by device indices."""
    return x[xp.arange(2), xp.asarray([2, 0])]


def written_through(xp, x):
    """x after a write to a reshaped view of it."""
    x.reshape(3, 2)[1, :] = 7.0
    return x


def into_out(xp, x):
    """The array that was handed over as `out`."""
    out = xp.zeros_like(x)
    result = xp.multiply(x, 2.0, out=out)
    assert result is out
    return result


def one_hot(xp, x):
    """Rows of the identity for the places of the largest elements."""
    hot = xp.zeros((2, 3), "f4")
    hot[xp.arange(2), x.argmax(axis=1)] = 1.0
    return hot


CORRECT = [
    Probe("arithmetic with numbers", lambda xp, x: (2.0 * x - 1) / 3 + x**2),
    Probe("NumPy scalars promote", lambda xp, x: x * np.float64(2)),
    Probe("reflected NumPy scalar", lambda xp, x: np.float32(1) / (x + 1)),
    Probe("comparison", lambda xp, x: (x >= 2) & (x != 4)),
    Probe("sum to 0-d", lambda xp, x: x.sum()),
    Probe("mean over axes", lambda xp, x: x.mean(axis=(0, 1), keepdims=True)),
    Probe("functions", lambda xp, x: xp.tanh(xp.exp(-x)) + xp.sqrt(x)),
    Probe("NumPy's function dispatches", lambda xp, x: np.exp(x)),
    Probe("where", lambda xp, x: xp.where(x > 2, x, 0.0)),
    Probe("clip", lambda xp, x: xp.clip(x, 1.0, 3.0)),
    Probe("matmul", lambda xp, x: x @ x.T),
    Probe("einsum", lambda xp, x: xp.einsum("ij,kj->ik", x, x, optimize=True)),
    Probe("transpose and reshape", lambda xp, x: x.transpose(1, 0).reshape(-1)),
    Probe("slices", lambda xp, x: x[::-1, None, 1:]),
    Probe("element view", lambda xp, x: x[1, 2]),
    Probe("windows", windows),
    Probe("pad", lambda xp, x: xp.pad(x, ((0, 0), (1, 2)))),
    Probe("join", lambda xp, x: xp.concatenate([x, xp.stack([x[0], x[1]])], axis=1)),
    Probe("broadcast", lambda xp, x: xp.broadcast_to(x, (2, 2, 3))),
    Probe("cumsum", lambda xp, x: xp.cumsum(x, axis=1)),
    Probe("argmax", lambda xp, x: x.argmax(axis=1)),
    Probe("take_along_axis", lambda xp, x: xp.take_along_axis(x, xp.argsort(-x, axis=1), axis=1)),
    Probe("astype", lambda xp, x: x.astype("i4")),
    Probe("scatter_add", scatter_add),
    Probe("gather", gather),
    Probe("written through a view", written_through),
    Probe("out", into_out),
    Probe("one hot", one_hot),
    Probe("contiguous is itself", lambda xp, x: x if xp.ascontiguousarray(x) is x else None),
    Probe("split", lambda xp, x: xp.split(x, 3, axis=1)[2]),
    Probe("zeros, then in place", lambda xp, x: accumulate(xp, xp.zeros((2, 3), "f4"), x)),
]
