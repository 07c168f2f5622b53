# Written by `python -m tests.stubs` from the live classes; edit those, not this file.
# ruff: noqa: E501, F401, RUF100

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from .graph import Node

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
        """x < y, elementwise."""

    def __le__(self, y: Value | float | np.generic) -> bool:
        """x <= y, elementwise."""

    def __gt__(self, y: Value | float | np.generic) -> bool:
        """x > y, elementwise."""

    def __ge__(self, y: Value | float | np.generic) -> bool:
        """x >= y, elementwise."""

    def __neg__(self) -> Value:
        """-x."""

    def __pos__(self) -> Value: ...
    def __abs__(self) -> Value:
        """|x|."""

    def abs(self) -> Value:
        """|x|."""

    def square(self) -> Value:
        """x²."""

    def reciprocal(self) -> Value:
        """1 / x."""

    def sign(self) -> float:
        """-1, 0 or 1; nan stays."""

    def floor(self) -> float:
        """The largest whole number not above x."""

    def ceil(self) -> float:
        """The smallest whole number not below x."""

    def trunc(self) -> float:
        """x without its fraction."""

    def round(self) -> float:
        """The nearest whole number; halves go to the even one."""

    def clamp(self, min: float | None = None, max: float | None = None) -> Value:
        """x, but not below min and not above max; a bound of None is open."""

    def exp(self) -> Value:
        """e^x."""

    def expm1(self) -> Value:
        """e^x - 1, exact near 0."""

    def log(self) -> Value:
        """The natural logarithm."""

    def log2(self) -> Value:
        """The logarithm to base 2."""

    def log1p(self) -> Value:
        """log(1 + x), exact near 0."""

    def sqrt(self) -> Value:
        """The square root."""

    def rsqrt(self) -> Value:
        """1 / √x."""

    def maximum(self, y: Value | float | np.generic) -> Value:
        """The larger of x and y; nan wins."""

    def minimum(self, y: Value | float | np.generic) -> Value:
        """The smaller of x and y; nan wins."""

    def sin(self) -> Value:
        """The sine of x in radians."""

    def cos(self) -> Value:
        """The cosine of x in radians."""

    def tan(self) -> Value:
        """The tangent of x in radians."""

    def asin(self) -> Value:
        """The angle in [-π/2, π/2] whose sine is x."""

    def acos(self) -> Value:
        """The angle in [0, π] whose cosine is x."""

    def atan(self) -> Value:
        """The angle in (-π/2, π/2) whose tangent is x."""

    def sinh(self) -> Value:
        """The hyperbolic sine."""

    def cosh(self) -> Value:
        """The hyperbolic cosine."""

    def isnan(self) -> bool:
        """Where x is not a number."""

    def isinf(self) -> bool:
        """Where x is infinite."""

    def isfinite(self) -> bool:
        """Where x is neither infinite nor nan."""

    def tanh(self) -> Value:
        """The hyperbolic tangent."""

    def sigmoid(self) -> Value:
        """1 / (1 + e^-x); where e^-x overflows, 0."""

    def relu(self) -> Value:
        """max(x, 0)."""

    def leaky_relu(self, negative_slope: float = 0.01) -> Value:
        """x for x > 0, else negative_slope * x."""

    def elu(self, alpha: float = 1.0) -> Value:
        """x for x > 0, else alpha (e^x - 1)."""

def walk(root: Value) -> None:
    """`graph.backprop` for one root and first order, spelled out for gates of one or two inputs."""
