"""Batch norm folded into the layer before it, for evaluation: one layer that computes both."""

import copy

from ...autograd import no_grad
from ...tensor import Tensor
from ..module import Module, Parameter


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """The weights and biases of a convolution that does what this one and batch norm do.

    transpose: whether the outputs lie along the second axis of the weights, as in transposed
    convolution.
    """
    with no_grad():
        scale = (bn_rv + bn_eps).rsqrt()
        if bn_w is not None:
            scale = scale * bn_w
        outputs = [1] * conv_w.ndim
        outputs[1 if transpose else 0] = -1
        weight = conv_w * scale.reshape(*outputs)
        bias = (-bn_rm if conv_b is None else conv_b - bn_rm) * scale
        if bn_b is not None:
            bias = bias + bn_b
    dtype = conv_w.dtype if conv_b is None else conv_b.dtype
    return (
        Parameter(weight.to(dtype=conv_w.dtype), conv_w.requires_grad),
        Parameter(bias.to(dtype=dtype), conv_b is not None and conv_b.requires_grad),
    )


def check_evaluation(layer: Module, bn: Module) -> None:
    """Raise AssertionError unless both are in evaluation and bn has running statistics."""
    if layer.training or bn.training:
        raise AssertionError("layers are fused for evaluation alone; call eval() on both first")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("only a batch norm with running statistics can be fused")


def fuse_conv_bn_eval(conv: Module, bn: Module, transpose: bool = False) -> Module:
    """A new convolution that does what `conv` and `bn` behind it do in evaluation.

    Raises: AssertionError unless both are in evaluation and bn has running statistics.

    Source: Jacob et al. 2018, section 3.2.
    """
    check_evaluation(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        transpose,
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """The weights and biases of a linear layer that does what this one and batch norm do."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_linear_bn_eval(linear: Module, bn: Module) -> Module:
    """A new linear layer that does what `linear` and `bn` behind it do in evaluation.

    Raises: AssertionError unless both are in evaluation, bn has running statistics, and as many
    features as the linear layer or one.
    """
    check_evaluation(linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            f"a linear layer of {linear.out_features} outputs cannot be fused with a batch norm of "
            f"{bn.num_features} features"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        linear.weight,
        linear.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
    )
    return fused
