"""Tensor mode: a Tensor holds an array (`raw`) and, when it is on the graph, a node.

A node keeps arrays, never Tensors: there are no reference cycles, nothing is wrapped while
recording, and first-order backward runs on raw arrays. When gradients are to be differentiated
again, `lifted` puts Tensors where the arrays stood, and the same rules record.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from . import kernels
from .graph import (
    ALONE,
    HOOKED,
    STAMPS,
    STATE,
    Node,
    backprop,
    check_stamps,
    references,
    stamp,
    tick,
)

new = object.__new__


@dataclass(frozen=True)
class Device:
    """Where a tensor's numbers lie: type "cpu" or "cuda", and which one of several."""

    type: str
    index: int | None = None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


class Freed:
    """Stands in `saved` of a node whose arrays were dropped."""

    def restore(self, node: "TensorNode") -> tuple:
        """Nothing can be restored."""
        raise RuntimeError(
            f"{node.gate.name}: trying to backward through the graph a second time, but the saved "
            "arrays have already been freed; pass retain_graph=True the first time"
        )


FREED = Freed()


class TensorNode(Node):
    """A node of tensor mode.

    parents: one node or None per input. saved: what the rules need, in the order of the gate's
    words; or a stand-in with `restore`. shape, dtype: the tensor's, which its gradient must have.
    hooks: unset but in a hooked node.
    """

    __slots__ = ("__weakref__", "dtype", "hooks", "parents", "saved", "shape")
    blank = None
    fit = None  # (gradient, node) -> the gradient in the node's shape and dtype; given by ops

    def arrived(self) -> object:
        """The gradient that has arrived."""
        return self.grad

    def lifted(self, saved: tuple) -> tuple:
        """`saved` with Tensors standing where the output and the inputs stood: by position."""
        if self.gate.many:
            z, xs, *rest = saved
            kept = None if xs is None else tuple(map(standing, xs, self.parents))
            return (standing(z, self), kept, *rest)
        count = len(self.parents) + 1
        return (*map(standing, saved, (self, *self.parents)), *saved[count:])

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """Run the rules on what has arrived, hand the results on, and forget both."""
        gate = self.gate
        if gate is None:
            return
        parents = self.parents
        saved = self.saved
        if saved.__class__ is not tuple:
            saved = saved.restore(self)
        if STAMPS:
            check_stamps(self, saved)
        needs = parents
        if reach is not None:
            needs = tuple([p if p in reach else None for p in parents])
        if create_graph:
            saved = self.lifted(saved)
        pulled = gate.pull(self.grad, needs, *saved)
        for parent, g in zip(parents, pulled):  # noqa: B905  a strict zip costs 0.3 us
            if g is None or parent is None:
                continue
            if g.shape != parent.shape or g.dtype is not parent.dtype:
                g = self.fit(g, parent)  # broadcasting and casts undone here, once, never in a rule
            parent.grad = g if parent.grad is None else parent.grad + g
        self.grad = None
        if gate.keeps and not retain_graph:
            self.saved = FREED

    def settle(self, old: "Tensor | None", keep: bool) -> None:
        """After a walk: a leaf adds what arrived to what it had; nobody else keeps anything."""
        arrived = self.grad
        self.grad = old
        if self.gate is not None or not keep or arrived is None:
            return
        if old is None:
            self.grad = lift(owned(arrived))  # a Tensor, so that x.grad is x.grad
        elif isinstance(arrived, Tensor) or old.node is not None:
            self.grad = old + lift(arrived)
        else:
            stamp(old.raw)
            old.raw += arrived


class Hooks:
    """What a hooked node has beside a node: functions by key, and the gradient it retains."""

    def __init__(self) -> None:
        self.functions = {}
        self.retain = False
        self.grad = None


class Hooking:
    """What a node does that has hooks or retains its gradient."""

    __slots__ = ()

    def arrived(self) -> object:
        """What has arrived, after the hooks have seen it, once."""
        if self.grad is None or self.mark is self:
            return self.grad
        self.mark = self  # the walk's mark is used up: it now says that the hooks have run
        for hook in list(self.hooks.functions.values()):
            out = hook(lift(self.grad))
            if out is not None:
                self.grad = out if isinstance(self.grad, Tensor) else out.raw
        if self.hooks.retain:
            self.hooks.grad = lift(owned(self.grad))
        return self.grad

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """As any node, after the hooks."""
        self.arrived()
        super().send(create_graph, retain_graph, reach)


