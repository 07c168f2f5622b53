"""Hooks of modules: functions that see what goes into a module and comes out, both ways.

Forward they run around `forward`. Backward they hang on two identities, one on the module's inputs
and one on its outputs, which are told of the gradients that pass.
"""

from collections.abc import Callable
from typing import Any

from ..autograd.function import Context, Function
from ..tensor import RemovableHandle, Tensor


def handle_of(hook: Callable, hooks: dict) -> RemovableHandle:
    """A handle of `hook`, now the last of `hooks`."""
    handle = RemovableHandle(hooks)
    hooks[handle.key] = hook
    return handle


def as_tuple(x: object) -> tuple:
    """x as a tuple."""
    return x if isinstance(x, tuple) else (x,)


class Crossing(Function):
    """The identity on some tensors; asks `seen` about their gradients, once all have arrived."""

    @staticmethod
    def forward(ctx: Context, seen: Callable, *xs: Tensor) -> tuple[Tensor, ...]:
        """The tensors themselves."""
        ctx.seen = seen
        return xs

    @staticmethod
    def backward(ctx: Context, *grads: Tensor) -> tuple:
        """What `seen` makes of the gradients."""
        return (None, *ctx.seen(grads))


class Hooks:
    """The hooks of one module by the time at which they run, each kind in the order of arrival."""

    def __init__(self) -> None:
        self.before = {}
        self.behind = {}
        self.backward = {}

    def any(self) -> bool:
        """Whether there are hooks; all may have been removed."""
        return bool(self.before or self.behind or self.backward)

    def run(self, module: Any, args: tuple, named: dict) -> Any:
        """The module's output for these arguments, with the hooks run around its forward."""
        for hook in list(self.before.values()):
            changed = hook(module, args)
            if changed is not None:
                args = as_tuple(changed)
        if self.backward:
            output = self.between_crossings(module, args, named)
        else:
            output = module.forward(*args, **named)
        for hook in list(self.behind.values()):
            changed = hook(module, args, output)
            if changed is not None:
                output = changed
        return output

    def between_crossings(self, module: Any, args: tuple, named: dict) -> Any:
        """The module's output, with identities on its inputs and outputs that the graph records."""
        wanted = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad]
        args = list(args)
        entered = []  # grad_output, for the hooks to see when backward leaves

        def enter(grads: tuple) -> tuple:
            entered[:] = grads
            if not wanted:
                leave(())
            return grads

        def leave(grads: tuple) -> tuple:
            whole = [None] * len(args)
            for i, g in zip(wanted, grads, strict=True):
                whole[i] = g
            whole = tuple(whole)
            for hook in list(self.backward.values()):
                changed = hook(module, whole, tuple(entered))
                if changed is not None:
                    whole = as_tuple(changed)
            return tuple([whole[i] for i in wanted])

        if wanted:
            inputs = Crossing.apply(leave, *[args[i] for i in wanted])
            for i, x in zip(wanted, inputs, strict=True):
                args[i] = x
        output = module.forward(*args, **named)
        outputs = Crossing.apply(enter, *as_tuple(output))
        return outputs if isinstance(output, tuple) else outputs[0]
