"""Gradients held against finite differences."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..ops.reduce import sum
from ..tensor import Tensor, wrap
from ..value import Value
from .grad import grad, listed


class GradcheckError(RuntimeError):
    """A gradient is not the central difference."""


def gradcheck(
    func: Callable,
    inputs: Sequence,
    *,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-4,
    raise_exception: bool = True,
) -> bool:
    """Whether the gradients of func are its central differences, along a random cotangent.

    inputs: float64 Tensors that require grad (others are constants), or Values.

    Raises: GradcheckError that names the input, the place and both numbers, unless raise_exception
    is False; TypeError for inputs in a precision in which differences say nothing.

    Differs: atol and rtol are a tenth of PyTorch's.
    """
    try:
        return check(func, listed(inputs), eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def check(fn: Callable, inputs: list, eps: float, atol: float, rtol: float) -> bool:
    """True, where gradcheck has nothing to say against fn."""
    if any(isinstance(x, Value) for x in inputs):
        return check_values(fn, inputs, eps, atol, rtol)
    wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    for x in wanted:
        if x.dtype != np.float64:
            raise TypeError(f"gradcheck needs float64 inputs, got {x.dtype}")
    outputs = [t for t in listed(fn(*inputs)) if isinstance(t, Tensor) and t.dtype.kind == "f"]
    rng = np.random.default_rng(0)
    seeds = [normal(rng, t) for t in outputs]
    roots = [(t, seed) for t, seed in zip(outputs, seeds, strict=True) if t.node]
    if not wanted:
        raise ValueError("gradcheck: none of the inputs requires grad")
    grads = [None] * len(wanted)
    if roots:
        grads = grad([t for t, _ in roots], wanted, [seed for _, seed in roots])

    def value() -> float:
        """The outputs along the cotangent."""
        made = [t for t in listed(fn(*inputs)) if isinstance(t, Tensor) and t.dtype.kind == "f"]
        pairs = zip(made, seeds, strict=True)
        return math.fsum(sum(t.detach() * seed).item() for t, seed in pairs)

    for number, (x, g) in enumerate(zip(wanted, grads, strict=True)):
        analytic = np.zeros(x.shape) if g is None else g.numpy(force=True)
        for place in np.ndindex(*x.shape):
            kept = x.raw[place].item()
            x.raw[place] = kept + eps
            above = value()
            x.raw[place] = kept - eps
            below = value()
            x.raw[place] = kept
            compare(f"input {number}{list(place)}", analytic[place], above, below, eps, atol, rtol)
    return True


def normal(rng: np.random.Generator, like: Tensor) -> Tensor:
    """Normal numbers in the shape and on the device of a tensor."""
    return wrap(np.asarray(rng.standard_normal(like.shape)), None).to(like.device)


def check_values(fn: Callable, inputs: list, eps: float, atol: float, rtol: float) -> bool:
    """gradcheck in scalar mode."""
    numbers = [x.data for x in inputs]
    grads = grad(fn(*inputs), inputs)
    for i, g in enumerate(grads):
        ends = []
        for step in (eps, -eps):
            moved = [Value(n + step if i == k else n) for k, n in enumerate(numbers)]
            ends.append(fn(*moved).data)
        compare(f"input {i}", 0.0 if g is None else g, *ends, eps, atol, rtol)
    return True


def compare(
    name: str, analytic: float, above: float, below: float, eps: float, atol: float, rtol: float
) -> None:
    """Raise GradcheckError unless the slope between two values is the gradient."""
    slope = (above - below) / (2 * eps)
    if not abs(slope - analytic) <= atol + rtol * abs(slope):
        raise GradcheckError(
            f"{name}: the gradient is {analytic:.9g}, the central difference {slope:.9g} "
            f"(step {eps:g}, atol {atol:g}, rtol {rtol:g})"
        )


def gradgradcheck(
    func: Callable,
    inputs: Sequence,
    *,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-4,
    raise_exception: bool = True,
) -> bool:
    """Whether the gradients of func's gradients are their central differences.

    They are taken along random directions, in the inputs and in the cotangent.

    Raises: GradcheckError as gradcheck does.
    """
    inputs = listed(inputs)
    rng = np.random.default_rng(1)
    places = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    outputs = listed(func(*inputs))
    cotangents = [normal(rng, t).requires_grad_() for t in outputs]
    directions = [normal(rng, inputs[i]) for i in places]

    def slopes(*args: Tensor) -> Tensor:
        """The gradients along the directions, as one number."""
        made = listed(func(*args[: len(inputs)]))
        wanted = [args[i] for i in places]
        roots = [(t, u) for t, u in zip(made, args[len(inputs) :], strict=True) if t.node]
        grads = [None] * len(wanted)
        if roots:
            grads = grad([t for t, _ in roots], wanted, [u for _, u in roots], create_graph=True)
        total = wrap(np.zeros(()), None).to(cotangents[0].device)
        for g, d in zip(grads, directions, strict=True):
            if g is not None:
                total = total + sum(g * d)
        return total

    return gradcheck(
        slopes,
        [*inputs, *cotangents],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )
