"""The first nan or inf, forward and backward: found, named, and nothing else accused."""

import gc
import inspect
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import graph
from tinygrad_cnn.autograd import Function, detect_anomaly, grad
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.utils.checkpoint import checkpoint

INF = float("inf")
NAN = float("nan")


def leaf(*numbers):
    """A float64 leaf of these numbers."""
    return tg.tensor(numbers, dtype="float64", requires_grad=True)


def caught(f):
    """The message of what f() raises under watch."""
    with detect_anomaly(), pytest.raises(RuntimeError, match="detect_anomaly: ") as error:
        f()
    return str(error.value)


def silent(f):
    """f() under watch."""
    with detect_anomaly(), np.errstate(all="ignore"):
        return f()


def test_the_message_names_gate_line_shapes_and_numbers():
    x = leaf(2.0, -3.0, 4.0)
    line = inspect.currentframe().f_lineno + 1
    text = caught(lambda: (x * 2.0).log().exp())
    assert re.search(rf": log, called at .*{re.escape(Path(__file__).name)}:{line}, made", text)
    assert "the first nan in forward order (1 of the 3 numbers of its output (3,))" in text
    assert "input 0 (3,) float64 = -6 there;" in text


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.sampled_from(["log", "sqrt", "tan", "exp"]))
def test_of_a_chain_the_first_bad_gate_is_named(before, name):
    bad = {"log": -1.0, "sqrt": -1.0, "tan": INF, "exp": 1e4}[name]
    x = leaf(bad, bad)

    def chain():
        y = x
        for _ in range(before):
            y = y * 1.0
        return getattr(y, name)().tanh().sum().exp()

    assert f": {name}, called at" in caught(chain)


def test_layers_are_charged_to_the_line_of_the_user():
    net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.ReLU())
    with tg.no_grad():
        net[0].weight.fill_(3e38)
    line = inspect.currentframe().f_lineno + 1
    text = caught(lambda: net(tg.full((1, 2), 3e38)))
    assert f"test_anomaly.py:{line}, made the first inf" in text


def test_infinities_of_the_users_own_are_no_anomaly():
    x = leaf(1.0, 2.0, 3.0)
    seen = tg.tensor([True, False, True])
    silent(lambda: tg.where(seen, x, -INF).softmax(0).sum().backward())
    silent(lambda: (x + tg.tensor([0.0, -INF, 0.0])).logsumexp(0).backward())
    silent(lambda: x * INF)
    silent(lambda: leaf(INF) * 2.0)
    silent(lambda: F.pad(x.reshape(1, 3), (1, 1), value=-INF).amax(1).sum().backward())


def test_a_nan_that_comes_of_them_is_one():
    x = leaf(1.0, 2.0)
    nothing = tg.tensor([False, False])
    with np.errstate(all="ignore"):
        assert "made the first nan" in caught(lambda: tg.where(nothing, x, -INF).softmax(0))
        assert ": sub, called" in caught(lambda: x * INF - INF)


def test_what_was_bad_before_is_not_charged_to_who_reads_it():
    x = leaf(-1.0)
    old = x.log()
    silent(lambda: old * 2.0)
    silent(lambda: tg.cat([old, old]).sum())


@pytest.mark.parametrize("place", [0, 1])
def test_a_nan_from_outside_is_charged_to_the_input_that_brings_it(place):
    good, bad = leaf(1.0, 2.0), tg.tensor([3.0, NAN])
    pair = [good, bad] if place else [bad, good]
    assert f"mul, called at {__file__}" in (text := caught(lambda: pair[0] * pair[1]))
    assert f"got in input {place}, which no gate made, the first nan" in text
    assert "got in input 0" in caught(lambda: leaf(NAN).exp())


