"""Shapes: what a table of calls returns and raises in PyTorch and here, and what shares memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import host
from torch_calls import check_call

import tinygrad_cnn as tg

ARRAYS = hnp.arrays(
    "float64",
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    elements=st.floats(-9, 9),
)

CALLS = """
x.reshape(4, 6); x.reshape((-1, 2)); x.reshape(5, 5); x.reshape(-1, -1); x.reshape(-1, 5)
x.reshape(-2, 3); x.reshape(2.5); x.reshape(24, 1, 1); s.reshape(1, 1); s.reshape(())
s.reshape(-1); e.reshape(-1, 3); e.reshape(-1, 0); e.reshape(3, 0, 2); x.mT.reshape(24)
x.reshape(shape=(24,)); tg.reshape(x, (3, -1)); tg.reshape(x, (3, 5)); x.reshape_as(tg.ones(24))
x.reshape_as(tg.ones(5)); x.view(24); x.view(5, 5); x.view(-1, -1); x.mT.view(24)
x.mT.view(2, 4, 3); x[:, :2].view(2, 8); x[:, :2].view(16); s.view(1); e.view(3, 0)
x.view_as(tg.ones(4, 6)); x.view_as(tg.ones(5)); x.expand(5, 2, 3, 4); x.expand(3)
x.expand(5, 3, 4); x.expand(-1, 2, 3, 4); x.expand(2, -1, 4); x.expand(2, -1, -2); s.expand(3)
s.expand(0); s.expand(2, 2); v.expand(2, -1); e.expand(2, 0, 3); v.expand(2, 4)
x.expand_as(tg.ones(5, 2, 3, 4)); x.expand_as(v); tg.broadcast_to(v, (2, 3))
tg.broadcast_to(x, (3,)); tg.broadcast_tensors(x, v); tg.broadcast_tensors(x, m, s)
tg.broadcast_tensors(e, v, s); x.permute(2, 0, 1); x.permute((-1, 0, 1)); x.permute(0, 1)
x.permute(0, 0, 1); x.permute(0, 1, 3); x.permute(0, 1, 1.5); s.permute(()); s.permute(0)
tg.permute(x, (1, 0, 2)); x.permute(dims=(2, 1, 0)); x.transpose(0, 2); x.transpose(-1, 1)
x.transpose(0, 3); x.transpose(0, 1.5); s.transpose(0, -1); s.transpose(0, 1); x.swapaxes(0, 1)
x.swapdims(0, -1); x.swapaxes(0, 5); tg.swapaxes(x, 0, 1); tg.swapdims(x, 1, 2); x.t(); m.t()
v.t(); s.t(); tg.t(m); x.mT; m.T; x.movedim(0, 2); x.movedim((0, 1), (-1, 0)); x.movedim(0, 3)
x.movedim((0, 1), (1,)); x.movedim((0, 0), (1, 2)); x.movedim((0, 1), (2, 2)); s.movedim(0, 0)
x.moveaxis(0, 1); tg.moveaxis(x, 0, 1); tg.movedim(x, -1, 0); x[:1].squeeze(); x[:1].squeeze(0)
x.squeeze(0); x.squeeze(3); x[:1, :, :1].squeeze((0, 2)); x.squeeze((0, 0)); x.squeeze((0, -3))
s.squeeze(); s.squeeze(0); s.squeeze(-1); s.squeeze(1); x.squeeze([0]); e.squeeze(0)
x.unsqueeze(0); x.unsqueeze(-1); x.unsqueeze(3); x.unsqueeze(4); x.unsqueeze(-5); s.unsqueeze(0)
s.unsqueeze(-1); s.unsqueeze(1); e.unsqueeze(1); x.flatten(); x.flatten(1); x.flatten(0, 1)
x.flatten(1, 0); x.flatten(3); x.flatten(0, -4); s.flatten(); s.flatten(0, -1); s.flatten(1)
e.flatten(); x.ravel(); s.ravel(); e.ravel(); tg.ravel(m); x.mT.ravel(); x.unflatten(2, (2, 2))
x.unflatten(-1, (-1, 2)); x.unflatten(2, (2, 3)); x.unflatten(2, ()); x.unflatten(3, (2,))
x.unflatten(2, (-1, 3)); x.unflatten(2, 4); s.unflatten(0, (1,)); x.unflatten(1, (3, 1))
e.unflatten(0, (0, 2)); tg.unflatten(x, 2, (4, 1)); x.flip(0); x.flip(0, 2); x.flip((0, -1))
x.flip([0, 1]); x.flip(3); x.flip(0, 0); x.flip(0, -3); x.flip(()); s.flip(0); s.flip(())
s.flip(1); e.flip(0); tg.flip(x, (1,)); x.flip(dims=(0,)); x.clone(); s.clone(); tg.ones_like(x)
tg.zeros_like(b); tg.zeros_like(e); e.unflatten(1, (1, -1)); e.unflatten(0, (1, -1))
e.unflatten(1, (0, -1)); x.unflatten(2, (-1, -1)); tg.zeros(0, 4, 0).unflatten(2, (1, -1))
tg.zeros(0, 4, 0).unflatten(1, (2, -1)); x.view_as(3); x.reshape_as([1]); x.expand_as(None)
tg.broadcast_tensors(x, 2.0)
"""


@pytest.mark.parametrize("call", CALLS.strip().replace("\n", "; ").split("; "))
def test_calls_return_and_raise_what_they_do_in_pytorch(call, torch):
    check_call(call, torch)


def graph(a):
    """A leaf of these numbers."""
    return tg.tensor(a, requires_grad=True)


@given(ARRAYS, st.data())
def test_axes_move_as_in_numpy(a, data):
    x = graph(a)
    room = max(a.ndim, 1)
    i, j = (data.draw(st.integers(-room, room - 1)) for _ in "ij")
    flat = a if a.ndim else a.reshape(1)
    assert np.array_equal(
        host(x.transpose(i, j)), flat.swapaxes(i, j).reshape(x.transpose(i, j).shape)
    )
    assert np.array_equal(host(x.movedim(i, j)).ravel(), np.moveaxis(flat, i, j).ravel())
    assert np.array_equal(host(x.unsqueeze(i)), np.expand_dims(a, i))
    assert np.array_equal(host(x.T), a.T)
    assert np.array_equal(host(x.flip(i)).ravel(), np.flip(flat, i).ravel())
    assert x.flatten().shape == x.ravel().shape == (a.size,)
    assert x.squeeze().shape == a.squeeze().shape


@given(ARRAYS, st.data())
def test_views_share_memory_or_say_why_not(a, data):
    order = data.draw(st.permutations(range(a.ndim)))
    key = tuple(
        data.draw(st.sampled_from([slice(None), slice(1), slice(None, None, 2)])) for _ in order
    )
    x = tg.Tensor(a.transpose(order)[key])
    target = data.draw(st.permutations([*x.shape, 1])) if data.draw(st.booleans()) else [-1]
    if target == [-1] and not x.numel():
        target = [0]
    try:
        z = x.view(*target)
    except RuntimeError as error:
        assert "without a copy" in str(error)
        assert not np.shares_memory(x.reshape(*target).raw, x.raw)
    else:
        assert np.array_equal(host(z), host(x).reshape(target))
        assert np.shares_memory(z.raw, x.raw) or not x.numel()


@pytest.mark.parametrize(
    "see",
    [
        lambda x: x.view(6),
        lambda x: x.reshape(3, 2),
        lambda x: x.T,
        lambda x: x.unsqueeze(1).squeeze(1).transpose(0, 1),
        lambda x: x[0],
        lambda x: x[0, 1],
        lambda x: x[0][1],
        lambda x: x[..., 1:][:, None].permute(2, 0, 1).select(0, 0),
        lambda x: x.narrow(1, 1, 2),
        lambda x: x.split(2, 1)[0],
        lambda x: x.unbind()[0][1],
        lambda x: x.diagonal(1),
        lambda x: x.flatten().unflatten(0, (2, 3)),
        lambda x: x.expand(-1, 3),
        lambda x: x.expand(1, 2, 3)[0],
        lambda x: x.broadcast_to((2, 3)).expand_as(x),
    ],
)
def test_views_of_views_are_windows_on_one_memory(see):
    x = tg.zeros(2, 3)
    z = see(x)
    x[0, 1] = 5.0
    assert 5.0 in z.flatten().tolist()
    z.fill_(7.0)
    assert x[0, 1].item() == 7.0


def test_a_flipped_tensor_is_a_copy():
    x = tg.arange(3)
    z = x.flip(0)
    z[0] = 9
    assert x.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda x: x.reshape(4, 2), RuntimeError, r"\(2, 3\) has 6 elements, which .* \(4, 2\)"),
        (lambda x: x.expand(3, 3), RuntimeError, r"\(2, 3\) does not broadcast to \(3, 3\)"),
        (lambda x: x.permute(0), RuntimeError, "2 axes cannot take the order"),
        (lambda x: x.transpose(0, 2), IndexError, "dim 2 is out of range for a tensor of 2 axes"),
        (lambda x: x.squeeze("a"), TypeError, "whole number that names an axis, got 'a'"),
        (lambda x: x.flatten(1, 0), RuntimeError, "start_dim 1 lies behind end_dim 0"),
        (lambda x: x.unflatten(1, (2, 2)), RuntimeError, r"axis 1 of shape \(2, 3\) .* \(2, 2\)"),
        (lambda x: x.T.view(6), RuntimeError, "view: .*without a copy; use reshape"),
        (lambda x: x[None].t(), RuntimeError, r"two axes at most, got shape \(1, 2, 3\)"),
        (lambda x: x.expand_as(tg.ones(2)), RuntimeError, r"does not broadcast to \(2,\)"),
    ],
)
def test_sentences_show_what_was_given(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(tg.ones(2, 3))
