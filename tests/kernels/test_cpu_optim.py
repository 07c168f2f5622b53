"""The steps of optimisers in one sweep are those of their rules, bit by bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.optim import SGD, Adam, AdamW

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_optim

SHAPES = ((3, 2), (4,), (), (2, 0), (130, 300), (1,))  # the fifth is cut into blocks

RULES = {
    "sgd": (SGD, st.just({})),
    "momentum": (
        SGD,
        st.fixed_dictionaries({"momentum": st.just(0.9), "dampening": st.sampled_from([0.0, 0.5])}),
    ),
    "nesterov": (SGD, st.just({"momentum": 0.9, "nesterov": True})),
    "adam": (Adam, st.fixed_dictionaries({"betas": st.sampled_from([(0.9, 0.999), (0.0, 0.5)])})),
    "adamw": (AdamW, st.just({})),
}
NAMES = {SGD: "sgd_step", Adam: "adam_step", AdamW: "adam_step"}


def trained(cls, settings, dtype, seed, steps=4):
    """Parameters, and the arrays of their states, after some steps."""
    rng = np.random.default_rng(seed)
    params = [tg.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in SHAPES]
    optimizer = cls(params, **settings)
    for t in range(steps):
        for i, p in enumerate(params):
            p.grad = (
                None if (i, t) == (1, 0) else tg.tensor(rng.standard_normal(p.shape).astype(dtype))
            )
        optimizer.step()
    state = [optimizer.state[p] for p in params]
    arrays = [v.raw for s in state for v in s.values() if isinstance(v, tg.Tensor)]
    return [p.raw for p in params], arrays, [s.get("step") for s in state]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
@given(data=st.data())
def test_a_sweep_is_the_rule(rule, dtype, data):
    cls, options = RULES[rule]
    settings = {
        "lr": 0.1,
        "weight_decay": data.draw(st.sampled_from([0.0, 0.1])),
        "maximize": data.draw(st.booleans()),
        **data.draw(options),
    }
    seed = data.draw(st.integers(0, 99))
    before = calls(NAMES[cls])
    fast = trained(cls, settings, dtype, seed)
    assert calls(NAMES[cls]) > before
    with kernels.use("reference"):
        slow = trained(cls, settings, dtype, seed)
    assert fast[2] == slow[2]
    for a, b in zip(fast[0] + fast[1], slow[0] + slow[1], strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


def calls(name):
    served = kernels.report().get(name)
    return served.calls if served else 0


def step(params, **settings):
    """Whether a kernel did an SGD step with gradients of ones."""
    for p in params:
        p.grad = tg.ones_like(p)
    before = calls("sgd_step")
    SGD(params, lr=0.5, **settings).step()
    return calls("sgd_step") > before


def leaf(x):
    return tg.Tensor(x, requires_grad=True)


def test_what_is_not_covered_is_left_to_the_rule():
    whole = np.zeros((4, 4), "f4")
    for arrays in (
        [whole[:, ::2].copy(), whole.astype("f2")],
        [whole[:, ::2]],
        [whole, np.zeros(3)],
        [whole[1:], whole[:2]],
    ):
        params = [leaf(a) for a in arrays]
        assert not step(params)
    assert whole[:, 0].tolist() == [-1.5, -2.0, -1.5, -1.5]
    assert step([leaf(np.zeros((4, 4), "f4")), leaf(np.zeros(0, "f4"))])


def test_parts_of_one_array_are_parameters_like_others():
    flat = np.zeros(10, "f4")
    assert step([leaf(flat[5:]), leaf(flat[:5])])
    assert flat.tolist() == [-0.5] * 10


def test_a_read_only_parameter_is_the_rule_s_error():
    x = np.zeros(3, "f4")
    x.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        step([leaf(x)])


def test_a_graph_notices_that_its_numbers_were_changed():
    x = leaf(np.ones(3, "f4"))
    z = (x * x).sum()
    assert step([x])
    with pytest.raises(RuntimeError, match="modified by an in-place operation"):
        z.backward()


def test_a_rule_written_anew_is_not_swept():
    class Still(SGD):
        def update(self, p, g, state, group):
            pass

    p = leaf(np.ones(3, "f4"))
    p.grad = tg.ones_like(p)
    Still([p], lr=1.0).step()
    assert p.tolist() == [1.0] * 3


def test_gradients_in_another_layout_are_not_covered():
    p, g = np.zeros((4, 3), "f4"), np.zeros((3, 4), "f4").T
    assert cpu_optim.table_of([(p, g)]) is None
    assert cpu_optim.table_of([(p, g.copy(order="C"))]) is not None


def test_a_table_serves_the_arrays_it_was_made_for():
    p, q, buffer, g = (np.ones(5, "f4") for _ in range(4))
    table = cpu_optim.table_of([(p, buffer, g)])
    assert cpu_optim.table_of([(p, buffer, g + 1)]) is table
    assert cpu_optim.table_of([(p, buffer.copy(), g)]) is not table
    table = cpu_optim.table_of([(p, buffer, g)])
    assert cpu_optim.table_of([(p, buffer, g), (q, q.copy(), g)]) is not table
    assert cpu_optim.table_of([(p, g)]) is not table
    assert cpu_optim.table_of([(p, buffer, g[1:])]) is None
    table = cpu_optim.table_of([(p, buffer, g)])
    buffer.flags.writeable = False
    assert cpu_optim.table_of([(p, buffer, g)]) is None


def test_tables_go_with_their_parameters():
    p = np.ones(5, "f4")
    cpu_optim.table_of([(p, np.ones(5, "f4"))])
    key = id(p)
    assert key in cpu_optim.LAST
    del p
    assert key not in cpu_optim.LAST
