# Written by `python -m tests.stubs` from the live classes; edit those, not this file.
# ruff: noqa: E501, F401, RUF100

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from .graph import Node
from .kernels import Device as Device
from .ops.reduce import MinMax as MinMax
from .ops.reduce import Selected as Selected
from .tensor_array import Numbers as Numbers
from .tensor_node import FREED as FREED
from .tensor_node import HookedNode as HookedNode
from .tensor_node import Hooking as Hooking
from .tensor_node import RemovableHandle as RemovableHandle
from .tensor_node import TensorNode as TensorNode
from .tensor_node import lift as lift
from .tensor_node import node_of as node_of
from .tensor_node import owned as owned

new: Any

class Tensor(Numbers):
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
    def data(self) -> Tensor:
        """The same array outside the graph."""

    @data.setter
    def data(self, value: Tensor) -> None: ...
    @property
    def requires_grad(self) -> builtins.bool:
        """Whether this tensor is on the graph; assigning it is `requires_grad_`."""

    @requires_grad.setter
    def requires_grad(self, requires_grad: builtins.bool) -> None: ...
    @property
    def is_leaf(self) -> builtins.bool:
        """Whether no gate made this tensor, or none that was recorded."""

    @property
    def grad_fn(self) -> TensorNode | None:
        """The node of the gate that made this tensor; None for a leaf."""

    def requires_grad_(self, requires_grad: builtins.bool = True) -> Tensor:
        """This tensor, made a leaf (or with False a constant)."""

    def detach(self) -> Tensor:
        """The same array outside the graph."""

    def detach_(self) -> Tensor:
        """This tensor, taken off the graph."""

    def numpy(self, *, force: builtins.bool = False) -> np.ndarray:
        """The numbers as a NumPy array, which shares memory with a tensor on the CPU."""

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
    def register_hook(self, hook: Callable) -> RemovableHandle:
        """A handle of `hook(grad)`, run when all of this tensor's gradient has arrived."""

    def retain_grad(self) -> None:
        """Keep the gradient of an interior tensor; a leaf keeps its own anyway."""

    @property
    def retains_grad(self) -> builtins.bool:
        """Whether this is an interior tensor that keeps its gradient."""

    def __array__(
        self, dtype: np.dtype | None = None, copy: builtins.bool | None = None
    ) -> np.ndarray: ...
    def __dlpack__(self, **how: object) -> object: ...
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
        """x < y."""

    def __le__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x <= y."""

    def __gt__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x > y."""

    def __ge__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x >= y."""

    def __neg__(self) -> Tensor:
        """-x."""

    def __pos__(self) -> Tensor:
        """x itself."""

    def __abs__(self) -> Tensor:
        """|x|."""

    def erf(self) -> Tensor:
        """2/√π · ∫₀ˣ e^(-t²) dt."""

    def erfc(self) -> Tensor:
        """1 - erf(x), exact also where erf is near 1."""

    def abs(self) -> Tensor:
        """|x|."""

    def absolute(self) -> Tensor:
        """|x|."""

    def neg(self) -> Tensor:
        """-x."""

    def negative(self) -> Tensor:
        """-x."""

    def square(self) -> Tensor:
        """x²; of truth values as int64, as for any other power."""

    def reciprocal(self) -> Tensor:
        """1 / x."""

    def mul(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x * y."""

    def multiply(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x * y."""

    def pow(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x ** y."""

    def remainder(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x - y * floor(x / y): the remainder that has y's sign."""

    def fmod(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x - y * trunc(x / y): the remainder that has x's sign."""

    def frac(self) -> Tensor:
        """x - trunc(x): what follows the point, with x's sign."""

    def exp(self) -> Tensor:
        """e^x."""

    def exp2(self) -> Tensor:
        """2^x."""

    def expm1(self) -> Tensor:
        """e^x - 1, exact near 0."""

    def log(self) -> Tensor:
        """The natural logarithm."""

    def log2(self) -> Tensor:
        """The logarithm to base 2."""

    def log10(self) -> Tensor:
        """The logarithm to base 10."""

    def log1p(self) -> Tensor:
        """log(1 + x), exact near 0."""

    def logaddexp(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """log(e^x + e^y), without overflow."""

    def sqrt(self) -> Tensor:
        """The square root."""

    def rsqrt(self) -> Tensor:
        """1 / √x: infinite at 0, with the zero's sign."""

    def hypot(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """√(x² + y²), without overflow."""

    def maximum(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The larger of x and y; nan wins."""

    def minimum(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The smaller of x and y; nan wins."""

    def clamp(self, min: builtins.float | None = None, max: builtins.float | None = None) -> Tensor:
        """x, but not below min and not above max; a bound of None is open, a Tensor broadcasts."""

    def clamp_min(self, min: builtins.float) -> Tensor:
        """x, but not below min; nan wins."""

    def clamp_max(self, max: builtins.float) -> Tensor:
        """x, but not above max; nan wins."""

    def clip(self, min: builtins.float | None = None, max: builtins.float | None = None) -> Tensor:
        """x, but not below min and not above max; a bound of None is open, a Tensor broadcasts."""

    def nan_to_num(self, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
        """x with numbers in the place of nan and the infinities."""

    def lerp(self, end: Any, weight: Any) -> Tensor:
        """x + weight (end - x): x for a weight of 0, end for a weight of 1, both exactly."""

    def addcmul(self, tensor1: Any, tensor2: Any, value: builtins.float = 1) -> Tensor:
        """x + value * tensor1 * tensor2, all of it in the common dtype of the three."""

    def addcdiv(self, tensor1: Any, tensor2: Any, value: builtins.float = 1) -> Tensor:
        """x + value * tensor1 / tensor2, all of it in the common dtype of the three."""

    def sin(self) -> Tensor:
        """The sine of x in radians."""

    def cos(self) -> Tensor:
        """The cosine of x in radians."""

    def tan(self) -> Tensor:
        """The tangent of x in radians."""

    def sinh(self) -> Tensor:
        """The hyperbolic sine."""

    def cosh(self) -> Tensor:
        """The hyperbolic cosine."""

    def asin(self) -> Tensor:
        """The angle in [-π/2, π/2] whose sine is x."""

    def acos(self) -> Tensor:
        """The angle in [0, π] whose cosine is x."""

    def atan(self) -> Tensor:
        """The angle in (-π/2, π/2) whose tangent is x."""

    def atan2(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The angle in [-π, π] of the point that lies x up and y to the right."""

    def asinh(self) -> Tensor:
        """The number whose hyperbolic sine is x."""

    def acosh(self) -> Tensor:
        """The number that is not negative and whose hyperbolic cosine is x."""

    def atanh(self) -> Tensor:
        """The number whose hyperbolic tangent is x."""

    def arcsin(self) -> Tensor:
        """The angle in [-π/2, π/2] whose sine is x."""

    def arccos(self) -> Tensor:
        """The angle in [0, π] whose cosine is x."""

    def arctan(self) -> Tensor:
        """The angle in (-π/2, π/2) whose tangent is x."""

    def arctan2(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The angle in [-π, π] of the point that lies x up and y to the right."""

    def arcsinh(self) -> Tensor:
        """The number whose hyperbolic sine is x."""

    def arccosh(self) -> Tensor:
        """The number that is not negative and whose hyperbolic cosine is x."""

    def arctanh(self) -> Tensor:
        """The number whose hyperbolic tangent is x."""

    def sign(self) -> Tensor:
        """-1, 0 or 1; nan has the sign 0, as in PyTorch."""

    def floor(self) -> Tensor:
        """The largest whole number not above x; integers stay what they are."""

    def ceil(self) -> Tensor:
        """The smallest whole number not below x; integers stay what they are."""

    def trunc(self) -> Tensor:
        """x without its fraction; integers stay what they are."""

    def fix(self) -> Tensor:
        """x without its fraction; integers stay what they are."""

    def floor_divide(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The largest whole number not above x / y."""

    def eq(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x == y."""

    def ne(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x != y."""

    def gt(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x > y."""

    def ge(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x >= y."""

    def lt(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x < y."""

    def le(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x <= y."""

    def not_equal(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x != y."""

    def greater(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x > y."""

    def greater_equal(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x >= y."""

    def less(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x < y."""

    def less_equal(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x <= y."""

    def isnan(self) -> Tensor:
        """Where x is not a number."""

    def isinf(self) -> Tensor:
        """Where x is infinite."""

    def isfinite(self) -> Tensor:
        """Where x is neither infinite nor nan."""

    def logical_not(self) -> Tensor:
        """Where x is zero or False."""

    def logical_and(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """Where both are true."""

    def logical_or(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """Where one of them is true."""

    def logical_xor(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """Where one of them is true and the other is not."""

    def add(self, y: Tensor | builtins.float | np.generic, *, alpha: builtins.float = 1) -> Tensor:
        """x + alpha y."""

    def sub(self, y: Tensor | builtins.float | np.generic, *, alpha: builtins.float = 1) -> Tensor:
        """x - alpha y."""

    def subtract(
        self, y: Tensor | builtins.float | np.generic, *, alpha: builtins.float = 1
    ) -> Tensor:
        """x - alpha y."""

    def div(self, y: Tensor | builtins.float | np.generic, *, rounding_mode: Any = None) -> Tensor:
        """x / y; integers become floats, unless the quotient is rounded."""

    def divide(
        self, y: Tensor | builtins.float | np.generic, *, rounding_mode: Any = None
    ) -> Tensor:
        """x / y; integers become floats, unless the quotient is rounded."""

    def true_divide(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x / y; integers become floats."""

    def round(self, *, decimals: Any = 0) -> Tensor:
        """The nearest number of so many decimals; halves go to the even one."""

    def positive(self) -> Tensor:
        """x itself."""

    def isclose(
        self,
        y: Tensor | builtins.float | np.generic,
        rtol: Any = 1e-05,
        atol: Any = 1e-08,
        equal_nan: Any = False,
    ) -> Tensor:
        """Where |x - y| <= atol + rtol |y|; infinities are close to themselves alone."""

    def allclose(
        self,
        y: Tensor | builtins.float | np.generic,
        rtol: Any = 1e-05,
        atol: Any = 1e-08,
        equal_nan: Any = False,
    ) -> Tensor:
        """Whether all elements are close, as `isclose` says: True or False."""

    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""

    def sigmoid(self) -> Tensor:
        """1 / (1 + e^-x); where e^-x overflows, 0."""

    def logsigmoid(self) -> Tensor:
        """log sigmoid(x) = -softplus(-x), exact also where sigmoid underflows."""

    def hardsigmoid(self) -> Tensor:
        """(x + 3) / 6, but not below 0 and not above 1."""

    def softsign(self) -> Tensor:
        """x / (1 + |x|)."""

    def relu(self) -> Tensor:
        """max(x, 0)."""

    def leaky_relu(self, negative_slope: builtins.float = 0.01) -> Tensor:
        """x for x > 0, else negative_slope * x."""

    def prelu(self, weight: Any) -> Tensor:
        """x for x > 0, else weight * x: one weight for all channels, or one for each."""

    def hardtanh(self, min_val: Any = -1.0, max_val: Any = 1.0) -> Tensor:
        """x, but not below min_val and not above max_val."""

    def threshold(self, threshold: Any, value: builtins.float) -> Tensor:
        """x for x > threshold, else value."""

    def elu(self, alpha: builtins.float = 1.0, scale: Any = 1.0, input_scale: Any = 1.0) -> Tensor:
        """scale x for x > 0, else scale alpha (e^(input_scale x) - 1): elu, selu and celu."""

    def selu(self) -> Tensor:
        """elu scaled so that mean 0 and variance 1 are a fixed point of layers."""

    def celu(self, alpha: builtins.float = 1.0) -> Tensor:
        """x for x > 0, else alpha (e^(x/alpha) - 1): its slope has no jump for any alpha."""

    def softplus(self, beta: Any = 1.0, threshold: Any = 20.0) -> Tensor:
        """log(1 + e^(beta x)) / beta, and x itself where beta x > threshold."""

    def silu(self) -> Tensor:
        """x sigmoid(x), also called swish."""

    def hardswish(self) -> Tensor:
        """x hardsigmoid(x)."""

    def mish(self) -> Tensor:
        """x tanh(softplus(x))."""

    def gelu(self, approximate: Any = "none") -> Tensor:
        """x Φ(x), Φ the normal distribution function; "tanh" takes a sigmoid for Φ."""

    def hardshrink(self, lambd: Any = 0.5) -> Tensor:
        """x, but 0 within [-lambd, lambd]."""

    def softshrink(self, lambd: Any = 0.5) -> Tensor:
        """x, brought nearer to 0 by lambd; 0 within [-lambd, lambd]."""

    def tanhshrink(self) -> Tensor:
        """x - tanh(x)."""

    def bitwise_not(self) -> Tensor:
        """x with every bit turned; of truth values, where x is False."""

    def bitwise_and(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The bits that are set in both."""

    def bitwise_or(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The bits that are set in one of them."""

    def bitwise_xor(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The bits that are set in one of them and not in the other."""

    def sum(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
        dtype: np.dtype | str | None = None,
    ) -> Tensor:
        """The sum over `dim`; whole numbers and truth values are counted as int64."""

    def nansum(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
        dtype: np.dtype | str | None = None,
    ) -> Tensor:
        """The sum over `dim` of all elements that are numbers; nan counts as 0."""

    def mean(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
        dtype: np.dtype | str | None = None,
    ) -> Tensor:
        """The mean over `dim`; nan where there is nothing."""

    def var(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        correction: builtins.int | None = None,
        keepdim: builtins.bool = False,
        unbiased: Any = None,
    ) -> Tensor:
        """The variance over `dim`: squared deviations over max(0, count - correction)."""

    def std(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        correction: builtins.int | None = None,
        keepdim: builtins.bool = False,
        unbiased: Any = None,
    ) -> Tensor:
        """The standard deviation over `dim`, the root of `var` with the same settings."""

    def norm(
        self,
        p: Any = "fro",
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
        dtype: np.dtype | str | None = None,
    ) -> Tensor:
        """(Σ |x|^p)^(1/p) over `dim`; p = ±inf for the largest or smallest |x|, 0 for how many are not zero, "fro" or None for p = 2."""

    def prod(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
        dtype: np.dtype | str | None = None,
    ) -> Tensor:
        """The product over `dim`: halves multiplied until one number is left."""

    def cumsum(self, dim: builtins.int, dtype: np.dtype | str | None = None) -> Tensor:
        """The sums of all elements up to each one along `dim`."""

    def cumprod(
        self, dim: builtins.int | tuple[builtins.int, ...], dtype: np.dtype | str | None = None
    ) -> Tensor:
        """The products of all elements up to each one along `dim`."""

    def logsumexp(
        self, dim: builtins.int | tuple[builtins.int, ...], keepdim: builtins.bool = False
    ) -> Tensor:
        """log Σ e^x over `dim`, without overflow."""

    def any(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Whether some element is true; a `dim` of no axes asks every element by itself."""

    def all(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """Whether every element is true; a `dim` of no axes asks every element by itself."""

    def count_nonzero(self, dim: builtins.int | tuple[builtins.int, ...] | None = None) -> Tensor:
        """How many elements are not zero over `dim`, as int64."""

    @overload
    def max(self, dim: None = None) -> Tensor:
        """The largest element of all; with `dim` (values, indices of the first largest); with a second tensor in the place of dim the larger of both, element by element."""

    @overload
    def max(self, dim: builtins.int, keepdim: builtins.bool = False) -> Selected:
        """The largest element of all; with `dim` (values, indices of the first largest); with a second tensor in the place of dim the larger of both, element by element."""

    @overload
    def max(self, other: Tensor) -> Tensor:
        """The largest element of all; with `dim` (values, indices of the first largest); with a second tensor in the place of dim the larger of both, element by element."""

    @overload
    def min(self, dim: None = None) -> Tensor:
        """The smallest element of all; with `dim` (values, indices of the first smallest); with a second tensor in the place of dim the smaller of both, element by element."""

    @overload
    def min(self, dim: builtins.int, keepdim: builtins.bool = False) -> Selected:
        """The smallest element of all; with `dim` (values, indices of the first smallest); with a second tensor in the place of dim the smaller of both, element by element."""

    @overload
    def min(self, other: Tensor) -> Tensor:
        """The smallest element of all; with `dim` (values, indices of the first smallest); with a second tensor in the place of dim the smaller of both, element by element."""

    def amax(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The largest element over `dim`; nan wins."""

    def amin(
        self,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> Tensor:
        """The smallest element over `dim`; nan wins."""

    def aminmax(
        self,
        *,
        dim: builtins.int | tuple[builtins.int, ...] | None = None,
        keepdim: builtins.bool = False,
    ) -> MinMax:
        """The smallest and the largest element over `dim`, under the names min and max."""

    def argmax(self, dim: builtins.int | None = None, keepdim: builtins.bool = False) -> Tensor:
        """The index of the first largest element along `dim`, or in the flattened tensor."""

    def argmin(self, dim: builtins.int | None = None, keepdim: builtins.bool = False) -> Tensor:
        """The index of the first smallest element along `dim`, or in the flattened tensor."""

    def matmul(self, y: Tensor) -> Tensor:
        """The matrix product; a vector counts as a row on the left and as a column on the right."""

    def mm(self, mat2: Tensor) -> Tensor:
        """The product of two matrices."""

    def bmm(self, mat2: Tensor) -> Tensor:
        """The products of two equally long lists of matrices."""

    def mv(self, vec: Tensor) -> Tensor:
        """A matrix times a vector."""

    def dot(self, tensor: Tensor) -> Tensor:
        """The sum of the products of two vectors."""

    def outer(self, vec2: Tensor) -> Tensor:
        """All products of an element of x with one of vec2."""

    def inner(self, other: Tensor) -> Tensor:
        """The products of two tensors summed over the last axis of both; a number multiplies."""

    def addmm(
        self, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: builtins.float = 1
    ) -> Tensor:
        """beta x + alpha (mat1 @ mat2); with beta = 0 x does not count, whatever is in it."""

    def addmv(
        self, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: builtins.float = 1
    ) -> Tensor:
        """beta x + alpha (mat @ vec); with beta = 0 x does not count, whatever is in it."""

    def baddbmm(
        self, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: builtins.float = 1
    ) -> Tensor:
        """beta x + alpha bmm(batch1, batch2); with beta = 0 x does not count, whatever is in it."""

    def kron(self, other: Tensor) -> Tensor:
        """The Kronecker product: every element of x times the whole of `other`, side by side."""

    def cross(self, other: Tensor, dim: builtins.int | None = None) -> Tensor:
        """The cross products of the vectors of three numbers along `dim`, by default the first axis of size 3."""

    def sort(
        self,
        dim: builtins.int | tuple[builtins.int, ...] = -1,
        descending: builtins.bool = False,
        stable: builtins.bool = False,
    ) -> Selected:
        """x sorted along `dim`, and the indices that sort it."""

    def argsort(
        self,
        dim: builtins.int | tuple[builtins.int, ...] = -1,
        descending: Any = False,
        stable: Any = False,
    ) -> Tensor:
        """The indices that sort x along `dim`; equal elements keep their order, asked for or not."""

    def topk(
        self,
        k: builtins.int,
        dim: builtins.int | tuple[builtins.int, ...] = -1,
        largest: builtins.bool = True,
        sorted: builtins.bool = True,
    ) -> Selected:
        """The k largest (or smallest) elements along `dim`, and their indices, sorted in any case."""

    def kthvalue(
        self,
        k: builtins.int,
        dim: builtins.int | tuple[builtins.int, ...] = -1,
        keepdim: builtins.bool = False,
    ) -> Selected:
        """The k-th smallest element along `dim`, counted from 1, and its index."""

    @overload
    def median(self, dim: None = None) -> Tensor:
        """The lower median of all elements; with `dim` (values, indices) along it; nan if one is nan."""

    @overload
    def median(self, dim: builtins.int, keepdim: builtins.bool = False) -> Selected:
        """The lower median of all elements; with `dim` (values, indices) along it; nan if one is nan."""

    def quantile(
        self,
        q: Any,
        dim: builtins.int | None = None,
        keepdim: builtins.bool = False,
        *,
        interpolation: Any = "linear",
    ) -> Tensor:
        """The number that the share q of all elements, or of those along `dim`, lies below."""

    def unique(
        self,
        sorted: builtins.bool = True,
        return_inverse: builtins.bool = False,
        return_counts: builtins.bool = False,
        dim: builtins.int | None = None,
    ) -> Tensor:
        """The different elements of x, sorted in any case; or its different slices along `dim`."""

    def bincount(self, weights: Any = None, minlength: builtins.int = 0) -> Tensor:
        """How often each whole number from 0 on is in x; with weights the sum of those beside it."""

    def diff(
        self,
        n: builtins.int = 1,
        dim: builtins.int | tuple[builtins.int, ...] = -1,
        prepend: Any = None,
        append: Any = None,
    ) -> Tensor:
        """The differences of neighbours along `dim`, n times over; of truth values whether they differ."""

    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """x with two axes exchanged."""

    def swapaxes(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        """x with two axes exchanged: `transpose`, by NumPy's name."""

    def swapdims(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """x with two axes exchanged."""

    def t(self) -> Tensor:
        """A matrix transposed; a tensor of fewer axes as it is."""

    def movedim(
        self,
        source: builtins.int | tuple[builtins.int, ...],
        destination: builtins.int | tuple[builtins.int, ...],
    ) -> Tensor:
        """x with the axes `source` moved to the places `destination`."""

    def moveaxis(
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

    def ravel(self) -> Tensor:
        """x with all axes made one."""

    def unflatten(self, dim: builtins.int, sizes: tuple[builtins.int, ...]) -> Tensor:
        """x with the axis `dim` made several, of these sizes; one of them may be -1."""

    def view(self, *shape: builtins.int | tuple[builtins.int, ...]) -> Tensor:
        """x under another shape, on the same memory."""

    def view_as(self, other: Tensor) -> Tensor:
        """x under the shape of `other`, on the same memory."""

    def reshape_as(self, other: Tensor) -> Tensor:
        """x under the shape of `other`."""

    def expand_as(self, other: Tensor) -> Tensor:
        """x repeated to the shape of `other`."""

    def broadcast_to(self, size: Any) -> Tensor:
        """x repeated to the shape `size`, as `expand`."""

    def clone(self) -> Tensor:
        """A copy of x on the graph."""

    def split(
        self,
        split_size: builtins.int | list[builtins.int] | tuple[builtins.int, ...],
        dim: builtins.int = 0,
    ) -> tuple[Tensor, ...]:
        """x cut along `dim` into pieces of split_size (the last may be smaller), or of these sizes."""

    def chunk(self, chunks: builtins.int, dim: builtins.int = 0) -> tuple[Tensor, ...]:
        """x cut along `dim` into at most `chunks` pieces of equal size (the last may be smaller)."""

    def tensor_split(self, indices_or_sections: Any, dim: builtins.int = 0) -> tuple[Tensor, ...]:
        """x cut along `dim` into so many pieces, the first ones larger by one, or at these places."""

    def unbind(self, dim: builtins.int = 0) -> tuple[Tensor, ...]:
        """The slices of x along `dim`, without that axis."""

    def narrow(self, dim: builtins.int, start: builtins.int, length: builtins.int) -> Tensor:
        """The part of x that has `length` places along `dim` from `start` on."""

    def select(self, dim: builtins.int, index: builtins.int) -> Tensor:
        """The slice of x at the place `index` of the axis `dim`, without that axis."""

    def repeat(self, *repeats: Any) -> Tensor:
        """x written `repeats` times along each axis; more repeats than axes make new ones in front."""

    def tile(self, *dims: Any) -> Tensor:
        """x written `dims` times along its last axes; as `repeat`, but dims may be fewer than axes."""

    def repeat_interleave(
        self,
        repeats: Any = None,
        dim: builtins.int | None = None,
        *,
        output_size: builtins.int | None = None,
    ) -> Tensor:
        """x with every slice along `dim` written `repeats` times, a number or one for each slice."""

    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        """x with its elements moved by `shifts` along `dims`, round in a ring."""

    def unfold(self, dimension: builtins.int, size: builtins.int, step: builtins.int) -> Tensor:
        """All windows of `size` places along an axis, `step` apart, along a new last axis."""

    def tril(self, diagonal: Any = 0) -> Tensor:
        """x with zeros above a diagonal of its last two axes."""

    def triu(self, diagonal: Any = 0) -> Tensor:
        """x with zeros below a diagonal of its last two axes."""

    def diag(self, diagonal: builtins.int = 0) -> Tensor:
        """A matrix with the vector x on a diagonal; of a matrix x that diagonal."""

    def diagonal(self, offset: Any = 0, dim1: Any = 0, dim2: Any = 1) -> Tensor:
        """The diagonals of the matrices of two axes, along a new last axis; a view."""

    def diag_embed(
        self, offset: builtins.int = 0, dim1: builtins.int = -2, dim2: builtins.int = -1
    ) -> Tensor:
        """Square matrices with the last axis of x on a diagonal, and zeros elsewhere."""

    def trace(self) -> Tensor:
        """The sum of the diagonal of a matrix."""

    def gather(self, dim: builtins.int, index: Tensor) -> Tensor:
        """z with z[i, j, k] = x[index[i, j, k], j, k] for dim 0, and so on."""

    def scatter(
        self,
        dim: builtins.int,
        index: Tensor,
        src: Any = None,
        *,
        value: builtins.float | None = None,
    ) -> Tensor:
        """x with z[index[i, j, k], j, k] = src[i, j, k] for dim 0, and so on; src may be a number."""

    def scatter_add(self, dim: builtins.int, index: Tensor, src: Any) -> Tensor:
        """x with src[i, j, k] added at [index[i, j, k], j, k] for dim 0, and so on."""

    def take_along_dim(self, indices: Any, dim: builtins.int | None = None) -> Tensor:
        """x at `indices` along `dim`, where all other axes broadcast; without dim both count as flat."""

    def index_select(self, dim: builtins.int, index: Tensor) -> Tensor:
        """The slices of x along `dim` that index, of one axis at most, names."""

    def index_add(
        self,
        dim: builtins.int,
        index: Tensor,
        source: builtins.int | tuple[builtins.int, ...],
        *,
        alpha: builtins.float = 1,
    ) -> Tensor:
        """x with alpha times the slices of source added to those that index names along `dim`."""

    def masked_select(self, mask: Any) -> Tensor:
        """The elements of x where mask, broadcast with x, is true; a tensor of one axis."""

    def nonzero(self, as_tuple: builtins.bool = False) -> Tensor:
        """The places where x is not 0: one per row, or with as_tuple a tensor for each axis."""

    def argwhere(self) -> Tensor:
        """The places where x is not 0, one per row."""

    def __matmul__(self, y: Tensor) -> Tensor:
        """The matrix product; a vector counts as a row on the left and as a column on the right."""

    def __rmatmul__(self, y: Tensor) -> Tensor: ...
    def __and__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The bits that are set in both."""

    def __rand__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __or__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The bits that are set in one of them."""

    def __ror__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __xor__(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """The bits that are set in one of them and not in the other."""

    def __rxor__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __invert__(self) -> Tensor:
        """x with every bit turned; of truth values, where x is False."""

    def __eq__(self, y: Tensor | builtins.float | np.generic) -> Tensor:  # type: ignore[override]
        """x == y."""

    def __ne__(self, y: Tensor | builtins.float | np.generic) -> Tensor:  # type: ignore[override]
        """x != y."""

    def equal(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """Whether x and y have one shape and the same numbers: True or False; for each number see `eq`."""

    def masked_fill(self, mask: Any, value: builtins.float) -> Tensor:
        """x, with `value` where the mask is True; the dtype is x's."""

    def __getitem__(self, key: Any) -> Tensor:
        """x[key] for keys of every kind."""

    def __setitem__(
        self, key: Any, value: Tensor | builtins.float | np.generic | np.ndarray
    ) -> None:
        """x[key] = value for keys of every kind; the value is broadcast and cast."""

    def reshape(self, *sizes: builtins.int | tuple[builtins.int, ...], **named: Any) -> Tensor:
        """x under another shape of as many elements; one size may be -1."""

    def permute(self, *sizes: builtins.int | tuple[builtins.int, ...], **named: Any) -> Tensor:
        """x with its axes in the order `dims`."""

    def expand(self, *sizes: builtins.int | tuple[builtins.int, ...], **named: Any) -> Tensor:
        """x repeated to `shape` by broadcasting; -1 keeps a size."""

    def flip(self, *sizes: builtins.int | tuple[builtins.int, ...], **named: Any) -> Tensor:
        """A copy of x with the order of its elements reversed along `dims`."""

    def softmax(self, dim: builtins.int, dtype: np.dtype | str | None = None) -> Tensor:
        """e^x over the sum of e^x along `dim`, without overflow; computed in `dtype` if one is given."""

    def log_softmax(self, dim: builtins.int, dtype: np.dtype | str | None = None) -> Tensor:
        """The logarithm of softmax, exact also where softmax underflows; computed in `dtype` if given."""

    def where(self, condition: Tensor, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x where the condition holds, else y."""

    @property
    def T(self) -> Tensor:
        """x transposed."""

    @property
    def mT(self) -> Tensor:
        """x with its last axes exchanged."""

    def __iadd__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __isub__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __imul__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __itruediv__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __ifloordiv__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __imod__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __ipow__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __iand__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __ior__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def __ixor__(self, y: Tensor | builtins.float | np.generic) -> Tensor: ...
    def add_(self, y: Tensor | builtins.float | np.generic, *, alpha: builtins.float = 1) -> Tensor:
        """x, with add(x, ...) written into it."""

    def sub_(self, y: Tensor | builtins.float | np.generic, *, alpha: builtins.float = 1) -> Tensor:
        """x, with sub(x, ...) written into it."""

    def div_(self, y: Tensor | builtins.float | np.generic, *, rounding_mode: Any = None) -> Tensor:
        """x, with div(x, ...) written into it."""

    def round_(self, *, decimals: Any = 0) -> Tensor:
        """x, with round(x, ...) written into it."""

    def masked_fill_(self, mask: Any, value: builtins.float) -> Tensor:
        """x, with masked_fill(x, ...) written into it."""

    def mul_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with mul(x, ...) written into it."""

    def pow_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with pow(x, ...) written into it."""

    def remainder_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with remainder(x, ...) written into it."""

    def fmod_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with fmod(x, ...) written into it."""

    def abs_(self) -> Tensor:
        """x, with abs(x, ...) written into it."""

    def neg_(self) -> Tensor:
        """x, with neg(x, ...) written into it."""

    def square_(self) -> Tensor:
        """x, with square(x, ...) written into it."""

    def reciprocal_(self) -> Tensor:
        """x, with reciprocal(x, ...) written into it."""

    def frac_(self) -> Tensor:
        """x, with frac(x, ...) written into it."""

    def exp_(self) -> Tensor:
        """x, with exp(x, ...) written into it."""

    def exp2_(self) -> Tensor:
        """x, with exp2(x, ...) written into it."""

    def expm1_(self) -> Tensor:
        """x, with expm1(x, ...) written into it."""

    def log_(self) -> Tensor:
        """x, with log(x, ...) written into it."""

    def log2_(self) -> Tensor:
        """x, with log2(x, ...) written into it."""

    def log10_(self) -> Tensor:
        """x, with log10(x, ...) written into it."""

    def log1p_(self) -> Tensor:
        """x, with log1p(x, ...) written into it."""

    def sqrt_(self) -> Tensor:
        """x, with sqrt(x, ...) written into it."""

    def rsqrt_(self) -> Tensor:
        """x, with rsqrt(x, ...) written into it."""

    def clamp_(
        self, min: builtins.float | None = None, max: builtins.float | None = None
    ) -> Tensor:
        """x, with clamp(x, ...) written into it."""

    def clamp_min_(self, min: builtins.float) -> Tensor:
        """x, with clamp_min(x, ...) written into it."""

    def clamp_max_(self, max: builtins.float) -> Tensor:
        """x, with clamp_max(x, ...) written into it."""

    def nan_to_num_(self, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
        """x, with nan_to_num(x, ...) written into it."""

    def lerp_(self, end: Any, weight: Any) -> Tensor:
        """x, with lerp(x, ...) written into it."""

    def addcmul_(self, tensor1: Any, tensor2: Any, value: builtins.float = 1) -> Tensor:
        """x, with addcmul(x, ...) written into it."""

    def addcdiv_(self, tensor1: Any, tensor2: Any, value: builtins.float = 1) -> Tensor:
        """x, with addcdiv(x, ...) written into it."""

    def sin_(self) -> Tensor:
        """x, with sin(x, ...) written into it."""

    def cos_(self) -> Tensor:
        """x, with cos(x, ...) written into it."""

    def tan_(self) -> Tensor:
        """x, with tan(x, ...) written into it."""

    def asin_(self) -> Tensor:
        """x, with asin(x, ...) written into it."""

    def acos_(self) -> Tensor:
        """x, with acos(x, ...) written into it."""

    def atan_(self) -> Tensor:
        """x, with atan(x, ...) written into it."""

    def sinh_(self) -> Tensor:
        """x, with sinh(x, ...) written into it."""

    def cosh_(self) -> Tensor:
        """x, with cosh(x, ...) written into it."""

    def asinh_(self) -> Tensor:
        """x, with asinh(x, ...) written into it."""

    def acosh_(self) -> Tensor:
        """x, with acosh(x, ...) written into it."""

    def atanh_(self) -> Tensor:
        """x, with atanh(x, ...) written into it."""

    def erf_(self) -> Tensor:
        """x, with erf(x, ...) written into it."""

    def erfc_(self) -> Tensor:
        """x, with erfc(x, ...) written into it."""

    def sign_(self) -> Tensor:
        """x, with sign(x, ...) written into it."""

    def floor_(self) -> Tensor:
        """x, with floor(x, ...) written into it."""

    def ceil_(self) -> Tensor:
        """x, with ceil(x, ...) written into it."""

    def trunc_(self) -> Tensor:
        """x, with trunc(x, ...) written into it."""

    def floor_divide_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with floor_divide(x, ...) written into it."""

    def logical_not_(self) -> Tensor:
        """x, with logical_not(x, ...) written into it."""

    def bitwise_not_(self) -> Tensor:
        """x, with bitwise_not(x, ...) written into it."""

    def bitwise_and_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with bitwise_and(x, ...) written into it."""

    def bitwise_or_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with bitwise_or(x, ...) written into it."""

    def bitwise_xor_(self, y: Tensor | builtins.float | np.generic) -> Tensor:
        """x, with bitwise_xor(x, ...) written into it."""

    def relu_(self) -> Tensor:
        """x, with relu(x, ...) written into it."""

    def leaky_relu_(self, negative_slope: builtins.float = 0.01) -> Tensor:
        """x, with leaky_relu(x, ...) written into it."""

    def elu_(self, alpha: builtins.float = 1.0, scale: Any = 1.0, input_scale: Any = 1.0) -> Tensor:
        """x, with elu(x, ...) written into it."""

    def sigmoid_(self) -> Tensor:
        """x, with sigmoid(x, ...) written into it."""

    def tanh_(self) -> Tensor:
        """x, with tanh(x, ...) written into it."""

    def scatter_(
        self,
        dim: builtins.int,
        index: Tensor,
        src: Any = None,
        *,
        value: builtins.float | None = None,
    ) -> Tensor:
        """x, with scatter(x, ...) written into it."""

    def scatter_add_(self, dim: builtins.int, index: Tensor, src: Any) -> Tensor:
        """x, with scatter_add(x, ...) written into it."""

    def index_add_(
        self,
        dim: builtins.int,
        index: Tensor,
        source: builtins.int | tuple[builtins.int, ...],
        *,
        alpha: builtins.float = 1,
    ) -> Tensor:
        """x, with index_add(x, ...) written into it."""

    def tril_(self, diagonal: Any = 0) -> Tensor:
        """x, with tril(x, ...) written into it."""

    def triu_(self, diagonal: Any = 0) -> Tensor:
        """x, with triu(x, ...) written into it."""

    def check_write(self, name: str, args: tuple) -> None:
        """Raise RuntimeError where writing into x would change a graph behind its back, or its own elements twice."""

    def put(self, key: Any, value: builtins.float) -> Tensor:
        """x, with `value` broadcast and cast into x.raw[key]."""

    def copy_(self, src: Any, non_blocking: builtins.bool = False) -> Tensor:
        """x, with src broadcast and cast into it; from any device."""

    def fill_(self, value: builtins.float) -> Tensor:
        """x, with every element made `value`, a number or a tensor of no axes."""

    def zero_(self) -> Tensor:
        """x, with every element made 0."""

    def type(
        self, dtype: np.dtype | str | None = None, non_blocking: builtins.bool = False
    ) -> Tensor:
        """x in another dtype; without one the name of x's dtype."""

    def to(
        self,
        *where: Tensor | Device | np.dtype | str,
        device: Device | str | None = None,
        dtype: np.dtype | str | None = None,
        non_blocking: builtins.bool = False,
        copy: builtins.bool = False,
    ) -> Tensor:
        """x on another device, in another dtype, or both; x itself if nothing changes."""

    def type_as(self, other: Tensor) -> Tensor:
        """x in the dtype and on the device of another tensor."""

    def contiguous(self) -> Tensor:
        """x if its elements lie one behind the other in memory, else a copy that does."""

    def cpu(self) -> Tensor:
        """x on the CPU; x itself if it is there."""

    def cuda(
        self, device: Device | str | None = None, non_blocking: builtins.bool = False
    ) -> Tensor:
        """x on a GPU; x itself if it is there."""

    def pin_memory(self) -> Tensor:
        """x in page-locked memory of the host, from which a GPU copies by itself."""

    def half(self) -> Tensor:
        """x as float16."""

    def float(self) -> Tensor:
        """x as float32."""

    def double(self) -> Tensor:
        """x as float64."""

    def bfloat16(self) -> Tensor:
        """x as bfloat16."""

    def short(self) -> Tensor:
        """x as int16."""

    def int(self) -> Tensor:
        """x as int32."""

    def long(self) -> Tensor:
        """x as int64."""

    def bool(self) -> Tensor:
        """x as bool."""

    def new_zeros(
        self,
        *sizes: builtins.int | tuple[builtins.int, ...],
        size: Any = None,
        dtype: np.dtype | str | None = None,
        device: Device | str | None = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """Zeros of another shape, by default in x's dtype and on its device."""

    def new_ones(
        self,
        *sizes: builtins.int | tuple[builtins.int, ...],
        size: Any = None,
        dtype: np.dtype | str | None = None,
        device: Device | str | None = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """Ones of another shape, by default in x's dtype and on its device."""

    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: np.dtype | str | None = None,
        device: Device | str | None = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """fill_value in another shape, by default in x's dtype and on its device."""

    def new_empty(
        self,
        *sizes: builtins.int | tuple[builtins.int, ...],
        size: Any = None,
        dtype: np.dtype | str | None = None,
        device: Device | str | None = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """Whatever lay in memory in another shape, by default in x's dtype and on its device."""

    def new_tensor(
        self,
        data: Any,
        *,
        dtype: np.dtype | str | None = None,
        device: Device | str | None = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """A Tensor with a copy of `data`, by default in x's dtype and on its device."""

    def uniform_(self, from_: Any = 0.0, to: Any = 1.0, *, generator: Any = None) -> Tensor:
        """x, filled with uniform random numbers in [from_, to)."""

    def normal_(self, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None) -> Tensor:
        """x, filled with normal random numbers of this mean and standard deviation."""

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """x, filled with 1 with probability p, a number or a Tensor, else 0."""

    def random_(self, from_: Any = 0, to: Any = None, *, generator: Any = None) -> Tensor:
        """x, filled with random whole numbers from from_ (0 with one bound) up to, not including, to."""

    def bernoulli(self, p: Any = None, *, generator: Any = None) -> Tensor:
        """1 with the probability that `input` holds, or p, else 0; in input's shape and dtype."""

    def multinomial(
        self,
        num_samples: builtins.int,
        replacement: builtins.bool = False,
        *,
        generator: Any = None,
    ) -> Tensor:
        """Places along the last axis, drawn with probabilities that are proportional to `input`."""

def wrap(raw: object, node: TensorNode | None) -> Tensor:
    """A Tensor of these two, without checks."""

def rebuilt(cls: type, raw: object, requires_grad: bool) -> Tensor:
    """A Tensor (or a subclass's) as it was before pickling."""

def seed_for(root: Tensor, gradient: Tensor | None, create_graph: bool) -> object:
    """The gradient a walk starts from: raw, or a Tensor with create_graph."""
