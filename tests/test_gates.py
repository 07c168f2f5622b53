"""Every gate, held against its row in `domains.py`: values, gradients of three orders, manners."""

import math
from types import ModuleType

import numpy as np
import pytest
from domains import ROWS
from drawing import TIES, Case, elementwise, one_of, pooling, reduced
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, slope

import tinygrad_cnn as tg
from tinygrad_cnn import kernels, ops
from tinygrad_cnn.autograd import grad

FUNCTIONS = {
    made.gate.name: made
    for module in vars(ops).values()
    if isinstance(module, ModuleType)
    for made in vars(module).values()
    if hasattr(made, "gate")
}
NAMES = sorted(FUNCTIONS.keys() & ROWS.keys())
SMOOTH = [name for name in NAMES if FUNCTIONS[name].gate.kind != "flat"]
SCALAR = [name for name in NAMES if ROWS[name].scalar]

ROUNDING = 1e-12  # of float64, for a few dozen operations on numbers near 1
DIFFERENCES = 1e-8  # of five-point differences, for functions whose fifth derivatives are near 100


def each(names):
    """A test for each of these gates, with cases drawn from the gate's row."""

    def decorate(test):
        @pytest.mark.parametrize("name", names)
        @given(data=st.data())
        def wrapped(name, data):
            test(name, data.draw(ROWS[name].cases))

        wrapped.__name__ = test.__name__
        return wrapped

    return decorate


def own_records():
    """The records of the library's gates; tests define gates of their own."""
    return [g for g in kernels.GATES if g.body.__module__.startswith("tinygrad_cnn.")]


def test_every_gate_has_a_row_and_every_row_a_gate():
    names = [record.name for record in own_records()]
    assert sorted(names) == sorted(ROWS)
    assert sorted(names) == sorted(FUNCTIONS)


# --- gates as functions of what can be differentiated ---------------------------------------------


def outputs(name: str, inputs, settings: dict) -> list:
    """What the gate returns, as a list."""
    gate = FUNCTIONS[name]
    z = gate(inputs, **settings) if gate.gate.many else gate(*inputs, **settings)
    return [e for e in z if e is not None] if isinstance(z, tuple) else [z]


def free(name: str, case: Case) -> list[int]:
    """The places of the inputs that can be differentiated."""
    record = FUNCTIONS[name].gate
    names = record.inputs * len(case.inputs) if record.many else record.inputs
    ruled = [n in record.rules or "all" in record.rules for n in names]
    return [
        i
        for i, (n, x) in enumerate(zip(names, case.inputs, strict=True))
        if x is not None
        and x.dtype.kind == "f"
        and n not in ROWS[name].fixed
        and (ruled[i] or record.kind == "composite")
    ]


@each(SMOOTH)
def test_only_indices_and_masks_go_without_a_rule(name, case):
    named = FUNCTIONS[name].gate.inputs
    for i, x in enumerate(case.inputs):
        fixed = named[min(i, len(named) - 1)] in ROWS[name].fixed
        assert i in free(name, case) or x is None or x.dtype.kind in "bi" or fixed


def host(raw) -> np.ndarray:
    return raw


