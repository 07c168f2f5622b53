# Written by `python -m tests.stubs` from the live classes; edit those, not this file.
# ruff: noqa: E501, F401, RUF100

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from .graph import Node

new: Any

@dataclass(frozen=True)
class Device:
    """Where a tensor's numbers lie: type "cpu" or "cuda", and which one of several."""

    type: str
    index: int | None = None
    def __str__(self) -> str: ...

class Freed:
    """Stands in `saved` of a node whose arrays were dropped."""

    def restore(self, node: TensorNode) -> tuple:
        """Nothing can be restored."""

FREED: Freed

class TensorNode(Node):
    """A node of tensor mode."""

    dtype: np.dtype
    gate: Any
    grad: Any
    hooks: Any
    mark: Any
    parents: tuple[TensorNode | None, ...]
    saved: Any
    seq: int
    shape: tuple[int, ...]
    blank: Any
    @staticmethod
    def fit(g: Any, node: TensorNode) -> Tensor:
        """A gradient, raw or a Tensor, in the shape and dtype of the node it goes to."""

    def arrived(self) -> object:
        """The gradient that has arrived."""

    def lifted(self, saved: tuple) -> tuple:
        """`saved` with Tensors standing where the output and the inputs stood: by position."""

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """Run the rules on what has arrived, hand the results on, and forget both."""

    def settle(self, old: Tensor | None, keep: bool) -> None:
        """After a walk: a leaf adds what arrived to what it had; nobody else keeps anything."""

    hooked: Any

class Hooks:
    """What a hooked node has beside a node: functions by key, and the gradient it retains."""

    functions: Any
    grad: Any
    retain: Any
    def __init__(self) -> None: ...

class Hooking:
    """What a node does that has hooks or retains its gradient."""

    def arrived(self) -> object:
        """What has arrived, after the hooks have seen it, once."""

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """As any node, after the hooks."""

class HookedNode(Hooking, TensorNode):
    """A node with hooks: same slots, so that a node can become one by `__class__` assignment."""

    dtype: np.dtype
    gate: Any
    grad: Any
    hooks: Any
    mark: Any
    parents: tuple[TensorNode | None, ...]
    saved: Any
    seq: int
    shape: tuple[int, ...]

class RemovableHandle:
    """What registering a hook returns; `remove()` takes the hook away."""

    functions: Any
    key: Any
    def __init__(self, functions: dict) -> None: ...
    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""

class Tensor:
    """An array that can be differentiated."""

    node: TensorNode | None
    raw: Any
    def __hash__(self) -> builtins.int:
        """Return hash(self)."""

    def __init__(
        self,
        data: object,
        requires_grad: builtins.bool = False,
        dtype: np.dtype | str | None = None,
    ) -> None: ...
    @property
    def shape(self) -> tuple[builtins.int, ...]:
        """The sizes of the axes."""

    @property
    def ndim(self) -> builtins.int:
        """The number of axes."""

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""

    @property
    def device(self) -> Device:
        """Where the numbers lie."""

    @property
    def data(self) -> Tensor:
        """The same array outside the graph."""

    @property
    def requires_grad(self) -> builtins.bool:
        """Whether this tensor is on the graph."""

    @property
    def is_leaf(self) -> builtins.bool:
        """Whether no gate made this tensor, or none that was recorded."""

    @property
    def grad_fn(self) -> TensorNode | None:
        """The node of the gate that made this tensor; None for a leaf."""

    def dim(self) -> builtins.int:
        """The number of axes."""

    def numel(self) -> builtins.int:
        """The number of elements."""

    @overload
    def size(self, dim: None = None) -> tuple[builtins.int, ...]:
        """The sizes of all axes, or of one."""

    @overload
    def size(self, dim: builtins.int) -> builtins.int:
        """The sizes of all axes, or of one."""

    def requires_grad_(self, requires_grad: builtins.bool = True) -> Tensor:
        """This tensor, made a leaf (or with False a constant)."""

    def detach(self) -> Tensor:
        """The same array outside the graph."""

    def numpy(self) -> np.ndarray:
        """The numbers as a NumPy array, which shares memory with a tensor on the CPU."""

    def item(self) -> builtins.float | builtins.int | builtins.bool:
        """The only element as a Python number."""

    def tolist(self) -> list | builtins.float | builtins.int | builtins.bool:
        """The numbers as nested lists."""

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: builtins.bool | None = None,
        create_graph: builtins.bool = False,
    ) -> None:
        """Add d self / d leaf, times `gradient`, to the grad of every leaf."""

    @property
    def grad(self) -> Tensor | None:
        """What backward has left here: the sum at a leaf, a retained gradient inside the graph."""

    @grad.setter
    def grad(self, value: Tensor | None) -> None: ...
    def hooked(self) -> Hooks:
        """The hooks of this tensor's node."""

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """A handle of `hook(grad)`, run when all of this tensor's gradient has arrived."""

    def retain_grad(self) -> None:
        """Keep the gradient of an interior tensor; a leaf keeps its own anyway."""

    def check_write(self, name: str, args: tuple) -> None:
        """Raise RuntimeError where writing would change a graph behind its back."""

    def write(self, name: str, gate: Callable, *args: object) -> Tensor:
        """This tensor, with gate(self, *args) written into its array: the in-place method `name`."""

    def put(self, key: object, value: object) -> None:
        """x[key] = value."""

    def __len__(self) -> builtins.int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __bool__(self) -> builtins.bool: ...
    def __float__(self) -> builtins.float: ...
    def __int__(self) -> builtins.int: ...
    def __index__(self) -> builtins.int: ...
    def __format__(self, spec: str) -> str: ...
    def __array__(
        self, dtype: np.dtype | None = None, copy: builtins.bool | None = None
    ) -> np.ndarray: ...
    def __dlpack__(self, **how: object) -> object: ...
    def __dlpack_device__(self) -> tuple[builtins.int, builtins.int]: ...
    def __deepcopy__(self, memo: dict) -> Tensor: ...
    def __reduce__(self) -> tuple: ...
    def __repr__(self) -> str: ...
    def __add__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x + y."""

    def __radd__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __sub__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x - y."""

    def __rsub__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __mul__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x * y."""

    def __rmul__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __truediv__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x / y; integers become floats."""

    def __rtruediv__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __floordiv__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The largest whole number not above x / y."""

    def __rfloordiv__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __mod__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x - y * floor(x / y): the remainder that has y's sign."""

    def __rmod__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __pow__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x ** y."""

    def __rpow__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __lt__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x < y, elementwise."""

    def __le__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x <= y, elementwise."""

    def __gt__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x > y, elementwise."""

    def __ge__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x >= y, elementwise."""

    def __neg__(self) -> Tensor:
        """-x."""

    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor:
        """|x|."""

    def abs(self) -> Tensor:
        """|x|."""

    def square(self) -> Tensor:
        """x²."""

    def reciprocal(self) -> Tensor:
        """1 / x."""

    def sign(self) -> Tensor:
        """-1, 0 or 1; nan stays."""

    def floor(self) -> Tensor:
        """The largest whole number not above x."""

    def ceil(self) -> Tensor:
        """The smallest whole number not below x."""

    def trunc(self) -> Tensor:
        """x without its fraction."""

    def round(self) -> Tensor:
        """The nearest whole number; halves go to the even one."""

    def clamp(self, min: builtins.float | None = None, max: builtins.float | None = None) -> Tensor:
        """x, but not below min and not above max; a bound of None is open."""

    def exp(self) -> Tensor:
        """e^x."""

    def expm1(self) -> Tensor:
        """e^x - 1, exact near 0."""

    def log(self) -> Tensor:
        """The natural logarithm."""

    def log2(self) -> Tensor:
        """The logarithm to base 2."""

    def log1p(self) -> Tensor:
        """log(1 + x), exact near 0."""

    def sqrt(self) -> Tensor:
        """The square root."""

    def rsqrt(self) -> Tensor:
        """1 / √x."""

    def maximum(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The larger of x and y; nan wins."""

    def minimum(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The smaller of x and y; nan wins."""

    def sin(self) -> Tensor:
        """The sine of x in radians."""

    def cos(self) -> Tensor:
        """The cosine of x in radians."""

    def tan(self) -> Tensor:
        """The tangent of x in radians."""

    def asin(self) -> Tensor:
        """The angle in [-π/2, π/2] whose sine is x."""

    def acos(self) -> Tensor:
        """The angle in [0, π] whose cosine is x."""

    def atan(self) -> Tensor:
        """The angle in (-π/2, π/2) whose tangent is x."""

    def sinh(self) -> Tensor:
        """The hyperbolic sine."""

    def cosh(self) -> Tensor:
        """The hyperbolic cosine."""

    def isnan(self) -> Tensor:
        """Where x is not a number."""

    def isinf(self) -> Tensor:
        """Where x is infinite."""

    def isfinite(self) -> Tensor:
        """Where x is neither infinite nor nan."""

    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""

    def sigmoid(self) -> Tensor:
        """1 / (1 + e^-x); where e^-x overflows, 0."""

    def relu(self) -> Tensor:
        """max(x, 0)."""

    def leaky_relu(self, negative_slope: builtins.float = 0.01) -> Tensor:
        """x for x > 0, else negative_slope * x."""

    def elu(self, alpha: builtins.float = 1.0) -> Tensor:
        """x for x > 0, else alpha (e^x - 1)."""

    def sum(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The sum over `dim`; whole numbers and truth values are counted as int64."""

    def mean(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The mean over `dim`; nan where there is nothing."""

    def var(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        correction: builtins.int = 1,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The variance over `dim`: squared deviations over (count - correction)."""

    def std(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        correction: builtins.int = 1,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The standard deviation over `dim`."""

    def norm(
        self,
        p: Any = 2,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """(Σ |x|^p)^(1/p) over `dim`; p = ±inf for the largest or smallest |x|, "fro" for p = 2."""

    def prod(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The product over `dim`: halves multiplied until one number is left."""

    def cumsum(self, dim: builtins.int) -> Tensor:
        """The sums of all elements up to each one along `dim`."""

    def logsumexp(
        self, dim: builtins.int | tuple[builtins.int, ...], keepdim: builtins.bool = False
    ) -> Tensor:
        """log Σ e^x over `dim`, without overflow."""

    def any(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Whether some element is true."""

    def all(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Whether every element is true."""

    @overload
    def max(self, dim: None = None) -> Tensor:
        """The largest element of all; with `dim` a pair (values, indices of the first largest)."""

    @overload
    def max(self, dim: builtins.int, keepdim: builtins.bool = False) -> tuple[Tensor, Tensor]:
        """The largest element of all; with `dim` a pair (values, indices of the first largest)."""

    @overload
    def min(self, dim: None = None) -> Tensor:
        """The smallest element of all; with `dim` a pair (values, indices of the first smallest)."""

    @overload
    def min(self, dim: builtins.int, keepdim: builtins.bool = False) -> tuple[Tensor, Tensor]:
        """The smallest element of all; with `dim` a pair (values, indices of the first smallest)."""

    def amax(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The largest element over `dim`."""

    def amin(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The smallest element over `dim`."""

    def argmax(self, dim: builtins.int | None = None, keepdim: builtins.bool = False) -> Tensor:
        """The index of the first largest element along `dim`, or in the flattened tensor."""

    def argmin(self, dim: builtins.int | None = None, keepdim: builtins.bool = False) -> Tensor:
        """The index of the first smallest element along `dim`, or in the flattened tensor."""

    def matmul(self, y: Tensor) -> Tensor:
        """The matrix product; a vector counts as a row on the left and as a column on the right."""

    def mm(self, y: Tensor) -> Tensor:
        """The matrix product over the last two axes."""

    def dot(self, y: Tensor) -> Tensor:
        """The sum of the products of two vectors."""

    def outer(self, y: Tensor) -> Tensor:
        """All products of an element of x with one of y."""

    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """x with two axes exchanged."""

    def movedim(
        self,
        source: builtins.int | tuple[builtins.int, ...],
        destination: builtins.int | tuple[builtins.int, ...],
    ) -> Tensor:
        """x with the axes `source` moved to the places `destination`."""

    def unsqueeze(self, dim: builtins.int) -> Tensor:
        """x with a new axis of size 1 at `dim`."""

    def squeeze(self, dim: builtins.int | tuple[builtins.int, ...] | None = None) -> Tensor:
        """x without its axes of size 1, or without those among `dim`."""

    def flatten(self, start_dim: builtins.int = 0, end_dim: builtins.int = -1) -> Tensor:
        """x with the axes from start_dim to end_dim made one."""

    def unflatten(self, dim: builtins.int, sizes: tuple[builtins.int, ...]) -> Tensor:
        """x with the axis `dim` made several."""

    def view(self, *shape: builtins.int | tuple[builtins.int, ...]) -> Tensor:
        """x under another shape, on the same memory."""

    def split(
        self,
        split_size: builtins.int | list[builtins.int] | tuple[builtins.int, ...],
        dim: builtins.int = 0,
    ) -> tuple[Tensor, ...]:
        """x cut along `dim` into pieces of split_size (the last may be smaller), or of these sizes."""

    def chunk(self, chunks: builtins.int, dim: builtins.int = 0) -> tuple[Tensor, ...]:
        """x cut along `dim` into at most `chunks` pieces of equal size (the last may be smaller)."""

    def unbind(self, dim: builtins.int = 0) -> tuple[Tensor, ...]:
        """The slices of x along `dim`, without that axis."""

    def gather(self, dim: builtins.int, index: Tensor) -> Tensor:
        """z with z[i, j, k] = x[index[i, j, k], j, k] for dim 0, and so on."""

    def clone(self) -> Tensor:
        """A copy of x on the graph."""

    def __matmul__(self, y: Tensor) -> Tensor:
        """The matrix product; a vector counts as a row on the left and as a column on the right."""

    def __rmatmul__(self, y: Tensor) -> Tensor: ...
    def __eq__(self, y: Tensor | builtins.float | np.generic) -> Tensor:  # type: ignore[override]
        """x == y, elementwise."""

    def __ne__(self, y: Tensor | builtins.float | np.generic) -> Tensor:  # type: ignore[override]
        """x != y, elementwise."""

    def __getitem__(self, key: Any) -> Tensor:
        """x[key], with Tensors and lists in the key."""

    def __setitem__(
        self, key: Any, value: Tensor | builtins.float | np.generic | np.ndarray
    ) -> None: ...
    def __iadd__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def add_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with add(x, ...) written into it."""

    def __isub__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def sub_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with sub(x, ...) written into it."""

    def __imul__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def mul_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with mul(x, ...) written into it."""

    def __itruediv__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def div_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with div(x, ...) written into it."""

    def clamp_(
        self, min: builtins.float | None = None, max: builtins.float | None = None
    ) -> Tensor:
        """x, with clamp(x, ...) written into it."""

    def copy_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with copy(x, ...) written into it."""

    def fill_(self, value: builtins.float) -> Tensor:
        """x, with fill(x, ...) written into it."""

    def zero_(self) -> Tensor:
        """x, with zero(x, ...) written into it."""

    def reshape(self, *sizes: builtins.int | tuple[builtins.int, ...]) -> Tensor:
        """x under another shape of as many elements; one size may be -1."""

    def permute(self, *sizes: builtins.int | tuple[builtins.int, ...]) -> Tensor:
        """x with its axes in the order `dims`."""

    def expand(self, *sizes: builtins.int | tuple[builtins.int, ...]) -> Tensor:
        """x repeated to `shape` by broadcasting; -1 keeps a size."""

    def flip(self, *sizes: builtins.int | tuple[builtins.int, ...]) -> Tensor:
        """x with the order of its elements reversed along `dims`."""

    def softmax(self, dim: builtins.int) -> Tensor:
        """e^x over the sum of e^x along `dim`, without overflow."""

    def log_softmax(self, dim: builtins.int) -> Tensor:
        """The logarithm of softmax, exact also where softmax underflows."""

    def where(self, condition: Tensor, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x where the condition holds, else y."""

    def to(
        self,
        *where: Tensor | Device | np.dtype | str,
        device: Device | str | None = None,
        dtype: np.dtype | str | None = None,
    ) -> Tensor:
        """x on another device, in another dtype, or both; x itself if nothing changes."""

    def cpu(self) -> Tensor:
        """x on the device 'cpu'; x itself if it is there."""

    def cuda(self) -> Tensor:
        """x on the device 'cuda'; x itself if it is there."""

    def half(self) -> Tensor:
        """x as float16."""

    def float(self) -> Tensor:
        """x as float32."""

    def double(self) -> Tensor:
        """x as float64."""

    def long(self) -> Tensor:
        """x as int64."""

    def int(self) -> Tensor:
        """x as int32."""

    def bool(self) -> Tensor:
        """x as bool."""

    @property
    def T(self) -> Tensor:
        """x transposed."""

    @property
    def mT(self) -> Tensor:
        """x with its last axes exchanged."""

def wrap(raw: object, node: TensorNode | None) -> Tensor:
    """A Tensor of these two, without checks."""

def rebuilt(cls: type, raw: object, requires_grad: bool) -> Tensor:
    """A Tensor (or a subclass's) as it was before pickling."""

def standing(raw: object, node: TensorNode | None) -> object:
    """A Tensor in the place of a saved array; whatever else was saved stays."""

def lift(raw: object) -> Tensor:
    """`raw` as a Tensor: an array becomes one outside the graph."""

def node_of(cls: type, gate: object, parents: tuple, saved: tuple, raw: object) -> TensorNode:
    """A new node for a tensor that holds `raw`; the recorders spell this out for speed."""

def owned(g: object) -> object:
    """`g` as a leaf may keep it: writable and nobody else's."""

def seed_for(root: Tensor, gradient: Tensor | None, create_graph: bool) -> object:
    """The gradient a walk starts from: raw, or a Tensor with create_graph."""
