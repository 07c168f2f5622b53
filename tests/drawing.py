"""How hypothesis draws what gates take: numbers from domains, shapes, settings, indices.

Numbers come from domains, functions of a random generator and a shape. Those of gates with kinks
keep 1/16 away from them; a central difference moves a number by 1/500 at most.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import oracles
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SIDE = 3  # sizes of axes are 0 to 3: enough to tell apart every order of axes


@dataclasses.dataclass(frozen=True)
class Case:
    """Inputs as NumPy arrays (None for one that is left out), and settings."""

    inputs: tuple
    settings: dict = dataclasses.field(default_factory=dict)


# --- domains --------------------------------------------------------------------------------------


def between(low: float, high: float) -> Callable:
    """Numbers of an interval."""
    return lambda rng, shape: rng.uniform(low, high, shape)


def lattice(parity: int, unit: float = 1 / 16) -> Callable:
    """Different multiples of `unit`, all even or all odd: an even and an odd one never tie."""

    def draw(rng, shape):
        size = math.prod(shape)
        steps = 2 * (rng.permutation(size) - size // 2) + parity
        return (steps * unit).reshape(shape)

    return draw


def either_sign(domain: Callable) -> Callable:
    """Numbers of a domain, some of them negated."""
    return lambda rng, shape: domain(rng, shape) * rng.choice([-1.0, 1.0], shape)


def one_of(*values: float) -> Callable:
    """Numbers from a list."""
    return lambda rng, shape: rng.choice(np.array(values), shape)


REAL = between(-2.0, 2.0)
UNIT = between(-0.8, 0.8)
POSITIVE = between(0.5, 2.5)
NONZERO = either_sign(POSITIVE)
EVEN, ODD = lattice(0), lattice(1)  # to be compared with each other
DIFFERENT = ODD  # to be compared among themselves, or with 0
SPREAD = lattice(1, 1 / 2)  # to be divided by how far they lie apart
TIES = one_of(-1.0, 0.0, 1.0)
POWERS = one_of(0.5, 1.0, 2.0, -0.5, -1.0, -2.0)  # no odd multiple of 1/16 is a multiple of these
WILD = one_of(np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -1.5, 2.5, 5e-324, 1e300)
MASK = one_of(False, True)


# --- shapes and settings --------------------------------------------------------------------------


def generators() -> st.SearchStrategy:
    """Random generators, from drawn seeds."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def shapes(least: int = 0, axes: int = 0) -> st.SearchStrategy:
    """Shapes of at least `axes` axes of at least `least` places."""
    return hnp.array_shapes(min_dims=axes, max_dims=3, min_side=least, max_side=SIDE)


def one_axis(ndim: int) -> st.SearchStrategy:
    """An axis, counted from the front or the end; a 0-d array counts as one of one axis."""
    return st.integers(-max(ndim, 1), max(ndim, 1) - 1)


@st.composite
def several_axes(draw, ndim: int) -> tuple[int, ...]:
    """One or more axes in any order, each counted from the front or the end."""
    axes = draw(st.lists(st.integers(0, ndim - 1), min_size=1, unique=True)) if ndim else []
    return tuple(axis - ndim * draw(st.booleans()) for axis in axes)


def some_axes(ndim: int) -> st.SearchStrategy:
    """None for all axes, one axis, or a tuple of several."""
    return st.one_of(st.none(), one_axis(ndim), several_axes(ndim))


# --- elementwise gates and reductions -------------------------------------------------------------


@st.composite
def elementwise(draw, *domains: Callable, **settings: st.SearchStrategy) -> Case:
    """Inputs whose shapes broadcast, from 0-d to three axes, with sizes of 0 and 1."""
    kinds = draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=len(domains), max_dims=3, min_side=0, max_side=SIDE
        )
    ).input_shapes
    rng = draw(generators())
    inputs = tuple(domain(rng, shape) for domain, shape in zip(domains, kinds, strict=True))
    return Case(inputs, draw(st.fixed_dictionaries(settings)))