class Probe:
    """A gate at a case, as a function of points: its free inputs, then one weight per output.

    place: from a NumPy array to the array of a backend; back: the way back.
    """

    def __init__(self, name: str, case: Case, place=host, back=host, dtype=np.float64) -> None:
        self.name, self.place, self.back = name, place, back
        cast = [x.astype(dtype) if kind(x) == "f" else x for x in case.inputs]
        self.inputs = [x if x is None else place(x) for x in cast]
        self.settings = {n: elsewhere(value, place) for n, value in case.settings.items()}
        self.free = free(name, case)
        rng = np.random.default_rng(0)
        shapes = [np.shape(z) for z in outputs(name, cast, case.settings)]
        weights = [rng.uniform(-1.0, 1.0, shape).astype(dtype) for shape in shapes]
        self.points = [cast[i] for i in self.free] + weights
        self.directions = [
            [rng.uniform(-1.0, 1.0, p.shape).astype(dtype) for p in self.points] for _ in range(3)
        ]

    def leaves(self, arrays: list) -> list[tg.Tensor]:
        """Points as leaves of a graph."""
        return [tg.Tensor(self.place(a), requires_grad=True) for a in arrays]

    def outputs(self, leaves: list) -> list[tg.Tensor]:
        """What the gate makes of free inputs and the constants beside them."""
        inputs = [x if x is None else tg.Tensor(x) for x in self.inputs]
        for i, leaf in zip(self.free, leaves, strict=False):
            inputs[i] = leaf
        return outputs(self.name, inputs, self.settings)

    def total(self, *leaves: tg.Tensor) -> tg.Tensor:
        """Everything the gate returns, times the weights, added up."""
        made = self.outputs(leaves)
        return added(z * w for z, w in zip(made, leaves[len(self.free) :], strict=True))

    def derived(self, order: int):
        """`total`, differentiated `order` times, each time along another direction."""
        function = self.total
        for directions in self.directions[:order]:
            function = along(function, [tg.Tensor(self.place(d)) for d in directions])
        return function

    def gradients(self, order: int) -> list[np.ndarray]:
        """The gradients of a derivative at the points; zeros where there is none."""
        return self.gradients_of(self.leaves(self.points), order)

    def gradients_of(self, leaves: list, order: int, create_graph: bool = False) -> list:
        """The gradients of a derivative at these leaves."""
        found = grad(self.derived(order)(*leaves), leaves, create_graph=create_graph)
        pairs = zip(found, self.points, strict=True)
        return [np.zeros(p.shape, p.dtype) if g is None else self.back(g.raw) for g, p in pairs]


def kind(x) -> str | None:
    return None if x is None else x.dtype.kind


def elsewhere(value, place):
    """A setting beside a backend's arrays: arrays in keys move along, the device has its name."""
    if isinstance(value, tuple):
        return tuple(elsewhere(v, place) for v in value)
    if isinstance(value, np.ndarray):
        return place(value)
    return "double" if value == "cpu" and place is not host else value


def added(terms) -> tg.Tensor:
    """The sum of all elements of all terms."""
    total = 0.0
    for term in terms:
        total = tg.sum(term) + total
    return total


def along(function, directions: list):
    """The derivative of a function along directions, itself a function on the graph."""

    def derivative(*leaves):
        found = grad(function(*leaves), leaves, create_graph=True)
        pairs = zip(found, directions, strict=True)
        # a sum that holds each leaf, so that it is on the graph whatever the derivative is
        return added([g * d for g, d in pairs if g is not None] + [leaf * 0.0 for leaf in leaves])

    return derivative


def dot(xs: list, ys: list) -> float:
    return math.fsum(float((x * y).sum()) for x, y in zip(xs, ys, strict=True))


def single(case: Case) -> Case:
    """The first element of every input, as 0-d arrays."""
    return Case(tuple(x.ravel()[0].reshape(()) for x in case.inputs), case.settings)


# --- values ---------------------------------------------------------------------------------------


@each(NAMES)
def test_values(name, case):
    with np.errstate(all="ignore"):
        want = ROWS[name].truth(*case.inputs, **case.settings)
    want = list(want) if isinstance(want, tuple) else [want]
    made = outputs(name, [x if x is None else tg.Tensor(x) for x in case.inputs], case.settings)
    for z, expected in zip(made, want, strict=True):
        assert type(z.raw) is np.ndarray
        agree("truth", z.raw, np.asarray(expected), ROUNDING)
    for z, raw in zip(made, outputs(name, case.inputs, case.settings), strict=True):
        agree("raw arrays", np.asarray(raw), z.raw, 0.0)


# --- gradients ------------------------------------------------------------------------------------


