"""Batch norm folded into the layer before it, for evaluation: one layer that computes both."""

import copy
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from ...autograd import enable_grad, no_grad
from ...tensor import Tensor
from ..conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..linear import Linear
from ..module import Module, Parameter
from ..norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..stateless import Identity


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


# --- a whole network ------------------------------------------------------------------------------

TRANSPOSED = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
LAYERS = (Conv1d, Conv2d, Conv3d, *TRANSPOSED, Linear)
NORMS = (BatchNorm1d, BatchNorm2d, BatchNorm3d)


class Call(NamedTuple):
    """One call of a module: its path, what went in and what came out."""

    path: str
    x: Tensor
    z: Tensor


def fuse_model(model: Module, *args: Tensor) -> Module:
    """A copy of `model` for evaluation, its batch norms folded into the layers before them.

    args: inputs such as the model takes, of one sample, zeros if you like. They run through it once
    to see what feeds what. A batch norm is folded if it was called once, directly on what a
    convolution or linear layer returned that was called once too, and if nothing else uses that
    result. In its place stands an Identity. All other layers stay as they are.

    Differs: PyTorch fuses traced models (torch.fx); here the graph of that one run is read.
    """
    fused = copy.deepcopy(model).eval()
    for layer_path, norm_path in foldable(fused, args):
        layer, norm = fused.get_submodule(layer_path), fused.get_submodule(norm_path)
        if isinstance(layer, Linear):
            folded = fuse_linear_bn_eval(layer, norm)
        else:
            folded = fuse_conv_bn_eval(layer, norm, isinstance(layer, TRANSPOSED))
        replace(fused, layer, folded)
        replace(fused, norm, Identity())
    return fused


def foldable(model: Module, args: tuple[Tensor, ...]) -> list[tuple[str, str]]:
    """The paths of each layer and the batch norm that can be folded into it."""
    layers, norms, outputs = watched(model, args)
    times = Counter(call.path for call in [*layers, *norms])
    made = {id(call.z): call for call in layers}
    users = users_of(outputs)
    pairs = []
    for norm in norms:
        layer = made.get(id(norm.x))
        if layer is None or model.get_submodule(norm.path).running_mean is None:
            continue
        if times[layer.path] == times[norm.path] == 1 and passes(layer.z, norm.z, users, outputs):
            pairs.append((layer.path, norm.path))
    return pairs


def watched(
    model: Module, args: tuple[Tensor, ...]
) -> tuple[list[Call], list[Call], tuple[Tensor, ...]]:
    """The calls of layers and of batch norms as `model` takes these inputs, and its outputs."""
    calls = {LAYERS: [], NORMS: []}
    handles = []

    def listener(path: str, kind: tuple[type, ...]) -> Callable:
        return lambda module, inputs, z: calls[kind].append(Call(path, inputs[0], z))

    for path, module in model.named_modules():
        for kind in calls:
            if isinstance(module, kind):
                handles.append(module.register_forward_hook(listener(path, kind)))
    try:
        with enable_grad():
            outputs = model(*[x.detach().requires_grad_() for x in args])
    finally:
        for handle in handles:
            handle.remove()
    return calls[LAYERS], calls[NORMS], outputs if isinstance(outputs, tuple) else (outputs,)


def users_of(outputs: tuple[Tensor, ...]) -> dict:
    """For every node that the outputs were computed from, the nodes that used it for that."""
    users = {z.node: [] for z in outputs}
    waiting = list(users)
    while waiting:
        node = waiting.pop()
        for parent in node.parents:
            if parent is not None:
                if parent not in users:
                    users[parent] = []
                    waiting.append(parent)
                users[parent].append(node)
    return users


def passes(x: Tensor, gate: Tensor, users: dict, outputs: tuple[Tensor, ...]) -> bool:
    """Whether all that the outputs have of x came through the tensor `gate`."""
    ends = {z.node for z in outputs}
    met = {x.node, gate.node}  # behind the gate nothing is looked at
    waiting = [x.node]
    while waiting:
        node = waiting.pop()
        if node in ends:
            return False
        new = [user for user in users.get(node, ()) if user not in met]
        met.update(new)
        waiting += new
    return True


def replace(model: Module, old: Module, new: Module) -> None:
    """Make `new` what stands wherever `old` stood."""
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if module is old:
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, new)
