"""Tensors in another dtype, on another device, in memory of their own."""

import numpy as np
import pytest
from calls import check

import tinygrad_cnn as tg

MOVES = """\
x.to(copy=True) is x
x.to(T.float32, copy=True) is x
x.to("cpu", non_blocking=True) is x
x.to(None) is x
x.to() is x
x.to(T.float64, True, True)
x.to("cpu", T.float64)
x.to(i).dtype
x.to("tpu")
x.to(device="tpu")
x.to(T.int64)
x.cpu() is x
x.type(T.int64)
x.type_as(i)
x.type_as(3)
x.half().dtype, x.double().dtype, x.float() is x
x.long(), x.int(), x.short(), x.bool()
leaf.to(T.float64).requires_grad
leaf.to(T.float64).sum().backward(); leaf.grad
T.tensor([1.5, -1.5]).to(T.int64)
T.result_type(x, T.ones(2, dtype=T.float64))
T.result_type(x, 2)
T.result_type(2, 2.5)
T.result_type(i, 2.5)
T.result_type(i, T.tensor(2.5))"""


def moves():
    """The lines; some are about tensors that are on the CPU already."""
    there = pytest.mark.host("of a tensor that is on the CPU")
    stay = ('x.to("cpu", non_blocking=True) is x', "x.cpu() is x")
    return [pytest.param(m, marks=there) if m in stay else m for m in MOVES.splitlines()]


@pytest.mark.parametrize("line", moves())
def test_moving_is_pytorchs(torch, line):
    check(torch, line)


def test_gradients_come_back_in_the_receivers_dtype():
    x = tg.ones(2, requires_grad=True)
    x.double().sum().backward()
    assert x.grad.dtype == np.float32
    assert not x.long().requires_grad


def test_what_is_neither_dtype_nor_device():
    with pytest.raises(RuntimeError, match="no device 'tpu'; there are cpu, cuda"):
        tg.ones(1).to("tpu")
    with pytest.raises(TypeError, match=r"3.5 is no dtype"):
        tg.ones(1).to(3.5)
    assert tg.ones(1).type() == "float32"


def test_shapes_alone_move_and_cast():
    x = tg.ones(2, 3).to("meta", "float64")
    assert (x.device.type, x.dtype, x.shape) == ("meta", np.float64, (2, 3))
    assert x.contiguous() is x
