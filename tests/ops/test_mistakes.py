"""What is said to arguments that a function was not written for: never Python's words alone."""

import math

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

LARGE = 10**20

# what is called, the error, words in it
MISTAKES = [
    (lambda x, i: tg.elu(x, alpha="a"), TypeError, r"elu: .* got x float32 .*, alpha 'a'"),
    (lambda x, i: tg.elu(x, alpha=x[0]), TypeError, "elu: .*got x float32|elu: a setting is"),
    (lambda x, i: tg.celu(x, "a"), TypeError, "celu: .* got x float32 of shape .*, alpha 'a'"),
    (lambda x, i: F.leaky_relu(x, "a"), TypeError, "leaky_relu: .* negative_slope 'a'"),
    (lambda x, i: F.hardtanh(x, [1]), TypeError, r"hardtanh takes real numbers, got \[1\]"),
    (lambda x, i: F.dropout(x, [0.5]), TypeError, r"dropout takes real numbers, got \[0\.5\]"),
    (lambda x, i: F.max_pool1d(x[None, None], {}), TypeError, "kernel_size takes a whole number"),
    (lambda x, i: F.layer_norm(x, 2.5), TypeError, "normalized_shape is a tuple .* got 2.5"),
    (lambda x, i: F.lp_pool1d(x[None, None], "a", 2), TypeError, "norm_type is a number, got 'a'"),
    (lambda x, i: tg.argmax(3), TypeError, "argmax: takes a tensor or an array; got x 3"),
    (lambda x, i: tg.flip(True, (0,)), TypeError, r"flip: takes .*; got x True, dims \(0,\)"),
    (lambda x, i: tg.sin(None), TypeError, "sin: takes Tensors.* got NoneType"),
    (lambda x, i: tg.add(None, 3), TypeError, "add: takes Tensors.* got NoneType and int"),
    (lambda x, i: x.sum(dtype=("a",)), TypeError, r"sum: .*dtype \('a',\)"),
    (lambda x, i: x.amax("a"), TypeError, "amax: dim is a whole number that names an axis"),
    (lambda x, i: x.expand([1], 2), TypeError, r"expand: .*shape \(\[1\], 2\)"),
    (lambda x, i: tg.isclose(x, x, "a"), TypeError, "isclose: .*rtol 'a'"),
    (lambda x, i: x.norm([1]), RuntimeError, r"norm: p is a number.* got \[1\]"),
    (lambda x, i: x.quantile([0.5]), TypeError, r"quantile takes real numbers, got \[0\.5\]"),
    (lambda x, i: x.quantile(0.5, interpolation=[]), RuntimeError, "interpolation is one of"),
    (lambda x, i: x.diff("a"), TypeError, "diff: n is a whole number, got 'a'"),
    (lambda x, i: x.chunk(1.5), TypeError, "chunk: chunks is a whole number, got 1.5"),
    (lambda x, i: x.round(decimals=[1]), TypeError, r"round: decimals is a .* got \[1\]"),
    (lambda x, i: x[None].repeat_interleave(), RuntimeError, r"of one axis, got shape \(1, 3\)"),
    (lambda x, i: x.dot(3), TypeError, "dot: takes tensors, got Tensor and int"),
    (lambda x, i: tg.addmv(x, x, [1]), TypeError, "mv: takes tensors, got Tensor and list"),
    (lambda x, i: x.inner("a"), TypeError, "inner: takes tensors, got Tensor and str"),
    (lambda x, i: tg.kron(x, [1.0]), TypeError, "kron: takes tensors, got Tensor and list"),
    (lambda x, i: tg.cross(x, [1.0]), TypeError, "cross: takes tensors, got Tensor and list"),
    (lambda x, i: tg.tensordot(x, [1.0], 1), TypeError, "tensordot: takes tensors, got T.* list"),
    (lambda x, i: tg.meshgrid(x, 3), TypeError, "meshgrid: takes tensors, got Tensor and int"),
    (lambda x, i: x.masked_fill([True], 1), TypeError, "masked_fill: takes tensors, got"),
    (lambda x, i: x.scatter(0, i - 1, "a"), TypeError, "scatter takes real numbers, got 'a'"),
    (lambda x, i: i.masked_fill(i > 1, math.inf), RuntimeError, "int64 cannot hold inf"),
    (lambda x, i: i.masked_fill_(i > 1, math.nan), RuntimeError, "int64 cannot hold nan"),
    (lambda x, i: i + LARGE, RuntimeError, "beside a tensor of int64 lies within int64, got 10"),
    (lambda x, i: i == LARGE, RuntimeError, "beside a tensor of int64 lies within int64, got 10"),
    (lambda x, i: tg.full((2,), LARGE), RuntimeError, "full: int64 cannot hold 10"),
    (lambda x, i: x.normal_(tg.zeros(2)), RuntimeError, r"normal_: a result of shape \(2,\)"),
    (lambda x, i: x.__setitem__(x > 0, tg.ones(2, 2)), RuntimeError, r"shape \(2, 2\) does not"),
    (lambda x, i: x.__setitem__(i > 1, tg.ones(3)), RuntimeError, r"shape \(3,\) does not"),
]


@pytest.mark.parametrize(("call", "error", "words"), MISTAKES)
def test_a_sentence_tells_what_was_given(call, error, words):
    with pytest.raises(error, match=words):
        call(tg.ones(3), tg.tensor([1, 2, 3]))


def test_what_python_said_is_the_cause():
    with pytest.raises(TypeError, match="elu: can't multiply") as caught:
        tg.elu(tg.ones(2, requires_grad=True), alpha="a")
    assert str(caught.value.__cause__).startswith("can't multiply")
