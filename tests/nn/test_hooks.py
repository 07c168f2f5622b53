"""Hooks of modules: when they run, what they see and what they change."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import grad


class Two(nn.Module):
    """Two inputs, two outputs."""

    def forward(self, x, y, scale=1.0):
        return x * y * scale, x + y


def test_hooks_run_around_forward():
    events = []
    layer = nn.ReLU()
    layer.register_forward_hook(lambda *seen: events.append(("behind", *seen)))
    layer.register_forward_pre_hook(lambda *seen: events.append(("before", *seen)))
    x = tg.tensor([-1.0, 2.0])
    y = layer(x)
    assert events == [("before", layer, (x,)), ("behind", layer, (x,), y)]


def test_what_hooks_return_takes_the_place():
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 10,))
    layer.register_forward_hook(lambda module, args, output: output - 1)
    assert layer(tg.tensor(1.0)).item() == 19


def test_removed_hooks_do_not_run():
    layer = nn.Identity()
    registers = (
        layer.register_forward_pre_hook,
        layer.register_forward_hook,
        layer.register_full_backward_hook,
    )
    for register in registers:
        handle = register(lambda *seen: pytest.fail("a removed hook ran"))
        handle.remove()
        handle.remove()
    x = tg.tensor(1.0, requires_grad=True)
    layer(x).backward()
    assert x.grad.item() == 1


def test_a_hook_may_remove_itself():
    layer = nn.Identity()
    calls = []

    def once(*seen):
        calls.append(seen)
        handle.remove()

    handle = layer.register_forward_hook(once)
    layer(1)
    layer(1)
    assert len(calls) == 1


def test_keywords_pass_by():
    module = Two()
    module.register_forward_hook(lambda module, args, output: output)
    assert module(tg.tensor(2.0), tg.tensor(3.0), scale=10.0)[0].item() == 60


# --- backward -------------------------------------------------------------------------------------


def seen_backward(library, make):
    """What a backward hook sees and what gradients are left: in either library."""
    seen = []
    linear = library.Linear(3, 2)
    for p, size in zip(linear.parameters(), (6, 2), strict=True):
        p.data.copy_(make(np.arange(size) / 4.0 - 1).reshape(p.shape))
    handle = linear.register_full_backward_hook(
        lambda module, g_in, g_out: seen.append((g_in, g_out))
    )
    x = make(np.arange(6) / 2.0).reshape(2, 3).requires_grad_()
    (linear(x) ** 2).sum().backward()
    handle.remove()
    ((g_in,), (g_out,)) = seen[0]
    grads = (g_in, g_out, x.grad, linear.weight.grad, linear.bias.grad)
    return len(seen), [np.asarray(g.tolist()) for g in grads]


def test_backward_hooks_see_what_torchs_see(torch):
    ours = seen_backward(nn, lambda a: tg.tensor(a, dtype=tg.float32))
    theirs = seen_backward(torch.nn, lambda a: torch.tensor(a, dtype=torch.float32))
    assert ours[0] == theirs[0] == 1
    for a, b in zip(ours[1], theirs[1], strict=True):
        assert np.array_equal(a, b)


def test_a_backward_hook_can_change_the_gradient():
    layer = nn.Identity()
    layer.register_full_backward_hook(lambda module, g_in, g_out: (g_in[0] * 3,))
    x = tg.tensor(2.0, requires_grad=True)
    (layer(x) * 5).backward()
    assert x.grad.item() == 15


def test_gradients_of_several_inputs_and_outputs():
    seen = []
    module = Two()
    module.register_full_backward_hook(lambda module, g_in, g_out: seen.append((g_in, g_out)))
    x, y = tg.tensor(2.0, requires_grad=True), tg.tensor(3.0)
    a, b = module(x, y)
    (a + b).backward()
    ((g_in, g_out),) = seen
    assert g_in[0].item() == 4
    assert g_in[1] is None
    assert [g.item() for g in g_out] == [1, 1]
    assert x.grad.item() == 4


def test_the_gradient_of_this_use_alone():
    seen = []
    layer = nn.Identity()
    layer.register_full_backward_hook(lambda module, g_in, g_out: seen.append(g_in[0].item()))
    x = tg.tensor(1.0, requires_grad=True)
    (layer(x) * 2 + x * 100).backward()
    assert seen == [2]
    assert x.grad.item() == 102


def test_without_wanted_inputs_the_hook_runs_on_entry():
    seen = []
    layer = nn.Linear(2, 1)
    layer.register_full_backward_hook(lambda module, g_in, g_out: seen.append((g_in, g_out)))
    layer(tg.ones(1, 2)).sum().backward()
    (((g_in,), (g_out,)),) = seen
    assert g_in is None
    assert g_out.tolist() == [[1]]
    assert layer.weight.grad.tolist() == [[1, 1]]


def test_backward_hooks_stay_out_of_the_way_of_second_derivatives():
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda module, g_in, g_out: None)
    x = tg.tensor(0.5, dtype="float64", requires_grad=True)
    (first,) = grad(layer(x), [x], create_graph=True)
    (second,) = grad(first, [x])
    t = np.tanh(0.5)
    assert second.item() == pytest.approx(-2 * t * (1 - t * t))
