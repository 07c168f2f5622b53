"""Tensor mode: a Tensor holds an array (`raw`) and, when it is on the graph, a node.

What an array alone can answer stands in `tensor_array`, nodes and hooks in `tensor_node`, and what
computes or writes is attached by `ops`.
"""

from collections.abc import Callable

import numpy as np

from . import kernels
from .graph import HOOKED, backprop
from .kernels import Device  # noqa: F401
from .kernels.capture import read_by_host
from .tensor_array import Numbers, array_of
from .tensor_node import (  # noqa: F401  some for the layers above
    FREED,
    HookedNode,
    Hooking,
    RemovableHandle,
    TensorNode,
    hooks_of,
    lift,
    node_of,
    owned,
)

new = object.__new__


class Tensor(Numbers):
    """An array that can be differentiated.

    raw: the array, of its backend's own type, never a NumPy scalar. node: its place on the graph,
    None for a constant. An existing array is shared, not copied; Python floats become float32.

    Raises: TypeError for what holds no numbers, ValueError for lists of unequal lengths, and
    RuntimeError for numbers that the dtype does not hold.
    """

    __slots__ = ("__weakref__", "node")
    __array_ufunc__ = None  # NumPy arrays and scalars on the left leave the operator to us
    __hash__ = object.__hash__

    def __init__(
        self,
        data: object,
        requires_grad: bool = False,
        dtype: np.dtype | str | None = None,
    ) -> None:
        self.raw = array_of(data.raw if isinstance(data, Tensor) else data, dtype)
        self.node = None
        if requires_grad:
            self.requires_grad_()

    # --- on the graph and off it ---

    @property
    def data(self) -> "Tensor":
        """The same array outside the graph.

        A tensor that is assigned here lends its array: this one keeps its place on the graph.

        Raises: TypeError for what is no Tensor, RuntimeError for whole numbers in a tensor that
        requires grad.
        """
        return wrap(self.raw, None)

    @data.setter
    def data(self, value: "Tensor") -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data is a Tensor, got {type(value).__name__}; see tg.tensor(...)")
        node = self.node
        if node is not None and not value.is_floating_point():
            raise RuntimeError(
                f"a tensor that requires grad is floating, got data of {value.dtype}"
            )
        self.raw = value.raw
        if node is not None and node.gate is None:
            node.shape = value.raw.shape
            node.dtype = value.raw.dtype

    @property
    def requires_grad(self) -> bool:
        """Whether this tensor is on the graph; assigning it is `requires_grad_`."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        self.requires_grad_(requires_grad)

    @property
    def is_leaf(self) -> bool:
        """Whether no gate made this tensor, or none that was recorded."""
        return self.node is None or self.node.gate is None

    @property
    def grad_fn(self) -> TensorNode | None:
        """The node of the gate that made this tensor; None for a leaf."""
        return None if self.is_leaf else self.node

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """This tensor, made a leaf (or with False a constant).

        Raises: RuntimeError for dtypes without derivatives, or for False on an interior tensor.

        Differs: a leaf that is made a constant forgets its gradient; a tensor on the graph may be
        told to require one again.
        """
        if not requires_grad:
            if not self.is_leaf:
                raise RuntimeError("an interior tensor cannot stop requiring grad; use detach()")
            self.node = None
        elif not kernels.is_float(self.raw.dtype):
            raise RuntimeError(f"only floating tensors can require gradients, got {self.dtype}")
        elif self.node is None:
            self.node = node_of(TensorNode, None, (), (), self.raw)
        return self

    def detach(self) -> "Tensor":
        """The same array outside the graph."""
        return wrap(self.raw, None)

    def detach_(self) -> "Tensor":
        """This tensor, taken off the graph."""
        self.node = None
        return self

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The numbers as a NumPy array, which shares memory with a tensor on the CPU.

        With `force` from the graph and from a device as well.

        Raises: RuntimeError on the graph, TypeError on a device.
        """
        read_by_host()
        if force:
            return kernels.backend(type(self.raw)).to_host(self.raw)
        if self.node is not None:
            raise RuntimeError("this tensor requires grad; call x.detach().numpy()")
        if type(self.raw) is not np.ndarray:
            raise TypeError(f"this tensor is on {self.device}; call x.cpu().numpy()")
        return self.raw

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
        with np.errstate(all="ignore"), kernels.on(self.raw):
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
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"a gradient is a Tensor or None, got {type(value).__name__}")
        if self.node is None or self.node.gate is not None:
            if value is not None:
                raise RuntimeError("only a leaf that requires grad holds a gradient")
            return
        if value is not None and value.shape != self.shape:
            raise RuntimeError(f"a gradient of shape {value.shape} for a tensor of {self.shape}")
        if value is not None and value.dtype != self.dtype:
            raise RuntimeError(f"a gradient of dtype {value.dtype} for a tensor of {self.dtype}")
        if value is not None and type(value.raw) is not type(self.raw):
            raise RuntimeError(f"a gradient on {value.device} for a tensor on {self.device}")
        self.node.grad = value

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """A handle of `hook(grad)`, run when all of this tensor's gradient has arrived.

        What the hook returns, unless None, takes the gradient's place.

        Raises: RuntimeError for a tensor that does not require grad. Backward raises TypeError if
        the hook returns no Tensor, RuntimeError if that has another shape, dtype or device.
        """
        handle = RemovableHandle(hooks_of(self.node).functions)
        handle.functions[handle.key] = hook
        return handle

    def retain_grad(self) -> None:
        """Keep the gradient of an interior tensor; a leaf keeps its own anyway.

        Raises: RuntimeError for a tensor that does not require grad.
        """
        hooks = None if self.is_leaf and self.node is not None else hooks_of(self.node)
        if hooks is not None:
            hooks.retain = True

    @property
    def retains_grad(self) -> bool:
        """Whether this is an interior tensor that keeps its gradient."""
        return not self.is_leaf and self.node in HOOKED and self.node.hooks.retain

    # --- Python's own protocols ---

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **how: object) -> object:
        if self.node is not None:
            raise BufferError("a tensor that requires grad hands no memory over; use x.detach()")
        if self.raw.dtype.kind == "V":
            raise BufferError(f"{self.dtype} cannot be handed over; use x.float()")
        writable = getattr(self.raw.flags, "writeable", True)  # what repeats itself is read-only
        return (self.raw if writable else self.raw.copy()).__dlpack__(**how)

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
        return f"{super().__repr__()[:-1]}{note})"


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
    kernels.accepted(raw.dtype)  # bfloat16 wants to be asked for
    return t.requires_grad_(requires_grad)


TensorNode.wrap = staticmethod(wrap)


def seed_for(root: Tensor, gradient: Tensor | None, create_graph: bool) -> object:
    """The gradient a walk starts from: raw, or a Tensor with create_graph.

    Raises: RuntimeError if there is none and root has several elements, or if shapes or the kinds
    of devices differ.
    """
    if gradient is None:
        if root.raw.size != 1:
            raise RuntimeError(
                f"grad can be implicitly created only for scalar outputs, got shape {root.shape}; "
                "pass a gradient of that shape, or reduce with sum() or mean()"
            )
        with kernels.on(root.raw):
            gradient = kernels.xp(root.raw).ones_like(root.raw)
    gradient = lift(gradient)
    if type(gradient.raw) is not type(root.raw):
        raise RuntimeError(
            f"gradient is on {gradient.device}, the output on {root.device}; move it with "
            "gradient.to(output.device)"
        )
    if gradient.shape != root.shape:
        raise RuntimeError(f"gradient has shape {gradient.shape}, the output {root.shape}")
    if gradient.dtype != root.dtype:
        with kernels.on(gradient.raw):
            gradient = wrap(gradient.raw.astype(root.dtype), None)
    return gradient if create_graph else gradient.raw