@st.composite
def reduced(draw, domain: Callable, least: int = 0, dims: Callable = some_axes, **more) -> Case:
    """An array of at least `least` places on every axis, the axes to reduce, and more settings."""
    shape = draw(shapes(least))
    dim = draw(dims(len(shape)))
    x = domain(draw(generators()), shape)
    return Case((x,), {"dim": dim, **draw(st.fixed_dictionaries(more))})


@st.composite
def spread_out(draw, **more: st.SearchStrategy) -> Case:
    """For standard deviations: at least two different numbers in every sum."""
    shape = draw(shapes(2, 1))
    dim = draw(some_axes(len(shape)))
    x = SPREAD(draw(generators()), shape)
    return Case((x,), {"dim": dim, **draw(st.fixed_dictionaries(more))})


@st.composite
def gradient_of(draw, reduction: Callable, domain: Callable, dims: Callable = some_axes) -> Case:
    """What the gradient of a reduction takes: g and z without the reduced axes, x, and dim."""
    case = draw(reduced(domain, least=1, dims=dims))
    (x,) = case.inputs
    z = reduction(x, case.settings["dim"], draw(st.booleans()))
    return Case((REAL(draw(generators()), z.shape), z, x), case.settings)


@st.composite
def along_one(draw, *domains: Callable) -> Case:
    """Arrays of one shape and an axis, for softmax and its relatives."""
    shape = draw(shapes())
    rng = draw(generators())
    return Case(tuple(d(rng, shape) for d in domains), {"dim": draw(one_axis(len(shape)))})


# --- shapes and indices ---------------------------------------------------------------------------


@st.composite
def reshaped(draw) -> Case:
    """An array and another shape of as many places, one of them perhaps -1."""
    x = REAL(draw(generators()), draw(shapes()))
    target = list(draw(st.permutations([*x.shape, *draw(st.lists(st.just(1), max_size=2))])))
    if x.size and target and draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    return Case((x,), {"shape": tuple(target)})


@st.composite
def expanded(draw) -> Case:
    """An array and a shape that it broadcasts to, in which -1 may keep a size."""
    x = REAL(draw(generators()), draw(shapes()))
    other = draw(hnp.broadcastable_shapes(x.shape, max_dims=3, min_side=0, max_side=SIDE))
    target = list(np.broadcast_shapes(x.shape, other))
    for axis in range(1, x.ndim + 1):
        if target[-axis] == x.shape[-axis] and draw(st.booleans()):
            target[-axis] = -1
    return Case((x,), {"shape": tuple(target)})


@st.composite
def summed_to(draw) -> Case:
    """An array and a shape that broadcasts to its own."""
    shape = draw(shapes())
    other = draw(hnp.broadcastable_shapes(shape, max_dims=3, min_side=0, max_side=SIDE))
    x = REAL(draw(generators()), np.broadcast_shapes(shape, other))
    return Case((x,), {"shape": shape})


@st.composite
def permuted(draw) -> Case:
    """An array and an order of its axes."""
    x = REAL(draw(generators()), draw(shapes()))
    dims = draw(st.permutations(range(x.ndim)))
    return Case((x,), {"dims": tuple(d - x.ndim * draw(st.booleans()) for d in dims)})


@st.composite
def flipped(draw) -> Case:
    """An array and the axes to reverse."""
    x = REAL(draw(generators()), draw(shapes()))
    return Case((x,), {"dims": draw(st.one_of(one_axis(x.ndim), several_axes(x.ndim)))})


@st.composite
def joined(draw) -> Case:
    """One to four arrays that agree in all sizes but one."""
    shape = draw(shapes(0, 1))
    axis = draw(st.integers(0, len(shape) - 1))
    rng = draw(generators())
    sizes = draw(st.lists(st.integers(0, SIDE), min_size=1, max_size=4))
    xs = tuple(REAL(rng, (*shape[:axis], size, *shape[axis + 1 :])) for size in sizes)
    return Case(xs, {"dim": axis - len(shape) * draw(st.booleans())})


@st.composite
def framed(draw) -> Case:
    """An array and the widths of a border."""
    x = REAL(draw(generators()), draw(shapes()))
    pads = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in x.shape)
    return Case((x,), {"pads": pads, "value": draw(st.sampled_from([0.0, -1.5]))})


