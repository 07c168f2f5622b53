"""The walk: depth, order, accumulation, freeing, hooks, threads, write stamps."""

import gc
import threading
import weakref

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import graph
from tinygrad_cnn.autograd import grad

MILLION = 1_000_000


def leaf(*shape):
    """A float64 leaf with random numbers."""
    return tg.randn(*shape, dtype="float64", requires_grad=True)


def scalar_chain(x, length):
    """x through `length` gates, half of them using x again."""
    y = x
    for _ in range(length // 2):
        y = y * 1.0 + x
    return y


@pytest.mark.host("scalar mode")
def test_a_million_scalar_nodes_are_built_walked_and_freed():
    x = tg.Value(1.0)
    y = scalar_chain(x, MILLION)
    y.backward()
    assert x.grad == MILLION // 2 + 1
    del y
    gc.collect()


@pytest.mark.host("the graph alone, and slow")
def test_a_million_tensor_nodes_are_built_walked_and_freed():
    x = tg.tensor([1.0], dtype="float64", requires_grad=True)
    y = scalar_chain(x, MILLION)
    y.sum().backward()
    assert x.grad.item() == MILLION // 2 + 1
    del y
    gc.collect()


def test_a_deep_graph_is_freed_without_backward():
    y = scalar_chain(tg.tensor([1.0], requires_grad=True), 200_000)
    alive = weakref.ref(y.node)
    del y
    assert alive() is None


@pytest.mark.parametrize("make", [tg.Value, lambda v: tg.tensor(v, requires_grad=True)])
def test_a_value_used_twice_gets_both_contributions(make):
    x = make(3.0)
    y = x * x + x
    y.backward()
    assert float(x.grad) == 7.0


def test_a_shared_subgraph_sends_once_with_all_its_gradient():
    x, w = tg.Value(2.0), tg.Value(5.0)
    shared = x * w
    (shared * shared + shared).backward()
    assert shared.grad == 21.0
    assert (x.grad, w.grad) == (105.0, 42.0)


def test_backward_twice_adds_at_the_leaves_and_nowhere_else():
    x, w = tg.Value(2.0), tg.Value(5.0)
    inner = x * w
    out = inner * 3.0
    for times in (1, 2, 3):
        out.backward()
        assert inner.grad == 3.0
        assert (x.grad, w.grad) == (15.0 * times, 6.0 * times)


def test_tensor_backward_twice_adds_at_the_leaves():
    x = leaf(3)
    out = (x * 2.0).sum()
    out.backward(retain_graph=True)
    held = x.grad
    out.backward()
    assert np.array_equal(host(x.grad), np.full(3, 4.0))
    assert x.grad is held


def test_sums_of_gradients_are_reproducible():
    def once():
        tg.manual_seed(3)
        xs = [leaf(50) for _ in range(5)]
        z = sum((a * b).tanh().sum() for a in xs for b in xs)
        return [g.raw.tobytes() for g in grad(z, xs)]

    assert once() == once()


def test_a_tensor_graph_needs_no_collector():
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(50):
            x = leaf(3)
            y = ((x * 2.0).tanh() + x).sum()
            y.backward()
            y = (x * x).sum()  # dropped without backward
            del x, y
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_activations_die_during_the_walk():
    x = leaf(1000)
    first = x.exp()
    last = first.exp()
    first_node, last_node = first.node, last.node
    seen = []
    first.register_hook(lambda g: seen.append(last_node.saved))
    last.sum().backward()
    assert not isinstance(seen[0], tuple)
    assert not isinstance(first_node.saved, tuple)
    assert first_node.grad is None


# --- freed graphs ---------------------------------------------------------------------------------


def test_a_freed_graph_says_so_and_names_the_gate():
    x = leaf(3)
    z = (x * x).sum()
    z.backward()
    with pytest.raises(RuntimeError, match=r"mul: trying to backward through the graph a second"):
        z.backward()


def test_a_graph_that_keeps_nothing_can_be_walked_again():
    x = leaf(3)
    y = (x + x).sum()
    y.backward()
    y.backward()
    assert np.array_equal(host(x.grad), np.full(3, 4.0))


# --- hooks ----------------------------------------------------------------------------------------


def test_hooks_fire_as_early_as_possible():
    order = []
    first, last = leaf(3), leaf(3)
    last.register_hook(lambda g: order.append("last layer"))
    first.register_hook(lambda g: order.append("first layer"))
    hidden = (first * 2.0).tanh()
    hidden.register_hook(lambda g: order.append("hidden"))
    (hidden * last).sum().backward()
    assert order == ["last layer", "hidden", "first layer"]


def test_a_hook_sees_the_new_gradient_alone_and_may_replace_it():
    x = leaf(3)
    seen = []

    def hook(g):
        seen.append(host(g).copy())
        return g * 10.0

    handle = x.register_hook(hook)
    for _ in range(2):
        (x * 2.0).sum().backward()
    assert np.array_equal(seen, np.full((2, 3), 2.0))
    assert np.array_equal(host(x.grad), np.full(3, 40.0))
    handle.remove()
    (x * 2.0).sum().backward()
    assert len(seen) == 2


def test_retain_grad_keeps_an_interior_gradient():
    x = leaf(3)
    y = x * 2.0
    y.retain_grad()
    (y * y).sum().backward()
    assert np.array_equal(host(y.grad), 2.0 * host(y))
    z = x * 2.0
    (z * z).sum().backward()
    assert z.grad is None


def test_hooks_leave_no_trace():
    x = leaf(3)
    x.register_hook(lambda g: None)
    y = x * 1.0
    y.retain_grad()
    y.register_hook(lambda g, y=y: y)  # a hook that holds its own graph dies with it too
    del x, y
    gc.collect()
    assert not graph.HOOKED


def test_an_error_in_a_hook_leaves_no_slot_half_full():
    x = leaf(3)
    x.grad = tg.ones(3, dtype="float64")
    y = x * 2.0
    y.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        (y + x).sum().backward()
    assert np.array_equal(host(x.grad), np.ones(3))
    assert y.node.grad is None


def test_a_walk_inside_a_walk_over_the_same_nodes():
    x = leaf(3)
    y = x.exp()
    z = (y * y).sum()
    inner = []

    def hook(g):
        if not inner:
            inner.append("asked")  # the inner walk meets this hook too
            inner.extend(grad(z, x, retain_graph=True))

    y.register_hook(hook)
    z.backward(retain_graph=True)
    want = 2.0 * np.exp(2.0 * host(x))
    assert np.allclose(host(inner[1]), want)
    assert np.allclose(host(x.grad), want)


# --- threads --------------------------------------------------------------------------------------


def test_no_grad_belongs_to_a_thread():
    w = leaf(50)
    start = threading.Barrier(2)
    recorded = {True: [], False: []}

    def work(quiet):
        start.wait()
        for _ in range(200):
            if quiet:
                with tg.no_grad():
                    recorded[quiet].append((w * w).requires_grad)
            else:
                recorded[quiet].append((w * w).requires_grad)

    threads = [threading.Thread(target=work, args=(quiet,)) for quiet in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(recorded[True])
    assert all(recorded[False])
    assert not graph.QUIET


def test_two_threads_walk_graphs_that_share_a_leaf():
    w = leaf(100)
    found = []

    def work(factor):
        for _ in range(100):
            (g,) = grad((w * w * factor).sum(), w)
            found.append(np.allclose(host(g), 2.0 * factor * host(w)))

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 300
    assert all(found)


# --- writes behind the graph's back ---------------------------------------------------------------


def written(who, w, c, view, z):
    """Zero one of the tensors that share memory with what the graph has saved."""
    with tg.no_grad():
        {"leaf": w, "constant": c, "view": view, "output": z.detach()}[who].zero_()


@pytest.mark.parametrize("who", ["leaf", "constant", "view", "output"])
def test_a_write_after_saving_raises_at_backward_and_names_the_gate(who):
    w = leaf(3)
    c = tg.ones(3, dtype="float64")
    view = c.reshape(1, 3)
    z = (w * c * w).exp()
    written(who, w, c, view, z)
    with pytest.raises(RuntimeError, match="exp:" if who == "output" else "mul:"):
        z.sum().backward()


def test_a_write_to_a_saved_parameter_of_a_sequence_gate_raises():
    a, b = leaf(2, 3), leaf(3, 2)
    z = tg.einsum("ij,jk->ik", a, b)
    with tg.no_grad():
        b.mul_(2.0)
    with pytest.raises(RuntimeError, match="contract:"):
        z.sum().backward()


@pytest.mark.host("memory of the host")
def test_memory_that_no_array_owns_is_watched_too():
    c = tg.Tensor(np.frombuffer(bytearray(24), "float64"))
    w = leaf(3)
    z = w * c
    c[1:].add_(1.0)
    with pytest.raises(RuntimeError, match="mul:"):
        z.sum().backward()


def test_a_write_that_came_before_the_gate_hurts_nobody():
    w = leaf(3)
    alias = w.detach()
    alias.fill_(2.0)
    (w * w).sum().backward()
    assert np.array_equal(host(w.grad), np.full(3, 4.0))


def test_training_leaves_no_stamp():
    w = leaf(3)
    graph.STAMPS.clear()
    for _ in range(3):
        (w * w).sum().backward()
        with tg.no_grad():
            w -= 0.1 * w.grad
        w.grad.zero_()
    assert not graph.STAMPS


def test_stamps_die_with_their_arrays():
    graph.STAMPS.clear()
    c = tg.ones(3)
    held = c.detach()
    c.zero_()
    assert len(graph.STAMPS) == 1
    del c, held
    gc.collect()
    assert not graph.STAMPS
