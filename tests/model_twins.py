"""Two nets of the same layers, one of them PyTorch's: what both make of some images must agree.

Big nets are built without numbers and then get small heads, so that a test takes a moment.
"""

import json
from pathlib import Path

import numpy as np
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.nn import functional as F

STATES = json.loads((Path(__file__).parent / "models/torchvision_state_dicts.json").read_text())


def made(name: str, **settings) -> nn.Module:
    """A model without numbers."""
    with tg.device("meta"):
        return getattr(models, name)(**settings)


def count(module: nn.Module) -> int:
    """How many parameters there are."""
    return sum(p.numel() for p in module.parameters())


def outputs(net: nn.Module, *shape: int) -> dict:
    """The shape of what each layer without layers inside makes of zeros, by the layer's path."""
    shapes = {}
    for path, module in net.named_modules():
        if not list(module.children()):
            module.register_forward_hook(
                lambda layer, args, z, path=path: shapes.update({path: z.shape})
            )
    net(tg.zeros(*shape, device="meta"))
    return shapes


def multiply_adds(net: nn.Module, *size: int) -> int:
    """How many of them the layers with weights take for one sample of this shape."""
    return tg.viz.summary(net, size).multiply_adds


def filled(net: nn.Module) -> nn.Module:
    """A net without numbers, now with zeros in double precision."""
    for module in net.modules():
        for name, p in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(tg.zeros(p.shape, dtype="float64")))
        for name, b in module.named_buffers(recurse=False):
            dtype = "float64" if b.dtype.kind == "f" else b.dtype
            module.register_buffer(name, tg.zeros(b.shape, dtype=dtype))
    return net


def stirred(torch, net):
    """PyTorch's net, in double precision, with numbers that keep signals at their size."""
    torch.manual_seed(0)
    net = net.to_empty(device="cpu").double()
    with torch.no_grad():
        for name, t in [*net.named_parameters(), *net.named_buffers()]:
            if "num_batches" in name:
                t.zero_()
            elif t.ndim > 1:
                t.normal_(0, (2 / t[0].numel()) ** 0.5)
            elif name.endswith(("running_mean", "bias")):
                t.normal_(0, 0.1)
            else:
                t.uniform_(0.5, 1.5)
    return net


def compared(torch, ours: nn.Module, theirs, *shape: int) -> None:
    """Ours, given their state, agrees: logits, gradients and running statistics, in both modes."""
    ours.load_state_dict({key: t.numpy() for key, t in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal(shape)
    target = list(range(shape[0]))
    for mode in (True, False):
        z, twin = ours.train(mode)(tg.tensor(x)), theirs.train(mode)(torch.tensor(x))
        agree("PyTorch", z.raw, twin.detach().numpy(), 1e-9)
        ours.zero_grad()
        theirs.zero_grad()
        F.cross_entropy(z, tg.tensor(target)).backward()
        torch.nn.functional.cross_entropy(twin, torch.tensor(target)).backward()
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            scale = max(q.grad.abs().max().item(), 1e-3)
            agree("PyTorch", host(p.grad) / scale, q.grad.numpy() / scale, 1e-9)
        for b, c in zip(ours.buffers(), theirs.buffers(), strict=True):
            agree("PyTorch", b.raw, c.numpy(), 1e-9)
