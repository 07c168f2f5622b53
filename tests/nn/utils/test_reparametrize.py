"""Weight norm and spectral norm: PyTorch's states and training; second derivatives."""

import copy
import warnings

import numpy as np
import pytest
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import utils

ROUNDING = 1e-12
RNG = np.random.default_rng(0)
IMAGES, TARGETS = RNG.standard_normal((6, 2, 4, 4)), RNG.standard_normal((6, 3))

NORMS = {
    "weight_norm": {},
    "weight_norm of all": {"dim": None},
    "weight_norm of inputs": {"dim": 1},
    "spectral_norm": {},
    "spectral_norm in 3 steps": {"n_power_iterations": 3, "dim": 1},
}


def net(library, kinds, change):
    """A small network of a library in float64, every layer with weights changed."""
    layers = [library.Conv2d(2, 4, 3), library.ConvTranspose2d(4, 2, 2), library.Flatten()]
    layers.append(library.Linear(18, 3, bias=False))
    for i, settings in ((0, kinds), (1, kinds), (3, kinds)):
        change(layers[i], **settings)
    return library.Sequential(*layers).double()


@pytest.fixture(params=NORMS)
def pair(request, torch):
    """Our network and PyTorch's, with equal states."""
    name, settings = request.param.split(" ")[0], NORMS[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch would rather see its newer functions used
        twin = net(torch.nn, settings, getattr(torch.nn.utils, name))
    ours = net(nn, settings, getattr(utils, name))
    assert list(ours.state_dict()) == list(twin.state_dict())
    ours.load_state_dict({key: t.numpy() for key, t in twin.state_dict().items()})
    return ours, twin


def agree_in_state(ours, twin):
    for key, t in ours.state_dict().items():
        agree("PyTorch", t.raw, twin.state_dict()[key].numpy(), 10 * ROUNDING)


def test_training_is_torchs(torch, pair):
    ours, twin = pair
    optimizer = tg.optim.SGD(ours.parameters(), lr=0.05, momentum=0.5)
    other = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=0.5)
    for _ in range(8):
        loss = nn.functional.mse_loss(ours(tg.tensor(IMAGES)), tg.tensor(TARGETS))
        want = torch.nn.functional.mse_loss(twin(torch.tensor(IMAGES)), torch.tensor(TARGETS))
        agree("PyTorch", loss.detach().raw, want.detach().numpy(), 10 * ROUNDING)
        for step, library_loss in ((optimizer, loss), (other, want)):
            step.zero_grad()
            library_loss.backward()
            step.step()
        agree_in_state(ours, twin)
    ours.eval()
    twin.eval()
    z, u = ours(tg.tensor(IMAGES)), twin(torch.tensor(IMAGES))
    agree("PyTorch", z.detach().raw, u.detach().numpy(), 10 * ROUNDING)
    agree_in_state(ours, twin)


@pytest.mark.parametrize("change", [utils.weight_norm, utils.spectral_norm])
def test_gradients_to_second_order(change):
    layer = change(nn.Conv1d(2, 2, 2)).double().eval()  # in evaluation u and v stand still
    x = tg.tensor(RNG.standard_normal((2, 2, 3)), requires_grad=True)
    if change is utils.spectral_norm:
        layer.train()
        layer(x)
        layer.eval()
    assert gradcheck(lambda x, *_: layer(x), [x, *layer.parameters()])
    assert gradgradcheck(lambda x, *_: layer(x), [x, *layer.parameters()])


def test_weight_norm_changes_no_number_at_first():
    layer = nn.Linear(3, 4)
    before = host(layer.weight).copy()
    assert utils.weight_norm(layer) is layer
    np.testing.assert_allclose(host(layer.weight.detach()), before, rtol=1e-6)
    assert layer.weight_g.shape == (4, 1)
    assert layer.weight_v.raw is not None
    np.testing.assert_allclose(
        host(layer.weight_g)[:, 0], np.linalg.norm(before, axis=1), rtol=1e-6
    )


def test_spectral_norm_finds_the_largest_singular_value():
    layer = utils.spectral_norm(nn.Linear(5, 4).double(), n_power_iterations=200)
    layer(tg.ones(1, 5, dtype="float64"))
    assert np.linalg.norm(host(layer.weight.detach()), 2) == pytest.approx(1.0, abs=1e-9)
    assert np.linalg.norm(host(layer.weight_u)) == pytest.approx(1.0)


def test_vectors_move_in_training_alone():
    layer = utils.spectral_norm(nn.Linear(5, 4))
    start = host(layer.weight_u).copy()
    layer.eval()(tg.ones(1, 5))
    assert np.array_equal(host(layer.weight_u), start)
    layer.train()(tg.ones(1, 5))
    assert not np.array_equal(host(layer.weight_u), start)
    assert isinstance(layer.weight_u, nn.Buffer)


def test_two_forwards_before_one_backward():
    layer = utils.spectral_norm(nn.Linear(5, 1))
    (layer(tg.ones(1, 5)) - layer(tg.zeros(1, 5))).sum().backward()
    assert layer.weight_orig.grad.shape == (1, 5)


@pytest.mark.parametrize(
    ("change", "remove"),
    [
        (utils.weight_norm, utils.remove_weight_norm),
        (utils.spectral_norm, utils.remove_spectral_norm),
    ],
)
def test_removed_again(change, remove):
    layer = change(nn.Linear(3, 2))
    x = tg.randn(4, 3)
    layer(x)
    want = host(layer.eval()(x).detach())
    assert remove(layer) is layer
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert isinstance(layer.weight, nn.Parameter)
    np.testing.assert_allclose(host(layer(x).detach()), want, rtol=1e-6)
    with pytest.raises(ValueError, match=f"{change.__name__}: 'weight' of this Linear does not"):
        remove(layer)
    change(layer)


def test_a_new_layer_can_be_copied():
    layer = utils.spectral_norm(nn.Linear(3, 2))
    twin = copy.deepcopy(layer)
    twin(tg.ones(1, 3))
    assert not np.array_equal(host(layer.weight_u), host(twin.weight_u))


@pytest.mark.parametrize("change", [utils.weight_norm, utils.spectral_norm])
def test_errors_say_what_was_given(change):
    layer = change(nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match=f"{change.__name__}: 'weight' of this module has it"):
        change(layer)
    with pytest.raises(ValueError, match=r"no parameter 'w'; it has \['weight', 'bias'\]"):
        change(nn.Linear(3, 2), "w")


def test_no_iterations():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=0)
