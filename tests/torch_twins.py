"""Networks that PyTorch does not have, made of its layers; and how nets with heads are compared."""

import numpy as np
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models


def twin(torch, module):
    """The same module made of PyTorch's layers, which run what the class says in forward."""
    parts = {name: twin(torch, child) for name, child in module.named_children()}
    if parts:
        return container(torch, module, parts)
    name = next(k.__name__ for k in type(module).__mro__ if hasattr(torch.nn, k.__name__))
    layer = eval(f"{name}({module.extra_repr()})", vars(torch.nn))
    if name == "AvgPool2d":  # whose text does not say it
        layer.count_include_pad = module.count_include_pad
    return layer


def container(torch, module, parts):
    """A module of torch with these children, which does with them what ours does."""
    kind = type(module)

    class Container(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, value in vars(module).items():
                setattr(self, name, parts.get(name, value))

        def __iter__(self):
            return iter([getattr(self, name) for name in parts])

        def in_order(self):
            return list(self)

        def forward(self, x):
            if isinstance(module, models.Parallel):
                return torch.cat([branch(x) for branch in self], 1)
            return kind.forward(self, x)

    return Container()


def scores(outputs):
    """The scores of a network and of its heads, as a tuple."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


def compared(torch, ours, theirs, x, target):
    """Ours, given their state, agrees: logits, gradients and running statistics, in both modes."""
    ours.load_state_dict({key: t.numpy() for key, t in theirs.state_dict().items()})
    for mode in (True, False):
        mine, yours = ours.train(mode)(tg.tensor(x)), theirs.train(mode)(torch.tensor(x))
        assert isinstance(mine, tuple) == isinstance(yours, tuple)
        for z, other in zip(scores(mine), scores(yours), strict=True):
            agree("PyTorch", z.raw, other.detach().numpy(), 1e-9)
        ours.zero_grad()
        theirs.zero_grad()
        models.cross_entropy_with_heads(mine, tg.tensor(target)).backward()
        loss_of_torch(torch, scores(yours), torch.tensor(target)).backward()
        same_gradients(ours, dict(theirs.named_parameters()))
        for b, c in zip(ours.buffers(), theirs.buffers(), strict=True):
            agree("PyTorch", b.raw, c.numpy(), 1e-9)


def loss_of_torch(torch, outputs, target):
    """The same loss in PyTorch."""
    loss, *others = [torch.nn.functional.cross_entropy(z, target) for z in outputs]
    return loss + 0.3 * sum(others)


def same_gradients(ours, theirs):
    """Every parameter has the same gradient as its twin, and none where that has none."""
    for name, p in ours.named_parameters():
        want = theirs.pop(name).grad
        assert (p.grad is None) == (want is None), name
        if want is not None:
            scale = max(want.abs().max().item(), 1e-3)
            agree("PyTorch", host(p.grad) / scale, want.numpy() / scale, 1e-9)
    assert not theirs


def images(*shape):
    """Pictures of noise."""
    return np.random.default_rng(0).standard_normal(shape)
