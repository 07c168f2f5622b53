"""Parameters as one vector, and back."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import utils


def test_there_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = [host(p).copy() for p in net.parameters()]
    raws = [p.raw for p in net.parameters()]
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,)
    assert np.array_equal(host(vector.detach()), np.concatenate([b.ravel() for b in before]))
    utils.vector_to_parameters(vector.detach() * 2, net.parameters())
    for p, b, raw in zip(net.parameters(), before, raws, strict=True):
        assert p.raw is raw
        assert np.array_equal(host(p), 2 * b)


def test_the_vector_is_on_the_graph():
    p = tg.ones(2, 2, requires_grad=True)
    (utils.parameters_to_vector([p, p]) * tg.arange(8.0)).sum().backward()
    assert p.grad.tolist() == [[4.0, 6.0], [8.0, 10.0]]


def test_errors_say_what_was_given():
    p = tg.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="takes a Tensor, got list"):
        utils.vector_to_parameters([1.0, 2.0], [p])
    with pytest.raises(RuntimeError, match="1 numbers for parameters of 2 in all"):
        utils.vector_to_parameters(tg.ones(1), [p])