def check_differences(probe: Probe, order: int) -> None:
    """The gradients of the derivative of order - 1, against its central differences.

    Where the gate itself has no finite value (a mean of nothing) there is nothing to compare.
    """
    derivative = probe.derived(order - 1)

    def function(*arrays: np.ndarray) -> float:
        return derivative(*probe.leaves(arrays)).item()

    if not all(np.isfinite(z.raw).all() for z in probe.outputs(probe.leaves(probe.points))):
        return
    exact = dot(probe.gradients(order - 1), probe.directions[order - 1])
    numeric = slope(function, probe.points, probe.directions[order - 1])
    agree(f"differences, order {order}", np.asarray(exact), np.asarray(numeric), DIFFERENCES)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_gradients_are_central_differences(name, order, data):
    case = data.draw(ROWS[name].cases)
    check_differences(Probe(name, case), order)
    if ROWS[name].scalar and all(x.size for x in case.inputs):
        check_differences(Probe(name, single(case)), order)


@each(SMOOTH)
def test_rules_say_the_same_on_arrays_and_on_tensors(name, case):
    probe = Probe(name, case)
    leaves = probe.leaves(probe.points)
    raw = probe.gradients_of(leaves, 0)
    lifted = probe.gradients_of(leaves, 0, create_graph=True)
    for a, b in zip(raw, lifted, strict=True):
        agree("raw and lifted rules", a, b, ROUNDING)


@each(SMOOTH)
def test_an_input_alone_gets_the_gradient_it_gets_in_company(name, case):
    """What a node keeps, and which rules run, depends on which inputs want a gradient."""
    probe = Probe(name, case)
    together = probe.gradients(0)
    for i in range(len(probe.free)):
        leaves = [tg.Tensor(p) for p in probe.points]
        leaves[i].requires_grad_()
        total = probe.total(*leaves)
        if total.requires_grad:
            (alone,) = grad(total, [leaves[i]])
            agree("one input alone", alone.raw, together[i], ROUNDING)
        else:
            assert not together[i].any()


# --- scalar mode ----------------------------------------------------------------------------------


def numbers(x: np.ndarray, wrap) -> np.ndarray:
    """x with a Python object for each number."""
    made = np.empty(x.shape, object)
    for place in np.ndindex(*x.shape):
        made[place] = wrap(x[place].item())
    return made


def on_values(probe: Probe, arrays: list) -> tuple[list, list]:
    """The gate applied number by number: leaves as Values in arrays of objects, and results."""
    leaves = [numbers(a, tg.Value) for a in arrays]
    inputs = [numbers(x, lambda number: number) for x in probe.inputs]
    for i, leaf in zip(probe.free, leaves, strict=False):
        inputs[i] = leaf
    spread = np.broadcast_arrays(*inputs)
    results = np.empty(spread[0].shape, object)
    for place in np.ndindex(*results.shape):
        xs = [x[place] for x in spread]
        if not any(isinstance(x, tg.Value) for x in xs):
            xs[-1] = tg.Value(xs[-1])
        results[place] = FUNCTIONS[probe.name](*xs, **probe.settings)
    return leaves, results


def plain(x) -> float | bool:
    """The number of a Value."""
    return x.data if isinstance(x, tg.Value) else x


@each(SCALAR)
def test_scalar_mode_is_tensor_mode(name, case):
    check_scalar_mode(name, case)


def check_scalar_mode(name: str, case: Case) -> None:
    """Values and gradients of two orders, number by number, against those of arrays."""
    probe = Probe(name, case)
    leaves, results = on_values(probe, probe.points)
    (z,) = outputs(name, [tg.Tensor(x) for x in case.inputs], case.settings)
    found = np.array([plain(v) for v in results.ravel()], z.dtype).reshape(z.shape)
    agree("scalar mode", found, z.raw, ROUNDING)
    if name not in SMOOTH or not found.size:
        return
    flat = [v for leaf in leaves for v in leaf.ravel()]
    total = tg.Value(0.0)
    for v, w in zip(results.ravel(), leaves[-1].ravel(), strict=True):
        total = total + v * w
    slopes = grad(total, flat, create_graph=True)
    check_scalar_gradients(slopes, probe.gradients(0))
    directions = np.concatenate([d.ravel() for d in probe.directions[0]])
    second = tg.Value(0.0)
    for v, g, d in zip(flat, slopes, directions, strict=True):
        second = second + v * 0.0 + (g * float(d) if g is not None else 0.0)
    check_scalar_gradients(grad(second, flat), probe.gradients(1))


