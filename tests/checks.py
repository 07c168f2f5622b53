"""What is asked of a gate at one case of its row; each check raises AssertionError or returns.

`test_gates.py` asks it of every gate, `test_mutations.py` of every gate with an error put into it.
"""

import contextlib
from unittest import mock

import numpy as np
from domains import ROWS
from drawing import Case
from oracles import agree, host, slope
from probes import ROUNDING, SMOOTH, Probe, added, dot, elsewhere, outputs, placed, single

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad
from tinygrad_cnn.tensor import TensorNode

DIFFERENCES = 1e-8  # of five-point differences, for functions whose fifth derivatives are near 100


# --- values ---------------------------------------------------------------------------------------


def values(name: str, case: Case) -> None:
    """What the gate computes is what its row says, on Tensors and on arrays."""
    with np.errstate(all="ignore"):
        want = ROWS[name].truth(*case.inputs, **case.settings)
    want = list(want) if isinstance(want, tuple) else [want]
    inputs = [x if x is None else placed(x) for x in case.inputs]
    settings = {n: elsewhere(value, placed) for n, value in case.settings.items()}
    made = outputs(name, [x if x is None else tg.Tensor(x) for x in inputs], settings)
    for z, expected in zip(made, want, strict=True):
        assert type(z.raw) is type(placed(np.zeros(1)))
        agree("truth", z.raw, np.asarray(expected), ROUNDING)
    for z, raw in zip(made, outputs(name, inputs, settings), strict=True):
        agree("raw arrays", raw, z.raw, 0.0)


# --- gradients ------------------------------------------------------------------------------------


def differences(name: str, case: Case, order: int) -> None:
    """The gradients of the derivative of order - 1 are its central differences."""
    against_differences(Probe(name, case), order)
    if ROWS[name].scalar and all(x.size for x in case.inputs):
        against_differences(Probe(name, single(case)), order)


def against_differences(probe: Probe, order: int) -> None:
    """One comparison with central differences.

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


def raw_and_lifted(name: str, case: Case) -> None:
    """Rules say the same on arrays and on tensors."""
    probe = Probe(name, case)
    leaves = probe.leaves(probe.points)
    raw = probe.gradients_of(leaves, 0)
    lifted = probe.gradients_of(leaves, 0, create_graph=True)
    for a, b in zip(raw, lifted, strict=True):
        agree("raw and lifted rules", a, b, ROUNDING)


def alone_and_in_company(name: str, case: Case) -> None:
    """What a node keeps, and which rules run, depends on which inputs want a gradient."""
    probe = Probe(name, case)
    together = probe.gradients(0)
    for i in range(len(probe.free)):
        leaves = [tg.Tensor(probe.place(p)) for p in probe.points]
        leaves[i].requires_grad_()
        total = probe.total(*leaves)
        if total.requires_grad:
            (alone,) = grad(total, [leaves[i]])
            agree("one input alone", alone.raw, together[i], ROUNDING)
        else:
            assert not together[i].any()


# --- dtypes ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def rules_keep_the_dtype():
    """Within: AssertionError where a gradient arrives in another dtype than its receiver's."""

    def fit(g, node):
        assert g.dtype == node.dtype, f"a rule made {g.dtype} of {node.dtype}"
        return real(g, node)

    real = TensorNode.fit
    with mock.patch.object(TensorNode, "fit", staticmethod(fit)):
        yield


def widths(name: str, case: Case, dtype: type = np.float32) -> None:
    """Neither the gate nor its rules make numbers wider."""
    if "dtype" in case.settings:
        case = Case(case.inputs, {**case.settings, "dtype": np.dtype(dtype)})
    probe = Probe(name, case, dtype=dtype)
    leaves = probe.leaves(probe.points)
    with rules_keep_the_dtype():
        for z in probe.outputs(leaves):
            assert z.dtype == dtype
        for order in (0, 1):
            for create_graph in (False, True):
                for g in probe.gradients_of(leaves, order, create_graph):
                    assert g.dtype == dtype


# --- manners --------------------------------------------------------------------------------------


def manners(name: str, case: Case) -> None:
    """Nothing is written, and nothing is shared that is not a view."""
    given = [x.tobytes() for x in case.inputs if x is not None]
    probe = Probe(name, case)
    leaves = probe.leaves(probe.points)
    inputs = [x for x in probe.inputs if x is not None]
    made = probe.outputs(leaves)
    assert [x.tobytes() for x in inputs] == given
    if not ROWS[name].view:
        for z in made:
            assert not any(np.shares_memory(z.raw, x) for x in inputs)
            assert writeable(z.raw)
    held = [*inputs, *(leaf.raw for leaf in leaves), *(z.raw for z in made)]
    before = [x.tobytes() for x in held]
    weights = leaves[len(probe.free) :]
    total = added(z * w for z, w in zip(made, weights, strict=True))
    total.backward(retain_graph=True)
    total.backward(create_graph=True)
    assert [x.tobytes() for x in held] == before


def writeable(raw) -> bool:
    """Whether an array may be written; a device does not forbid it."""
    return getattr(raw.flags, "writeable", True)


def ownership(name: str, case: Case) -> None:
    """Leaves own their gradients, and nobody writes into the gradient that came in."""
    probe = Probe(name, case)
    leaves = probe.leaves(probe.points)
    made = probe.outputs(leaves)
    seeds = [probe.place(w.copy()) for w in probe.points[len(probe.free) :]]
    tg.autograd.backward(made, [tg.Tensor(seed) for seed in seeds])
    for seed, w in zip(seeds, probe.points[len(probe.free) :], strict=True):
        assert np.array_equal(host(seed), w)
    gradients = [leaf.grad.raw for leaf in leaves if leaf.grad is not None]
    others = [*probe.inputs, *(leaf.raw for leaf in leaves), *seeds, *(z.raw for z in made)]
    for i, g in enumerate(gradients):
        assert g.flags.owndata
        assert writeable(g)
        for other in (*gradients[:i], *others):
            assert other is None or not np.shares_memory(g, other)


def everything(name: str, case: Case) -> None:
    """All of the above that a gate's row asks, cheapest first, each on inputs of its own."""
    values(name, copied(case))
    if name not in SMOOTH:
        return
    for check in (manners, ownership, widths, raw_and_lifted, alone_and_in_company):
        check(name, copied(case))
    for order in (1, 2):
        differences(name, copied(case), order)


def copied(case: Case) -> Case:
    """The same case in other memory."""
    return Case(tuple(x if x is None else x.copy() for x in case.inputs), case.settings)