def keys(shape: tuple) -> st.SearchStrategy:
    """NumPy's kinds of key for an array of that shape; places may be named twice."""
    kinds = [hnp.basic_indices(shape, allow_newaxis=True), hnp.arrays(bool, shape)]
    if shape and 0 not in shape:
        kinds.append(hnp.integer_array_indices(shape, result_shape=shapes(), dtype=np.int64))
        rows = hnp.arrays(np.int64, shapes(0, 1), elements=st.integers(-1, shape[0] - 1))
        kinds += [rows, rows.map(lambda places: (places, Ellipsis, None))]
    return st.one_of(kinds)


@st.composite
def indexed(draw, back: bool = False) -> Case:
    """An array and a key; with `back` numbers for the places of the key, and the array's shape."""
    shape = draw(shapes())
    key = draw(keys(shape))
    rng = draw(generators())
    if back:
        return Case((REAL(rng, np.zeros(shape)[key].shape),), {"key": key, "shape": shape})
    return Case((REAL(rng, shape),), {"key": key})


@st.composite
def chosen(draw, back: bool = False) -> Case:
    """An array and indices along an axis; with `back` numbers for their places, and the shape."""
    shape = draw(shapes(1, 1))
    axis = draw(st.integers(0, len(shape) - 1))
    picked = (*shape[:axis], draw(st.integers(0, SIDE)), *shape[axis + 1 :])
    rng = draw(generators())
    indices = rng.integers(0, shape[axis], picked)
    dim = axis - len(shape) * draw(st.booleans())
    if back:
        return Case((REAL(rng, picked), indices), {"dim": dim, "shape": shape})
    return Case((REAL(rng, shape), indices), {"dim": dim})


# --- matrices -------------------------------------------------------------------------------------


@st.composite
def matrices(draw, vectors: bool = False) -> Case:
    """Two stacks of matrices to be multiplied; with `vectors` they may be vectors too."""
    inner, left, right = (draw(st.integers(0, SIDE)) for _ in range(3))
    stacks = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=1, min_side=0, max_side=2)
    first, second = draw(stacks).input_shapes
    a, b = (*first, left, inner), (*second, inner, right)
    if vectors:
        a = (inner,) if draw(st.booleans()) else a
        b = (inner,) if draw(st.booleans()) else b
    rng = draw(generators())
    return Case((REAL(rng, a), REAL(rng, b)))


@st.composite
def contracted(draw) -> Case:
    """One to three operands with letters for their axes, and the letters that remain."""
    sizes = {letter: draw(st.integers(0, SIDE)) for letter in "ijkl"}
    count = draw(st.integers(1, 3))
    terms = []
    for _ in range(count):
        letters = draw(st.permutations("ijkl"))
        terms.append("".join(letters[: draw(st.integers(0, 3))]))
    seen = draw(st.permutations(sorted(set("".join(terms)))))
    out = "".join(seen[: draw(st.integers(0, len(seen)))])
    rng = draw(generators())
    xs = tuple(REAL(rng, tuple(sizes[letter] for letter in term)) for term in terms)
    return Case(xs, {"terms": tuple(terms), "out": out})


# --- windows --------------------------------------------------------------------------------------