def check_scalar_gradients(found: list, want: list[np.ndarray]) -> None:
    """Gradients of Values against those of tensors."""
    got = np.array([0.0 if g is None else plain(g) for g in found])
    agree("scalar mode", got, np.concatenate([w.ravel() for w in want]), 10 * ROUNDING)


# --- dtypes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data(), dtype=st.sampled_from([np.float32, np.float16]))
def test_no_number_gets_wider(name, data, dtype):
    case = data.draw(ROWS[name].cases)
    if "dtype" in case.settings:
        case.settings["dtype"] = np.dtype(dtype)
    probe = Probe(name, case, dtype=dtype)
    leaves = probe.leaves(probe.points)
    for z in probe.outputs(leaves):
        assert z.dtype == dtype
    for order in (0, 1):
        for create_graph in (False, True):
            for g in probe.gradients_of(leaves, order, create_graph):
                assert g.dtype == dtype


def test_whole_numbers_leave_the_graph():
    """A tensor that cannot have a gradient must not round the gradients of others."""
    x = tg.tensor([1.75, 2.25], requires_grad=True)
    for whole in (x.long(), x.int(), x.bool(), x.to(tg.uint8)):
        assert not whole.requires_grad
    (x.long() * x).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


# --- manners --------------------------------------------------------------------------------------


@each(SMOOTH)
def test_nothing_is_written_and_nothing_is_shared(name, case):
    probe = Probe(name, case)
    leaves = probe.leaves(probe.points)
    made = probe.outputs(leaves)
    inputs = [x for x in probe.inputs if x is not None] + probe.points[: len(probe.free)]
    if not ROWS[name].view:
        for z in made:
            assert not any(np.shares_memory(z.raw, x) for x in inputs)
            assert z.raw.flags.writeable
    held = [*inputs, *probe.points, *(z.raw for z in made)]
    before = [x.tobytes() for x in held]
    weights = leaves[len(probe.free) :]
    total = added(z * w for z, w in zip(made, weights, strict=True))
    total.backward(retain_graph=True)
    total.backward(create_graph=True)
    assert [x.tobytes() for x in held] == before


