"""Gates of the user's own: `Function`, with a forward and a backward and any number of outputs.

A gate with several outputs is one tuple node, whose gradient is a list with a place per output, and
one `Pick` node per output, which puts its gradient into that place.
"""

import functools
import types
import weakref
from collections.abc import Callable

from .. import kernels
from ..graph import STATE, WRITTEN, check_stamps, tell
from ..tensor import FREED, Hooking, Tensor, TensorNode, lift, node_of, wrap
from .grad import enable_grad, listed, no_grad

PICK = types.SimpleNamespace(name="pick", keeps=False, many=False, arity=1, settings={})


class Context:
    """What a Function's forward leaves for its backward: `save_for_backward`, and any attribute.

    needs_input_grad: per argument, whether a gradient is wanted for it. saved_tensors: in backward,
    what was saved.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.to_save = ()
        self.saved_tensors = ()
        self.fixed = ()
        self.materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep these for `saved_tensors` in backward."""
        self.to_save = tensors

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say that these outputs are constants; no gradient will come back through them."""
        self.fixed = outputs

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether backward gets zeros (True, as without this call) or None for no gradient."""
        self.materialize = bool(value)

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Nothing that can be said here: no gate writes into its inputs.

        Raises: RuntimeError, always.

        Differs: PyTorch lets a Function change its inputs in place.
        """
        raise RuntimeError(
            "mark_dirty: a Function may not change its inputs in place; return new tensors instead"
        )

    def settle(self, name: str, inputs: tuple, outputs: list) -> list[bool]:
        """Put arrays in the place of kept Tensors; return which outputs have gradients.

        With each array goes where it came from: i for input i, -1 - j for output j that has a
        gradient, None for neither. A node that held Tensors of its own outputs would never be
        freed.

        Raises: ValueError if something was marked that is not an output.
        """
        for t in self.fixed:
            if not any(t is made for made in outputs):
                raise ValueError(
                    f"{name}.forward: mark_non_differentiable takes outputs, got a "
                    f"{type(t).__name__} that is none of them; mark the very Tensors it returns"
                )
        moving = [
            t.is_floating_point() and not any(t is fixed for fixed in self.fixed) for t in outputs
        ]
        places = [(t, i) for i, t in enumerate(inputs) if isinstance(t, Tensor)]
        places += [(t, -1 - j) for j, t in enumerate(outputs) if moving[j]]
        self.kept = [
            (None, None) if t is None else (t.raw, next((i for a, i in places if a is t), None))
            for t in self.to_save
        ]
        self.to_save = self.fixed = ()
        return moving


class Function:
    """A gate of the user's own.

    Subclasses have two static methods: `forward(ctx, *args)` returns one Tensor or a tuple;
    `backward(ctx, *grads)` takes a gradient per output and returns one (or None) per argument.
    With a third, `setup_context(ctx, inputs, output)`, forward is called without ctx. Call it by
    `apply`. If backward is written with gates, it can be differentiated again.
    """

    setup_context = None

    @staticmethod
    def forward(*args: object) -> Tensor | tuple:
        """The outputs."""
        raise NotImplementedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Context, *grads: Tensor) -> Tensor | tuple | None:
        """The gradients of the arguments."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *grads)")

    @classmethod
    def apply(cls, *args: object) -> Tensor | tuple:
        """The outputs of forward, recorded if an argument is on the graph.

        An argument that forward returns as it is comes back as a new Tensor on the same array,
        whose gradient goes through backward like any other output's.

        Raises: TypeError if forward returns something that is not a Tensor.
        """
        ctx = Context(tuple([isinstance(a, Tensor) and a.requires_grad for a in args]))
        with no_grad():
            if cls.setup_context is None:
                made = cls.forward(ctx, *args)
            else:
                made = cls.forward(*args)
                cls.setup_context(ctx, args, made)
        outputs = listed(made)
        for t in outputs:
            if not isinstance(t, Tensor):
                raise TypeError(
                    f"{cls.__name__}.forward must return Tensors, got {type(t).__name__}"
                )
        moving = ctx.settle(cls.__name__, args, outputs)
        results = [wrap(t.raw, None) for t in outputs]
        if STATE.recording and any(ctx.needs_input_grad) and any(moving):
            record(cls, ctx, args, results, moving)
        return tuple(results) if isinstance(made, (tuple, list)) else results[0]


