"""Every gate, held against its row in `domains.py`: values, gradients of three orders, manners."""

import numpy as np
import pytest
from domains import ROWS
from drawing import Case
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, slope
from probes import (
    FUNCTIONS,
    NAMES,
    ROUNDING,
    SCALAR,
    SMOOTH,
    Probe,
    added,
    check_against_torch,
    check_scalar_mode,
    dot,
    each,
    free,
    outputs,
    own_records,
    single,
)

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.autograd import grad

DIFFERENCES = 1e-8  # of five-point differences, for functions whose fifth derivatives are near 100


def test_every_gate_has_a_row_and_every_row_a_gate():
    names = [record.name for record in own_records()]
    assert sorted(names) == sorted(ROWS)
    assert sorted(names) == sorted(FUNCTIONS)


@each(SMOOTH)
def test_only_indices_and_masks_go_without_a_rule(name, case):
    named = FUNCTIONS[name].gate.inputs
    for i, x in enumerate(case.inputs):
        fixed = named[min(i, len(named) - 1)] in ROWS[name].fixed
        assert i in free(name, case) or x is None or x.dtype.kind in "bi" or fixed


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


@each(SCALAR)
def test_scalar_mode_is_tensor_mode(name, case):
    check_scalar_mode(name, case)


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


@pytest.mark.filterwarnings("ignore:var")  # PyTorch warns of variances of one number
@pytest.mark.parametrize("name", [name for name in NAMES if ROWS[name].torch])
@given(data=st.data())
def test_pytorch_computes_the_same(name, torch, data):
    check_against_torch(name, data.draw(ROWS[name].cases), torch)