@each(SMOOTH)
def test_leaves_own_their_gradients(name, case):
    probe = Probe(name, case)
    leaves = probe.leaves(probe.points)
    seeds = [np.ones(z.shape) for z in probe.outputs(leaves)]
    made = probe.outputs(leaves)
    tg.autograd.backward(made, [tg.Tensor(seed) for seed in seeds])
    gradients = [leaf.grad.raw for leaf in leaves if leaf.grad is not None]
    others = [*probe.inputs, *probe.points, *seeds, *(z.raw for z in made)]
    for i, g in enumerate(gradients):
        assert g.flags.owndata
        assert g.flags.writeable
        for other in (*gradients[:i], *others):
            assert other is None or not np.shares_memory(g, other)


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers, read-only, with other strides."""
    if layout == "Fortran":
        made = np.array(x, order="F")
    else:
        step = -1 if layout == "reversed" else 2
        room = np.zeros([abs(step) * n for n in x.shape], x.dtype)
        made = room[(..., *[slice(None, None, step)] * x.ndim)]
        made[...] = x
    made.flags.writeable = False
    return made


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), layout=st.sampled_from(["Fortran", "reversed", "every second"]))
def test_strides_and_read_only_memory_do_not_matter(name, data, layout):
    case = data.draw(ROWS[name].cases)
    inputs = tuple(x if x is None else laid_out(x, layout) for x in case.inputs)
    strange = Case(inputs, case.settings)
    for a, b in zip(
        outputs(name, inputs, case.settings), outputs(name, case.inputs, case.settings), strict=True
    ):
        agree("layouts", np.asarray(a), np.asarray(b), ROUNDING)
    if name in SMOOTH:
        one, other = Probe(name, strange), Probe(name, case)
        leaves = [tg.Tensor(laid_out(p, layout), requires_grad=True) for p in one.points]
        for a, b in zip(one.gradients_of(leaves, 0), other.gradients(0), strict=True):
            agree("layouts", a, b, ROUNDING)


# --- kernels and backends -------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # bodies alone do not silence NumPy
@each(NAMES)
def test_kernels_compute_what_the_bodies_compute(name, case):
    fast = computed(Probe(name, case))
    with kernels.use("reference"):
        slow = computed(Probe(name, case))
    for a, b in zip(fast, slow, strict=True):
        agree("reference bodies", a, b, ROUNDING)


def computed(probe: Probe) -> list[np.ndarray]:
    """Values, and gradients of two orders where there are gradients."""
    made = [probe.back(z.raw) for z in probe.outputs(probe.leaves(probe.points))]
    if probe.name in SMOOTH:
        made += probe.gradients(0) + probe.gradients(1)
    return made


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_the_device_double_computes_the_same(name, double, data):
    case = data.draw(ROWS[name].cases)
    probe = Probe(name, case, double.asarray, double.asnumpy)
    leaves = probe.leaves(probe.points)
    with double.counting_syncs() as seen:
        made = probe.outputs(leaves)
        if name in SMOOTH:
            grad(probe.total(*leaves), leaves, create_graph=True)
    assert seen == [] or ROWS[name].waits
    assert all(type(z.raw) is double.DArray for z in made)
    for a, b in zip(computed(probe), computed(Probe(name, case)), strict=True):
        agree("device double", a, b, ROUNDING)


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is an extra oracle: install torch")


@pytest.mark.filterwarnings("ignore:var")  # PyTorch warns of variances of one number
@pytest.mark.parametrize("name", [name for name in NAMES if ROWS[name].torch])
@given(data=st.data())
def test_pytorch_computes_the_same(name, torch, data):
    check_against_torch(name, data.draw(ROWS[name].cases), torch)


def check_against_torch(name: str, case: Case, torch: ModuleType) -> None:
    """Values and first gradients."""
    probe = Probe(name, case)
    same = getattr(torch, name, None)
    function = ROWS[name].torch
    if function is True:
        function = lambda torch, *xs, **settings: same(*xs, **settings)
    inputs = [x if x is None else torch.tensor(x) for x in case.inputs]
    for i in probe.free:
        inputs[i].requires_grad_()
    z = function(torch, *inputs, **case.settings)
    (mine,) = outputs(name, [x if x is None else tg.Tensor(x) for x in case.inputs], case.settings)
    agree("PyTorch", mine.raw, z.detach().numpy(), ROUNDING)
    if name in SMOOTH:
        (z * torch.tensor(probe.points[-1])).sum().backward()
        for i, g in zip(probe.free, probe.gradients(0), strict=False):
            expected = inputs[i].grad
            expected = np.zeros(g.shape) if expected is None else expected.numpy()
            agree("PyTorch", g, expected, ROUNDING)


# --- ties and kinks -------------------------------------------------------------------------------

# Inputs at which the gates below have no derivative, and one is chosen: the same as PyTorch's.
TIED = {
    "abs": elementwise(TIES),
    "relu": elementwise(TIES),
    "leaky_relu": elementwise(TIES, negative_slope=st.just(0.25)),
    "elu": elementwise(TIES, alpha=st.just(0.5)),
    "clamp": elementwise(TIES, min=st.sampled_from([-1.0, 0.0]), max=st.sampled_from([0.0, 1.0])),
    "maximum": elementwise(TIES, TIES),
    "minimum": elementwise(TIES, TIES),
    "pow": elementwise(one_of(0.0, 0.5, 1.0, 2.0), one_of(0.0, 0.5, 1.0, 2.0, -1.0)),
    "div": elementwise(TIES, one_of(-0.0, 0.0, 1.0)),
    "log": elementwise(one_of(0.0, 1.0)),
    "sqrt": elementwise(one_of(0.0, 1.0)),
    "norm": reduced(one_of(0.0, 1.0), least=1, keepdim=st.booleans()),
    "amax": reduced(TIES, least=1, keepdim=st.booleans()),
    "amin": reduced(TIES, least=1, keepdim=st.booleans()),
    "max_pool": pooling(TIES),
}


@pytest.mark.parametrize("name", TIED)
@given(data=st.data())
def test_pytorch_chooses_the_same_at_ties_and_kinks(name, torch, data):
    check_against_torch(name, data.draw(TIED[name]), torch)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # sums of infinite slopes
@pytest.mark.parametrize("name", [name for name in TIED if ROWS[name].scalar])
@given(data=st.data())
def test_scalar_mode_chooses_the_same_at_ties_and_kinks(name, data):
    check_scalar_mode(name, data.draw(TIED[name]))


@pytest.mark.parametrize(
    ("function", "x", "want"),
    [
        (tg.relu, [0.0], [0.0]),
        (tg.abs, [0.0, -0.0], [0.0, 0.0]),
        (tg.sqrt, [0.0], [math.inf]),
        (tg.norm, [0.0, 0.0], [0.0, 0.0]),
        (lambda x: tg.maximum(x, x.detach()), [3.0], [0.5]),
        (lambda x: tg.minimum(x.detach(), x), [3.0], [0.5]),
        (lambda x: tg.maximum(x, x), [3.0], [1.0]),
        (tg.amax, [2.0, 1.0, 2.0, 2.0], [1 / 3, 0.0, 1 / 3, 1 / 3]),
        (tg.amin, [1.0, 1.0, 2.0], [0.5, 0.5, 0.0]),
        (tg.max, [1.0, 2.0, 2.0], [0.0, 0.5, 0.5]),
        (tg.min, [1.0, 1.0], [0.5, 0.5]),
        (lambda x: tg.max(x, 0)[0], [1.0, 2.0, 2.0], [0.0, 1.0, 0.0]),
        (lambda x: tg.min(x, 0)[0], [1.0, 1.0], [1.0, 0.0]),
        (lambda x: tg.clamp(x, 0.0, 1.0), [0.0, 1.0, 2.0, -1.0], [1.0, 1.0, 0.0, 0.0]),
        (lambda x: x**0, [0.0, 2.0], [0.0, 0.0]),
        (lambda x: x**1, [0.0, -2.0], [1.0, 1.0]),
        (lambda x: x**2, [0.0, -2.0], [0.0, -4.0]),
        (tg.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (tg.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    ],
)
def test_ties_and_kinks(function, x, want):
    leaf = tg.tensor(x, requires_grad=True)
    tg.sum(function(leaf)).backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), np.array(want, np.float32))


def test_a_window_of_equal_numbers_gives_all_to_the_first():
    x = tg.tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    settings = {"window": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    FUNCTIONS["max_pool"](x, out=(1, 1), **settings).sum().backward()
    assert x.grad.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]


def test_what_is_taken_over_nothing():
    nothing = tg.zeros(2, 0, requires_grad=True)
    assert nothing.sum(1).tolist() == [0.0, 0.0]
    assert nothing.prod(1).tolist() == [1.0, 1.0]
    assert np.isnan(nothing.mean(1).detach().numpy()).all()
    assert nothing.logsumexp(1).tolist() == [-math.inf, -math.inf]
    assert nothing.softmax(1).shape == (2, 0)
    assert nothing.log_softmax(1).shape == (2, 0)
    assert (nothing.any(1).tolist(), nothing.all(1).tolist()) == ([False] * 2, [True] * 2)
    for reduce in (tg.amax, tg.amin, tg.argmax, tg.argmin):
        with pytest.raises((ValueError, IndexError)):
            reduce(nothing, 1)
    total = nothing.sum() + nothing.logsumexp(0).sum() + nothing.softmax(1).sum()
    total.backward()
    assert nothing.grad.shape == (2, 0)