class Once(Function):
    """Gradients that cannot be differentiated again."""

    @staticmethod
    def forward(ctx: Context, *gradients: Tensor) -> tuple:
        """The gradients as they are."""
        return gradients

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> tuple:
        """Nothing.

        Raises: RuntimeError, always.
        """
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def once_differentiable(backward: Callable) -> Callable:
    """The decorator of a backward that is not written with gates.

    Its gradients are right, and differentiating them again raises RuntimeError instead of taking
    them for constants.
    """

    @functools.wraps(backward)
    def once(ctx: Context, *grads: Tensor) -> tuple:
        with no_grad():
            made = listed(backward(ctx, *grads))
        found = [g for g in made if g is not None]
        if not (STATE.recording and found):
            return tuple(made)
        marked = iter(listed(Once.apply(*[g.detach().requires_grad_() for g in found])))
        return tuple([None if g is None else next(marked) for g in made])

    return once


def record(cls: type, ctx: Context, args: tuple, results: list[Tensor], moving: list[bool]) -> None:
    """Put the results that have gradients on the graph."""
    parents = tuple([a.node if isinstance(a, Tensor) else None for a in args])
    gate = types.SimpleNamespace(
        name=cls.__name__,
        keeps=True,
        many=False,
        arity=len(parents),
        settings={},
        backward=cls.backward,
    )
    whole = node_of(TupleNode, gate, parents, (ctx,), results[0].raw)
    whole.kinds = [(t.shape, t.dtype, type(t.raw)) for t in results]
    whole.picks = {}
    tell(whole, None, args)
    for place, t in enumerate(results):
        if moving[place]:
            t.node = whole.pick(place)
            tell(t.node, t, (None,))


class Pick(TensorNode):
    """One output of a tuple node."""

    __slots__ = ("place",)

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """Put the gradient into this output's place."""
        (whole,) = self.parents
        if whole.grad is None:
            whole.grad = [None] * len(whole.kinds)
        whole.grad[self.place] = self.grad
        self.grad = None


class HookedPick(Hooking, Pick):
    """An output with hooks."""

    __slots__ = ()


Pick.hooked = HookedPick


class TupleNode(TensorNode):
    """A node of several outputs."""

    __slots__ = ("kinds", "picks")

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """Run the user's backward and hand the results on."""
        saved = self.saved
        if saved.__class__ is not tuple:
            saved = saved.restore(self)
        (ctx,) = saved
        if WRITTEN[0] > self.seq:
            check_stamps(self, [raw for raw, _ in ctx.kept])
        needs = [None if reach is not None and p not in reach else p for p in self.parents]
        ctx.needs_input_grad = tuple(p is not None for p in needs)
        ctx.saved_tensors = self.standing_tensors(ctx, create_graph)
        grads = [self.gradient(i, ctx.materialize) for i in range(len(self.kinds))]
        with enable_grad() if create_graph else no_grad():
            back = listed(self.gate.backward(ctx, *grads))
        ctx.saved_tensors = ()
        self.check(back)
        for parent, g in zip(needs, back):  # noqa: B905  Nones may follow the last
            if g is not None and parent is not None:
                g = self.fit(g if create_graph else g.raw, parent)
                parent.grad = g if parent.grad is None else parent.grad + g
        self.grad = None
        if not retain_graph:
            self.saved = FREED

    def check(self, back: list) -> None:
        """Raise unless backward returned a Tensor or None per input; more may be None."""
        count = len(self.parents)
        if len(back) < count or any(g is not None for g in back[count:]):
            raise RuntimeError(
                f"{self.gate.name}.backward returned {len(back)} gradients for {count} inputs; "
                "return one per argument of forward, None where there is none"
            )
        for i, g in enumerate(back):
            if g is not None and not isinstance(g, Tensor):
                raise TypeError(
                    f"{self.gate.name}.backward must return Tensors and None, got "
                    f"{type(g).__name__} for input {i}"
                )

    def pick(self, place: int) -> Pick:
        """The node of one output; a new one if the user has dropped that output."""
        ref = self.picks.get(place)
        node = None if ref is None else ref()
        if node is None:
            shape, dtype, _ = self.kinds[place]
            node = node_of(Pick, PICK, (self,), (), types.SimpleNamespace(shape=shape, dtype=dtype))
            node.place = place
            self.picks[place] = weakref.ref(node)  # weak, for outputs hold this node
        return node

    def standing_tensors(self, ctx: Context, create_graph: bool) -> tuple[Tensor | None, ...]:
        """What the user saved; on the graph if gradients are to be differentiated again."""
        tensors = []
        for raw, place in ctx.kept:
            node = None
            if create_graph and place is not None and kernels.is_float(raw.dtype):
                node = self.parents[place] if place >= 0 else self.pick(-1 - place)
            tensors.append(None if raw is None else wrap(raw, node))
        return tuple(tensors)

    def gradient(self, place: int, materialize: bool) -> Tensor | None:
        """What arrived for one output; zeros (or None, unless materialized) if nothing did."""
        g = self.grad[place]
        if g is not None or not materialize:
            return None if g is None else lift(g)
        shape, dtype, kind = self.kinds[place]
        return wrap(kernels.backend(kind).xp.zeros(shape, dtype), None)
