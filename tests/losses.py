"""How losses are compared with PyTorch's."""

import numpy as np
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.graph import ancestors
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


def in_library(make, value):
    """A setting with arrays as tensors."""
    return make(value) if isinstance(value, np.ndarray) else value


def agree_with_torch(torch, name, inputs, settings, fixed=()):
    """Compare a function's values and first gradients; inputs at `fixed` are not differentiated."""
    floats = [x.dtype.kind == "f" and i not in fixed for i, x in enumerate(inputs)]
    pairs = list(zip(inputs, floats, strict=True))
    ours = [tg.tensor(x, requires_grad=f) for x, f in pairs]
    theirs = [torch.tensor(x, requires_grad=f) for x, f in pairs]
    z = getattr(F, name)(*ours, **{n: in_library(tg.tensor, s) for n, s in settings.items()})
    twin = getattr(torch.nn.functional, name)(
        *theirs, **{n: in_library(torch.tensor, s) for n, s in settings.items()}
    )
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    g = np.asarray(np.random.default_rng(0).standard_normal(z.shape))
    z.backward(tg.tensor(g))
    twin.backward(torch.tensor(g))
    for x, y in zip(ours, theirs, strict=True):
        if x.requires_grad:
            got = np.zeros(x.shape) if x.grad is None else host(x.grad)
            want = np.zeros(x.shape) if y.grad is None else y.grad.numpy()
            agree("PyTorch", got, want, ROUNDING)


def count_gates(z):
    """How many gates are on the graph above z."""
    return sum(node.gate is not None for node in ancestors([z.node]))
