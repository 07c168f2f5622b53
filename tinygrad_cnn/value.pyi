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

PLAIN: str

NOTHING: tuple

class Value(Node):
    """A float on the graph."""

    a: Any
    b: Any
    data: float
    extra: Any
    gate: Any
    grad: Any
    mark: Any
    seq: int
    blank: Any
    def __init__(self, data: float, label: str | None = None) -> None: ...
    @property
    def label(self) -> str | None:
        """A name for pictures; "" for a plain number that met a Value."""

    @label.setter
    def label(self, label: str | None) -> None: ...
    @property
    def more(self) -> tuple[Value, ...]:
        """The parents behind the second."""

    @property
    def rest(self) -> tuple:
        """The settings of the gate, in the order of its words."""

    @property
    def parents(self) -> tuple[Value, ...]:
        """What this was computed from."""

    def arrived(self) -> float | Value:
        """The gradient that has arrived."""

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """Run the rules, on the parents' numbers or, to be differentiated again, on the parents."""

    def settle(self, old: float | Value, keep: bool) -> None:
        """After a walk: a leaf adds to its old gradient, an inner Value shows what it got."""

    def backward(self, create_graph: bool = False) -> None:
        """Add d self / d leaf to the grad of every leaf; every inner Value shows its own."""

    def item(self) -> float:
        """The number."""

    def __float__(self) -> float: ...
    def __bool__(self) -> bool: ...
    def __repr__(self) -> str: ...
    def __format__(self, spec: str) -> str: ...
    def __add__(self, y: Value | float | np.generic) -> Value:
        """x + y."""

    def __radd__(self, y: Value | float | np.generic) -> Value: ...
    def __sub__(self, y: Value | float | np.generic) -> Value:
        """x - y."""

    def __rsub__(self, y: Value | float | np.generic) -> Value: ...
    def __mul__(self, y: Value | float | np.generic) -> Value:
        """x * y."""

    def __rmul__(self, y: Value | float | np.generic) -> Value: ...
    def __truediv__(self, y: Value | float | np.generic) -> Value:
        """x / y; integers become floats."""

    def __rtruediv__(self, y: Value | float | np.generic) -> Value: ...
    def __floordiv__(self, y: Value | float | np.generic) -> float:
        """The largest whole number not above x / y."""

    def __rfloordiv__(self, y: Value | float | np.generic) -> float: ...
    def __mod__(self, y: Value | float | np.generic) -> Value:
        """x - y * floor(x / y): the remainder that has y's sign."""

    def __rmod__(self, y: Value | float | np.generic) -> Value: ...
    def __pow__(self, y: Value | float | np.generic) -> Value:
        """x ** y."""

    def __rpow__(self, y: Value | float | np.generic) -> Value: ...
    def __lt__(self, y: Value | float | np.generic) -> bool:
        """x < y."""

    def __le__(self, y: Value | float | np.generic) -> bool:
        """x <= y."""

    def __gt__(self, y: Value | float | np.generic) -> bool:
        """x > y."""

    def __ge__(self, y: Value | float | np.generic) -> bool:
        """x >= y."""

    def __neg__(self) -> Value:
        """-x."""

    def __pos__(self) -> Value:
        """x itself."""

    def __abs__(self) -> Value:
        """|x|."""

    def erf(self) -> Value:
        """2/√π · ∫₀ˣ e^(-t²) dt."""

    def erfc(self) -> Value:
        """1 - erf(x), exact also where erf is near 1."""

    def abs(self) -> Value:
        """|x|."""

    def absolute(self) -> Value:
        """|x|."""

    def neg(self) -> Value:
        """-x."""

    def negative(self) -> Value:
        """-x."""

    def square(self) -> Value:
        """x²; of truth values as int64, as for any other power."""

    def reciprocal(self) -> Value:
        """1 / x."""

    def mul(self, y: Value | float | np.generic) -> Value:
        """x * y."""

    def multiply(self, y: Value | float | np.generic) -> Value:
        """x * y."""

    def pow(self, y: Value | float | np.generic) -> Value:
        """x ** y."""

    def remainder(self, y: Value | float | np.generic) -> Value:
        """x - y * floor(x / y): the remainder that has y's sign."""

    def fmod(self, y: Value | float | np.generic) -> Value:
        """x - y * trunc(x / y): the remainder that has x's sign."""

    def frac(self) -> Value:
        """x - trunc(x): what follows the point, with x's sign."""

    def exp(self) -> Value:
        """e^x."""

    def exp2(self) -> Value:
        """2^x."""

    def expm1(self) -> Value:
        """e^x - 1, exact near 0."""

    def log(self) -> Value:
        """The natural logarithm."""

    def log2(self) -> Value:
        """The logarithm to base 2."""

    def log10(self) -> Value:
        """The logarithm to base 10."""

    def log1p(self) -> Value:
        """log(1 + x), exact near 0."""

    def logaddexp(self, y: Value | float | np.generic) -> Value:
        """log(e^x + e^y), without overflow."""

    def sqrt(self) -> Value:
        """The square root."""

    def rsqrt(self) -> Value:
        """1 / √x: infinite at 0, with the zero's sign."""

    def hypot(self, y: Value | float | np.generic) -> Value:
        """√(x² + y²), without overflow."""

    def maximum(self, y: Value | float | np.generic) -> Value:
        """The larger of x and y; nan wins."""

    def minimum(self, y: Value | float | np.generic) -> Value:
        """The smaller of x and y; nan wins."""

    def clamp(self, min: float | None = None, max: float | None = None) -> Value:
        """x, but not below min and not above max; a bound of None is open, a Tensor broadcasts."""

    def clamp_min(self, min: float) -> Value:
        """x, but not below min; nan wins."""

    def clamp_max(self, max: float) -> Value:
        """x, but not above max; nan wins."""

    def clip(self, min: float | None = None, max: float | None = None) -> Value:
        """x, but not below min and not above max; a bound of None is open, a Tensor broadcasts."""

    def nan_to_num(self, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Value:
        """x with numbers in the place of nan and the infinities."""

    def lerp(self, end: Any, weight: Any) -> Value:
        """x + weight (end - x): x for a weight of 0, end for a weight of 1, both exactly."""

    def addcmul(self, tensor1: Any, tensor2: Any, value: float = 1) -> Value:
        """x + value * tensor1 * tensor2, all of it in the common dtype of the three."""

    def addcdiv(self, tensor1: Any, tensor2: Any, value: float = 1) -> Value:
        """x + value * tensor1 / tensor2, all of it in the common dtype of the three."""

    def sin(self) -> Value:
        """The sine of x in radians."""

    def cos(self) -> Value:
        """The cosine of x in radians."""

    def tan(self) -> Value:
        """The tangent of x in radians."""

    def sinh(self) -> Value:
        """The hyperbolic sine."""

    def cosh(self) -> Value:
        """The hyperbolic cosine."""

    def asin(self) -> Value:
        """The angle in [-π/2, π/2] whose sine is x."""

    def acos(self) -> Value:
        """The angle in [0, π] whose cosine is x."""

    def atan(self) -> Value:
        """The angle in (-π/2, π/2) whose tangent is x."""

    def atan2(self, y: Value | float | np.generic) -> Value:
        """The angle in [-π, π] of the point that lies x up and y to the right."""

    def asinh(self) -> Value:
        """The number whose hyperbolic sine is x."""

    def acosh(self) -> Value:
        """The number that is not negative and whose hyperbolic cosine is x."""

    def atanh(self) -> Value:
        """The number whose hyperbolic tangent is x."""

    def arcsin(self) -> Value:
        """The angle in [-π/2, π/2] whose sine is x."""

    def arccos(self) -> Value:
        """The angle in [0, π] whose cosine is x."""

    def arctan(self) -> Value:
        """The angle in (-π/2, π/2) whose tangent is x."""

    def arctan2(self, y: Value | float | np.generic) -> Value:
        """The angle in [-π, π] of the point that lies x up and y to the right."""

    def arcsinh(self) -> Value:
        """The number whose hyperbolic sine is x."""

    def arccosh(self) -> Value:
        """The number that is not negative and whose hyperbolic cosine is x."""

    def arctanh(self) -> Value:
        """The number whose hyperbolic tangent is x."""

    def sign(self) -> float:
        """-1, 0 or 1; nan has the sign 0, as in PyTorch."""

    def floor(self) -> float:
        """The largest whole number not above x; integers stay what they are."""

    def ceil(self) -> float:
        """The smallest whole number not below x; integers stay what they are."""

    def trunc(self) -> float:
        """x without its fraction; integers stay what they are."""

    def fix(self) -> float:
        """x without its fraction; integers stay what they are."""

    def floor_divide(self, y: Value | float | np.generic) -> float:
        """The largest whole number not above x / y."""

    def eq(self, y: Value | float | np.generic) -> bool:
        """x == y."""

    def ne(self, y: Value | float | np.generic) -> bool:
        """x != y."""

    def gt(self, y: Value | float | np.generic) -> bool:
        """x > y."""

    def ge(self, y: Value | float | np.generic) -> bool:
        """x >= y."""

    def lt(self, y: Value | float | np.generic) -> bool:
        """x < y."""

    def le(self, y: Value | float | np.generic) -> bool:
        """x <= y."""

    def not_equal(self, y: Value | float | np.generic) -> bool:
        """x != y."""

    def greater(self, y: Value | float | np.generic) -> bool:
        """x > y."""

    def greater_equal(self, y: Value | float | np.generic) -> bool:
        """x >= y."""

    def less(self, y: Value | float | np.generic) -> bool:
        """x < y."""

    def less_equal(self, y: Value | float | np.generic) -> bool:
        """x <= y."""

    def isnan(self) -> bool:
        """Where x is not a number."""

    def isinf(self) -> bool:
        """Where x is infinite."""

    def isfinite(self) -> bool:
        """Where x is neither infinite nor nan."""

    def logical_not(self) -> bool:
        """Where x is zero or False."""

    def logical_and(self, y: Value | float | np.generic) -> bool:
        """Where both are true."""

    def logical_or(self, y: Value | float | np.generic) -> bool:
        """Where one of them is true."""

    def logical_xor(self, y: Value | float | np.generic) -> bool:
        """Where one of them is true and the other is not."""

    def add(self, y: Value | float | np.generic, *, alpha: float = 1) -> Value:
        """x + alpha y."""

    def sub(self, y: Value | float | np.generic, *, alpha: float = 1) -> Value:
        """x - alpha y."""

    def subtract(self, y: Value | float | np.generic, *, alpha: float = 1) -> Value:
        """x - alpha y."""

    def div(self, y: Value | float | np.generic, *, rounding_mode: Any = None) -> Value:
        """x / y; integers become floats, unless the quotient is rounded."""

    def divide(self, y: Value | float | np.generic, *, rounding_mode: Any = None) -> Value:
        """x / y; integers become floats, unless the quotient is rounded."""

    def true_divide(self, y: Value | float | np.generic) -> Value:
        """x / y; integers become floats."""

    def round(self, *, decimals: Any = 0) -> float:
        """The nearest number of so many decimals; halves go to the even one."""

    def positive(self) -> Value:
        """x itself."""

    def isclose(
        self,
        y: Value | float | np.generic,
        rtol: Any = 1e-05,
        atol: Any = 1e-08,
        equal_nan: Any = False,
    ) -> bool:
        """Where |x - y| <= atol + rtol |y|; infinities are close to themselves alone."""

    def allclose(
        self,
        y: Value | float | np.generic,
        rtol: Any = 1e-05,
        atol: Any = 1e-08,
        equal_nan: Any = False,
    ) -> bool:
        """Whether all elements are close, as `isclose` says: True or False."""

    def tanh(self) -> Value:
        """The hyperbolic tangent."""

    def sigmoid(self) -> Value:
        """1 / (1 + e^-x); where e^-x overflows, 0."""

    def logsigmoid(self) -> Value:
        """log sigmoid(x) = -softplus(-x), exact also where sigmoid underflows."""

    def hardsigmoid(self) -> Value:
        """(x + 3) / 6, but not below 0 and not above 1."""

    def softsign(self) -> Value:
        """x / (1 + |x|)."""

    def relu(self) -> Value:
        """max(x, 0)."""

    def leaky_relu(self, negative_slope: float = 0.01) -> Value:
        """x for x > 0, else negative_slope * x."""

    def prelu(self, weight: Any) -> Value:
        """x for x > 0, else weight * x: one weight for all channels, or one for each."""

    def hardtanh(self, min_val: Any = -1.0, max_val: Any = 1.0) -> Value:
        """x, but not below min_val and not above max_val."""

    def threshold(self, threshold: Any, value: float) -> Value:
        """x for x > threshold, else value."""

    def elu(self, alpha: float = 1.0, scale: Any = 1.0, input_scale: Any = 1.0) -> Value:
        """scale x for x > 0, else scale alpha (e^(input_scale x) - 1): elu, selu and celu."""

    def selu(self) -> Value:
        """elu scaled so that mean 0 and variance 1 are a fixed point of layers."""

    def celu(self, alpha: float = 1.0) -> Value:
        """x for x > 0, else alpha (e^(x/alpha) - 1): its slope has no jump for any alpha."""

    def softplus(self, beta: Any = 1.0, threshold: Any = 20.0) -> Value:
        """log(1 + e^(beta x)) / beta, and x itself where beta x > threshold."""

    def silu(self) -> Value:
        """x sigmoid(x), also called swish."""

    def hardswish(self) -> Value:
        """x hardsigmoid(x)."""

    def mish(self) -> Value:
        """x tanh(softplus(x))."""

    def gelu(self, approximate: Any = "none") -> Value:
        """x Φ(x), Φ the normal distribution function; "tanh" takes a sigmoid for Φ."""

    def hardshrink(self, lambd: Any = 0.5) -> Value:
        """x, but 0 within [-lambd, lambd]."""

    def softshrink(self, lambd: Any = 0.5) -> Value:
        """x, brought nearer to 0 by lambd; 0 within [-lambd, lambd]."""

    def tanhshrink(self) -> Value:
        """x - tanh(x)."""

def walk(root: Value) -> None:
    """`graph.backprop` for one root and first order, spelled out for gates of one or two inputs."""

def below(root: Value) -> tuple[list[Value], list[tuple[Value, float]]]:
    """Root and all it was computed from: inner Values, made blank, and leaves with their grads."""
