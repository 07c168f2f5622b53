"""Diagonals and triangles: calls as in PyTorch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch_calls import check_call

import tinygrad_cnn as tg

CALLS = """
m.tril(); x.tril(1); x.triu(-5); m.triu(2); v.tril(); s.triu(); tg.tril(x, diagonal=-1); e.triu()
(m > 5).tril(); m.long().triu(1); v.diag(); v.diag(-2); v.diag(1); m.diag(); m.diag(1); m.diag(-9)
m.diag(9); x.diag(); s.diag(); tg.diag(v, diagonal=1); e.diag(); m.diagonal(); x.diagonal()
x.diagonal(0, 1, 2); x.diagonal(-1, 2, 0); x.diagonal(9, 1, 2); x.diagonal(0, 1, 1)
x.diagonal(0, 1, -2); x.diagonal(0, 1, 3); v.diagonal(); tg.diagonal(x, offset=1, dim1=-1, dim2=0)
v.diag_embed(); v.diag_embed(1); v.diag_embed(-2); x.diag_embed(-1, 0, 2); x.diag_embed(0, 1, 1)
x.diag_embed(0, 4, 1); s.diag_embed(); tg.diag_embed(m, offset=1, dim1=0, dim2=1)
m.diag_embed(0, 2, 0); m.trace(); x.trace(); v.trace(); m.long().trace(); m.int().trace()
tg.trace(m); e.trace(); m.float().trace()
"""


@pytest.mark.parametrize("call", CALLS.strip().replace("\n", "; ").split("; "))
def test_calls_return_and_raise_what_they_do_in_pytorch(call, torch):
    check_call(call, torch)


@given(hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=4), st.integers(-5, 5))
def test_triangles_and_diagonal_add_up(shape, offset):
    x = tg.rand(*shape)
    inner = x.triu(offset) - x.triu(offset + 1)
    assert (x.tril(offset) + x.triu(offset + 1) == x).all()
    assert (inner.diagonal(offset, -2, -1) == x.diagonal(offset, -2, -1)).all()


def test_a_diagonal_can_be_written():
    x = tg.zeros(2, 3)
    x.diagonal().fill_(1.0)
    assert x.tolist() == tg.eye(2, 3).tolist()


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda x: x[0].tril(), RuntimeError, r"two axes, got shape \(3,\)"),
        (lambda x: x.diagonal(0, 1, -1), RuntimeError, "dim1 1 and dim2 -1 name one axis"),
        (lambda x: x[None].diag(), RuntimeError, r"one or two axes, got shape \(1, 2, 3\)"),
        (lambda x: x[0].trace(), RuntimeError, r"a matrix, got shape \(3,\)"),
    ],
)
def test_sentences_show_what_was_given(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(tg.ones(2, 3))