class HookedNode(Hooking, TensorNode):
    """A node with hooks: same slots, so that a node can become one by `__class__` assignment."""

    __slots__ = ()


TensorNode.hooked = HookedNode  # each kind of node says what it becomes


class RemovableHandle:
    """What registering a hook returns; `remove()` takes the hook away."""

    def __init__(self, functions: dict) -> None:
        self.functions = functions
        self.key = object()

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self.functions.pop(self.key, None)


class Tensor:
    """An array that can be differentiated.

    raw: the array, of its backend's own type, never a NumPy scalar. node: its place on the graph,
    None for a constant. An existing array is shared, not copied; Python floats become float32.
    """

    __slots__ = ("__weakref__", "node", "raw")
    __array_ufunc__ = None  # NumPy arrays and scalars on the left leave the operator to us
    __hash__ = object.__hash__

    def __init__(
        self,
        data: object,
        requires_grad: bool = False,
        dtype: np.dtype | str | None = None,
    ) -> None:
        raw = data.raw if isinstance(data, Tensor) else data
        if not hasattr(raw, "dtype"):
            raw = np.asarray(data)
            if raw.dtype.kind not in "biuf":
                raise TypeError(f"a Tensor holds numbers, got {data!r}")
            if raw.dtype.kind == "f" and dtype is None:
                raw = raw.astype(kernels.DEFAULT)
        raw = kernels.backend(type(raw)).asarray(raw)
        self.raw = raw if dtype is None else raw.astype(dtype, copy=False)
        self.node = None
        if requires_grad:
            self.requires_grad_()

    # --- what it is ---

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.raw.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.raw.ndim

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""
        return self.raw.dtype

    @property
    def device(self) -> Device:
        """Where the numbers lie."""
        return Device(kernels.backend(type(self.raw)).device)

    @property
    def data(self) -> "Tensor":
        """The same array outside the graph."""
        return wrap(self.raw, None)

    @property
    def requires_grad(self) -> bool:
        """Whether this tensor is on the graph."""
        return self.node is not None

    @property
    def is_leaf(self) -> bool:
        """Whether no gate made this tensor, or none that was recorded."""
        return self.node is None or self.node.gate is None

    @property
    def grad_fn(self) -> TensorNode | None:
        """The node of the gate that made this tensor; None for a leaf."""
        return None if self.is_leaf else self.node

    def dim(self) -> int:
        """The number of axes."""
        return self.raw.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.raw.size

    def size(self, dim: int | None = None) -> tuple[int, ...] | int:
        """The sizes of all axes, or of one."""
        return self.raw.shape if dim is None else self.raw.shape[dim]

    # --- out of the graph, and into it ---

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """This tensor, made a leaf (or with False a constant).

        Raises: RuntimeError for dtypes without derivatives, or for False on an interior tensor.
        """
        if not requires_grad:
            if not self.is_leaf:
                raise RuntimeError("an interior tensor cannot stop requiring grad; use detach()")
            self.node = None
        elif self.raw.dtype.kind != "f":
            raise RuntimeError(f"only floating tensors can require gradients, got {self.dtype}")
        elif self.node is None:
            self.node = node_of(TensorNode, None, (), (), self.raw)
        return self

    def detach(self) -> "Tensor":
        """The same array outside the graph."""
        return wrap(self.raw, None)

    def numpy(self) -> np.ndarray:
        """The numbers as a NumPy array, which shares memory with a tensor on the CPU.

        Raises: RuntimeError on the graph, TypeError on a device.
        """
        if self.node is not None:
            raise RuntimeError("this tensor requires grad; call x.detach().numpy()")
        if type(self.raw) is not np.ndarray:
            raise TypeError(f"this tensor is on {self.device}; call x.cpu().numpy()")
        return self.raw

    def item(self) -> float | int | bool:
        """The only element as a Python number.

        Raises: RuntimeError if there is not exactly one.
        """
        if self.raw.size != 1:
            raise RuntimeError(f"only a tensor of one element has an item, got shape {self.shape}")
        return self.raw.item()

    def tolist(self) -> list | float | int | bool:
        """The numbers as nested lists."""
        return self.raw.tolist()

    # --- gradients ---

    def backward(
        self,
        gradient: "Tensor | None" = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add d self / d leaf, times `gradient`, to the grad of every leaf.

        Raises: RuntimeError for a tensor that is not on the graph, for one of several elements
        without `gradient`, and for a graph whose saved arrays were freed by an earlier backward.
        """
        if self.node is None:
            raise RuntimeError(
                "this tensor does not require grad and has no graph; was it made by gates from a "
                "tensor with requires_grad=True, outside no_grad?"
            )
        seed = seed_for(self, gradient, create_graph)
        keep = create_graph if retain_graph is None else retain_graph
        with np.errstate(all="ignore"):
            backprop([self.node], [seed], create_graph, keep)

    @property
    def grad(self) -> "Tensor | None":
        """What backward has left here: the sum at a leaf, a retained gradient inside the graph."""
        node = self.node
        if node is None:
            return None
        if node.gate is None:
            return node.grad
        return node.hooks.grad if node in HOOKED else None

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if self.node is None or self.node.gate is not None:
            if value is not None:
                raise RuntimeError("only a leaf that requires grad holds a gradient")
            return
        if value is not None and value.shape != self.shape:
            raise RuntimeError(f"a gradient of shape {value.shape} for a tensor of {self.shape}")
        self.node.grad = value

    def hooked(self) -> Hooks:
        """The hooks of this tensor's node."""
        if self.node is None:
            raise RuntimeError("a tensor that does not require grad gets no gradient to hook")
        if self.node not in HOOKED:
            self.node.__class__ = self.node.hooked
            self.node.hooks = Hooks()
            HOOKED.add(self.node)
        return self.node.hooks

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """A handle of `hook(grad)`, run when all of this tensor's gradient has arrived.

        What the hook returns, unless None, takes the gradient's place.
        """
        handle = RemovableHandle(self.hooked().functions)
        handle.functions[handle.key] = hook
        return handle

    def retain_grad(self) -> None:
        """Keep the gradient of an interior tensor; a leaf keeps its own anyway."""
        if not self.is_leaf:
            self.hooked().retain = True

    # --- in place ---

    def check_write(self, name: str, args: tuple) -> None:
        """Raise RuntimeError where writing would change a graph behind its back."""
        node = self.node
        if node is not None and node.gate is not None:
            raise RuntimeError(
                f"{name} would overwrite a tensor that is on the graph; use the form that makes a "
                "new tensor, as in x = x + y"
            )
        if STATE.recording and node is not None:
            raise RuntimeError(
                f"{name}: a leaf Variable that requires grad is being used in an in-place "
                "operation; write under no_grad()"
            )
        if STATE.recording and any(isinstance(a, Tensor) and a.node is not None for a in args):
            raise RuntimeError(f"{name} would lose a gradient; write x = x + y and the like")

    def write(self, name: str, gate: Callable, *args: object) -> "Tensor":
        """This tensor, with gate(self, *args) written into its array: the in-place method `name`.

        Raises: RuntimeError where a graph would be changed behind its back, or a number lost.
        """
        self.check_write(name, args)
        constants = [wrap(a.raw, None) if isinstance(a, Tensor) else a for a in args]
        z = gate(wrap(self.raw, None), *constants)
        z = z.raw if isinstance(z, Tensor) else z
        if hasattr(z, "dtype") and "biuf".index(z.dtype.kind) > "biuf".index(self.dtype.kind):
            raise RuntimeError(f"{name}: result type {z.dtype} can't be cast to {self.dtype}")
        if getattr(z, "shape", ()) not in ((), self.shape):
            raise RuntimeError(f"{name}: a result of shape {z.shape} for a tensor of {self.shape}")
        stamp(self.raw)
        self.raw[...] = z
        return self

    def put(self, key: object, value: object) -> None:
        """x[key] = value.

        Raises: RuntimeError where a graph would be changed behind its back.
        """
        self.check_write("item assignment", (value,))
        value = value.raw if isinstance(value, Tensor) else value
        stamp(self.raw)
        self.raw[key] = value

    # --- Python's own protocols ---

    def __len__(self) -> int:
        if not self.raw.ndim:
            raise TypeError("a tensor of no axes has no len()")
        return self.raw.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.raw.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **how: object) -> object:
        return self.detach().raw.__dlpack__(**how)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.raw.__dlpack_device__()

    def __deepcopy__(self, memo: dict) -> "Tensor":
        if not self.is_leaf:
            raise RuntimeError("only leaves can be copied deeply; use x.detach().clone()")
        copied = memo[id(self)] = new(type(self))
        copied.raw = self.raw.copy()
        copied.node = None
        if self.node is not None:
            copied.requires_grad_()
            grad = self.node.grad
            copied.node.grad = None if grad is None else wrap(grad.raw.copy(), None)
        return copied

    def __reduce__(self) -> tuple:
        if not self.is_leaf:
            raise RuntimeError("only leaves can be pickled; use x.detach()")
        return rebuilt, (type(self), self.raw, self.requires_grad)

    def __repr__(self) -> str:
        note = ""
        if self.node is not None:
            gate = self.node.gate
            note = ", requires_grad=True" if gate is None else f", grad_fn=<{gate.name}>"
        if self.raw.dtype not in (kernels.DEFAULT, np.dtype(bool), np.dtype("int64")):
            note = f", dtype={self.raw.dtype}{note}"
        host = kernels.backend(type(self.raw)).to_host(self.raw)
        text = np.array2string(host, separator=", ", prefix="tensor(", precision=4, threshold=1000)
        return f"tensor({text}{note})"


