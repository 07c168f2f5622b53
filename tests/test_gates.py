"""Every gate, held against its row in `domains.py`: values, gradients of three orders, manners."""

import checks
import numpy as np
import pytest
from domains import ROWS
from drawing import Case
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host
from probes import (
    FUNCTIONS,
    NAMES,
    ROUNDING,
    SCALAR,
    SMOOTH,
    Probe,
    check_against_torch,
    check_scalar_mode,
    each,
    free,
    outputs,
    own_records,
)

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.autograd import grad


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
    checks.values(name, case)


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_gradients_are_central_differences(name, order, data):
    checks.differences(name, data.draw(ROWS[name].cases), order)


@each(SMOOTH)
def test_rules_say_the_same_on_arrays_and_on_tensors(name, case):
    checks.raw_and_lifted(name, case)


@each(SMOOTH)
def test_an_input_alone_gets_the_gradient_it_gets_in_company(name, case):
    checks.alone_and_in_company(name, case)


# --- scalar mode ----------------------------------------------------------------------------------


@pytest.mark.host("scalar mode")
@each(SCALAR)
def test_scalar_mode_is_tensor_mode(name, case):
    check_scalar_mode(name, case)


# --- dtypes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data(), dtype=st.sampled_from([np.float32, np.float16]))
def test_no_number_gets_wider(name, data, dtype):
    checks.widths(name, data.draw(ROWS[name].cases), dtype)


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
    checks.manners(name, case)


@each(SMOOTH)
def test_leaves_own_their_gradients(name, case):
    checks.ownership(name, case)


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


@pytest.mark.host("layouts are chosen in the host's memory")
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
    made = [host(z) for z in probe.outputs(probe.leaves(probe.points))]
    if probe.name in SMOOTH:
        made += probe.gradients(0) + probe.gradients(1)
    return made


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_the_device_double_computes_the_same(name, double, data):
    case = data.draw(ROWS[name].cases)
    probe = Probe(name, case, double.asarray)
    leaves = probe.leaves(probe.points)
    with double.counting_syncs() as seen:
        made = probe.outputs(leaves)
        if name in SMOOTH:
            grad(probe.total(*leaves), leaves, create_graph=True)
    assert seen == [] or ROWS[name].waits
    assert all(type(z.raw) is double.DArray for z in made)
    with tg.device("cpu"):
        want = computed(Probe(name, case))
    for a, b in zip(computed(probe), want, strict=True):
        agree("device double", a, b, ROUNDING)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.filterwarnings("ignore:var")  # PyTorch warns of variances of one number
@pytest.mark.parametrize("name", [name for name in NAMES if ROWS[name].torch])
@given(data=st.data())
def test_pytorch_computes_the_same(name, torch, dtype, data):
    check_against_torch(name, data.draw(ROWS[name].cases), torch, dtype)