@st.composite
def convolution(draw, kind: str, ranks: tuple[int, ...] = (1, 2, 3)) -> Case:
    """What conv, conv_dx or conv_dw takes, for so many axes of space, batches of 0 to 2."""
    rank = draw(st.sampled_from(ranks))
    largest = 3 if rank < 3 else 2
    window, stride, padding, dilation = (
        tuple(draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank)))
        for low, high in ((1, largest), (1, 3), (0, 2), (1, 2))
    )
    space = tuple(
        max(1, d * (r - 1) + 1 - 2 * p) + draw(st.integers(0, 2))
        for r, p, d in zip(window, padding, dilation, strict=True)
    )
    n, groups = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    c, k = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    rng = draw(generators())
    x = REAL(rng, (n, c, *space))
    w = REAL(rng, (k, c // groups, *window))
    if kind == "conv":
        return Case((x, w, REAL(rng, (k,)) if draw(st.booleans()) else None), settings)
    u = REAL(rng, (n, k, *oracles.out_shape(space, window, stride, padding, dilation)))
    if kind == "conv_dx":
        return Case((u, w), {"space": space, **settings})
    return Case((u, x), {"window": window, **settings})


@st.composite
def pooling(
    draw,
    domain: Callable,
    back: bool = False,
    ranks: tuple[int, ...] = (1, 2, 3),
    square: bool = False,
) -> Case:
    """What pooling takes: windows that touch the space, the output's size rounded up or down.

    With `back` numbers for the windows, and the size of the space. square: one window, stride,
    padding and dilation for all axes.
    """
    axes = []
    for axis in range(draw(st.sampled_from(ranks))):
        if axis == 0 or not square:
            r, s, d = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
            p = draw(st.integers(0, r // 2))
        size = max(d, d * (r - 1) + 1 - 2 * p) + draw(st.integers(0, 2))
        room = size + 2 * p - d * (r - 1) - 1
        q = room // s + 1
        if draw(st.booleans()) and room % s and q * s < size + p:
            q += 1
        axes.append((size, r, s, p, d, q))
    space, *rest, out = zip(*axes, strict=True)
    settings = dict(zip(("window", "stride", "padding", "dilation"), rest, strict=True))
    n, c = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    rng = draw(generators())
    if back:
        return Case((domain(rng, (n, c, *out)),), {"space": space, **settings})
    return Case((domain(rng, (n, c, *space)),), {**settings, "out": out})


@st.composite
def places(draw, back: bool = False, ranks: tuple[int, ...] = (1, 2, 3)) -> Case:
    """An array and indices that count through its space; with `back` numbers for their places."""
    n, c = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    rank = draw(st.sampled_from(ranks))
    space, out = (draw(hnp.array_shapes(min_dims=rank, max_dims=rank, max_side=3)) for _ in "12")
    rng = draw(generators())
    indices = rng.integers(0, math.prod(space), (n, c, *out))
    if back:
        return Case((REAL(rng, (n, c, *out)), indices), {"space": space})
    return Case((REAL(rng, (n, c, *space)), indices))


# --- norms and losses -----------------------------------------------------------------------------


@st.composite
def normalised(draw) -> Case:
    """What batch norm takes: at least two different numbers per channel, no result near 0."""
    shape = draw(st.sampled_from([(3, 1), (2, 2), (4, 3), (1, 2, 3), (2, 1, 2), (2, 2, 2, 2)]))
    rng = draw(generators())
    x, weight, bias = SPREAD(rng, shape), NONZERO(rng, shape[1:2]), REAL(rng, shape[1:2])
    residual = REAL(rng, shape) if draw(st.booleans()) else None
    settings = {"eps": draw(st.sampled_from([0.01, 0.1])), "relu": draw(st.booleans())}
    if settings["relu"]:
        z = oracles.batch_norm(x, weight, bias, residual, settings["eps"], relu=False)
        away = np.where(np.abs(z) < 0.2, 0.5, 0.0)
        residual = away if residual is None else residual + away
    return Case((x, weight, bias, residual), settings)


@st.composite
def normalised_back(draw) -> Case:
    """What the gradient of batch norm takes."""
    case = draw(normalised())
    x, weight, _, _ = case.inputs
    rng = draw(generators())
    return Case(
        (REAL(rng, x.shape), DIFFERENT(rng, x.shape), x, weight), {"aux": None} | case.settings
    )


@st.composite
def classified(draw, back: bool = False) -> Case:
    """Numbers for each class and every sample's class; with `back` gradients before them."""
    n, classes = draw(st.integers(0, SIDE)), draw(st.integers(1, 4))
    rest = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2))
    rng = draw(generators())
    x, target = REAL(rng, (n, classes, *rest)), rng.integers(0, classes, (n, *rest))
    return Case((REAL(rng, (n, *rest)), x, target) if back else (x, target))


@st.composite
def targets(draw) -> Case:
    """Classes, to be written as ones among zeros."""
    classes = draw(st.integers(1, 4))
    target = draw(generators()).integers(0, classes, draw(shapes()))
    dtype = draw(st.sampled_from([np.dtype("float64"), np.dtype("float32"), np.dtype("int64")]))
    dim = draw(st.integers(0, target.ndim))
    return Case((target,), {"classes": classes, "dim": dim, "like": dtype})
