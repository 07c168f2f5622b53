"""EMA: its formula, against PyTorch's averaged model, its block, its state, and its errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import io
from tinygrad_cnn.optim import EMA, SGD


@given(decay=st.floats(0, 1), path=st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_formula(decay, path):
    w = tg.tensor(path[:1], dtype=tg.float64, requires_grad=True)
    ema = EMA([w], decay)
    expected = path[0]
    for x in path[1:]:
        w.data.fill_(x)
        ema.update()
        expected = decay * expected + (1.0 - decay) * x
    assert ema.averages[0].item() == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert not ema.averages[0].requires_grad


def test_as_torch(torch, parameters, numbers, give_gradients):
    from torch.optim import swa_utils

    params = parameters()
    twin = torch.nn.ParameterList([torch.tensor(x) for x in numbers(0)])
    ema = EMA(params, 0.9)
    averaged = swa_utils.AveragedModel(twin, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9))
    averaged.update_parameters(twin)  # PyTorch's first update is a copy
    optimizer = SGD(params, lr=0.1)
    for t in range(50):
        give_gradients(params, t)
        optimizer.step()
        with torch.no_grad():
            for p, q in zip(params, twin, strict=True):
                q.copy_(torch.tensor(host(p.detach())))
        ema.update()
        averaged.update_parameters(twin)
    for average, q in zip(ema.averages, averaged.parameters(), strict=True):
        np.testing.assert_allclose(host(average), host(q.detach()), rtol=1e-12, atol=1e-12)


def test_applied_only_within_the_block():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    ema = EMA([w], 0.5)
    w.data.fill_(3.0)
    ema.update()
    with ema.applied():
        assert w.tolist() == [2.0, 2.5]
        w.data.fill_(9.0)
    assert w.tolist() == [3.0, 3.0]
    assert ema.averages[0].tolist() == [2.0, 2.5]
    assert w.requires_grad
    assert w.is_leaf


def test_an_error_within_the_block_gives_the_weights_back():
    w = tg.tensor([1.0], requires_grad=True)
    ema = EMA([w])
    w.data.fill_(3.0)
    with pytest.raises(KeyError), ema.applied():
        raise KeyError
    assert w.tolist() == [3.0]


def test_averages_can_be_kept():
    w = tg.tensor([1.0], requires_grad=True)
    ema = EMA([w])
    w.data.fill_(3.0)
    ema.write(ema.averages)
    assert w.tolist() == [1.0]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_dtypes_stay(parameters, dtype):
    ema = EMA(parameters(dtype=dtype))
    ema.update()
    assert {average.dtype.name for average in ema.averages} == {dtype}


def test_a_loaded_state_goes_on_bit_by_bit(parameters, tmp_path):
    params, twins = parameters(1), parameters(2)
    ema, twin = EMA(parameters(0), 0.9), EMA(twins)
    ema.params = params
    ema.update()
    io.save(ema.state_dict(), tmp_path / "ema")
    twin.load_state_dict(io.load(tmp_path / "ema"))
    twin.params = params
    for one in (ema, twin):
        one.update()
    for a, b in zip(ema.averages, twin.averages, strict=True):
        np.testing.assert_array_equal(host(a), host(b))
        assert a is not b


def test_what_is_refused(parameters):
    params = parameters()
    with pytest.raises(ValueError, match=r"decay within \[0, 1\], got 1\.5"):
        EMA(params, 1.5)
    with pytest.raises(ValueError, match="empty list"):
        EMA([])
    with pytest.raises(TypeError, match="put it in a list"):
        EMA(params[0])
    with pytest.raises(TypeError, match="takes Tensors, got str"):
        EMA(["w"])
    with pytest.raises(ValueError, match=r"the shapes \[\(3, 2\)\], the parameters \[\(4,\)\]"):
        EMA(params[1:2]).load_state_dict(EMA(params[:1]).state_dict())