def test_a_function_is_named_not_its_output():
    class Shifted(Function):
        @staticmethod
        def forward(ctx, x):
            return x + 1.0, x / 0.0

        @staticmethod
        def backward(ctx, g, h):
            return g * NAN

    x = leaf(1.0)
    text = caught(lambda: Shifted.apply(x))
    assert ": Shifted, called at" in text
    assert "input 0 (1,) float64 = 1" in text

    class Broken(Shifted):
        @staticmethod
        def forward(ctx, x):
            return x + 1.0, x * 2.0

    assert "the rule of Broken, called at" in caught(lambda: Broken.apply(x)[0].exp().backward())


def test_backward_names_the_rule_that_made_the_nan_and_where_its_inf_came_from():
    x = leaf(0.0, 4.0)
    line = inspect.currentframe().f_lineno + 1
    text = caught(lambda: tg.where(x > 1.0, x.sqrt(), 0.0).sum().backward())
    assert f"the rule of sqrt, called at {__file__}:{line}, made the first nan in back" in text
    assert "gradient (2,) float64 = 0 there" in text
    text = caught(lambda: ((x * 0.0).sqrt()).sum().backward())
    assert "the rule of mul, called at" in text
    assert f"(whose inf is from the rule of sqrt, called at {__file__}" in text
    assert x.grad is None


@pytest.mark.parametrize("create_graph", [False, True])
def test_backward_with_hooks_and_of_higher_order(create_graph):
    x = leaf(0.0, 4.0)

    def f():
        y = x * 1.0
        y.retain_grad()
        return grad((y.sqrt() * 0.0).sum(), x, create_graph=create_graph)

    assert "the rule of sqrt" in caught(f)
    good = silent(lambda: grad((x * x).tanh().sum(), x, create_graph=True))
    assert np.isfinite(host(good[0])).all()


def test_a_nan_that_the_caller_sends_back_is_not_charged_to_a_rule():
    x = leaf(1.0, 2.0)
    silent(lambda: (x * x).exp().backward(tg.tensor([NAN, 1.0])))
    assert np.isnan(host(x.grad)[0])


def test_an_infinite_gradient_is_no_nan():
    x = leaf(0.0)
    silent(lambda: x.sqrt().sum().backward())
    assert x.grad.item() == INF


@pytest.mark.parametrize("function", [False, True])
def test_a_write_behind_the_graphs_back_is_found(function):
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] * 2.0

    raw = np.array([1.0, 2.0])
    x = tg.tensor(raw).requires_grad_() if function else leaf(1.0, 2.0)

    def f():
        y = Square.apply(x) if function else (x * 1.0).exp()
        z = y.sum()
        kept = x.raw if function else y.raw
        kept[1] = 5.0
        z.backward()

    name = "Square" if function else "exp"
    text = caught(f)
    assert f"an array that {name}, called at {__file__}" in text
    assert "of shape (2,), was modified after it was used" in text


def test_nothing_is_watched_outside_and_after_an_error():
    x = leaf(-1.0)
    caught(x.log)
    assert not graph.WATCHERS
    (x.log() * 1.0).sum().backward()
    with detect_anomaly():
        y = (x * 0.0).sqrt().sum()
    y.backward()
    assert np.isnan(host(x.grad)).all()


def test_other_threads_are_not_watched():
    seen = []

    def other():
        try:
            seen.append(leaf(-1.0).log().item())
        except RuntimeError as error:
            seen.append(error)

    with detect_anomaly():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert np.isnan(seen[0])


def test_watching_changes_no_number_and_keeps_no_graph():
    def train():
        tg.manual_seed(3)
        w, x = tg.randn(4, 4, requires_grad=True), tg.randn(5, 4)
        y = F.cross_entropy(checkpoint(lambda w: (x @ w).relu(), w) @ w, tg.tensor([0, 1, 2, 3, 0]))
        y.backward()
        return host(w.grad)

    assert np.array_equal(train(), silent(train))
    gc.collect()
    gc.disable()
    try:
        with detect_anomaly():
            train()
            before = len(gc.get_objects())
            for _ in range(20):
                train()
            assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()