def wrap(raw: object, node: TensorNode | None) -> Tensor:
    """A Tensor of these two, without checks."""
    t = new(Tensor)
    t.raw = raw
    t.node = node
    return t


def rebuilt(cls: type, raw: object, requires_grad: bool) -> Tensor:
    """A Tensor (or a subclass's) as it was before pickling."""
    t = new(cls)
    t.raw = raw
    t.node = None
    return t.requires_grad_(requires_grad)


def standing(raw: object, node: TensorNode | None) -> object:
    """A Tensor in the place of a saved array; whatever else was saved stays."""
    return wrap(raw, node) if hasattr(raw, "dtype") else raw


def lift(raw: object) -> Tensor:
    """`raw` as a Tensor: an array becomes one outside the graph."""
    if isinstance(raw, Tensor):
        return raw
    return wrap(kernels.backend(type(raw)).asarray(raw), None)


def node_of(cls: type, gate: object, parents: tuple, saved: tuple, raw: object) -> TensorNode:
    """A new node for a tensor that holds `raw`; the recorders spell this out for speed."""
    node = new(cls)
    node.gate = gate
    node.parents = parents
    node.saved = saved
    node.grad = node.mark = None
    node.shape = raw.shape
    node.dtype = raw.dtype
    node.seq = tick()
    return node


def owned(g: object) -> object:
    """`g` as a leaf may keep it: writable and nobody else's. A Tensor is a value and stays."""
    if isinstance(g, Tensor):
        return g
    g = kernels.backend(type(g)).asarray(g)
    shared = references(g) > ALONE or g.base is not None
    return g.copy() if shared or not getattr(g.flags, "writeable", True) else g


def seed_for(root: Tensor, gradient: Tensor | None, create_graph: bool) -> object:
    """The gradient a walk starts from: raw, or a Tensor with create_graph.

    Raises: RuntimeError if there is none and root has several elements, or if shapes differ.
    """
    if gradient is None:
        if root.raw.size != 1:
            raise RuntimeError(
                f"grad can be implicitly created only for scalar outputs, got shape {root.shape}; "
                "pass a gradient of that shape, or reduce with sum() or mean()"
            )
        gradient = kernels.xp(root.raw).ones_like(root.raw)
    gradient = lift(gradient)
    if gradient.shape != root.shape:
        raise RuntimeError(f"gradient has shape {gradient.shape}, the output {root.shape}")
    if gradient.dtype != root.dtype:
        gradient = wrap(gradient.raw.astype(root.dtype), None)
    return gradient if create_graph else gradient.raw
