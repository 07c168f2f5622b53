"""Derivatives of functions: products with Jacobians and Hessians, and the matrices themselves.

Each takes a function of Tensors and the inputs to differentiate it at: a Tensor, or a tuple of
them where the function takes several arguments. Whether a result is a Tensor or a tuple follows
the inputs and the function. The function sees fresh arguments, so derivatives are with respect to
its arguments alone, even if it also reaches for the same tensors from outside.

With create_graph the results are on the graph of the inputs, else they are constants. Where the
function does not depend on an input its derivative is zero; with strict that is an error.

Differs: PyTorch's vectorize, strategy and outer_jacobian_strategy are missing; they change how
long jacobian and hessian take, not what they return.
"""

from collections.abc import Callable

from .. import kernels
from ..ops.joining import stack
from ..ops.shape import ones_like, reshape, zeros_like
from ..tensor import Tensor, wrap
from .grad import enable_grad, grad

Tensors = Tensor | tuple[Tensor, ...]


def checked(what: str, given: object) -> tuple[Tensor, ...]:
    """`given`, a Tensor or a tuple of Tensors, as a tuple.

    Raises: TypeError for anything else.
    """
    found = given if isinstance(given, tuple) else (given,)
    for t in found:
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{what} must be a Tensor or a tuple of Tensors, got {type(t).__name__}"
                f"{' in a tuple' if isinstance(given, tuple) else ''}"
            )
    return found


def fresh(inputs: Tensors, create_graph: bool) -> tuple[Tensor, ...]:
    """New Tensors with the inputs' arrays; with create_graph still on the inputs' graph."""
    return tuple(
        [
            reshape(x, x.shape) if create_graph and x.requires_grad else x.detach().requires_grad_()
            for x in checked("the inputs", inputs)
        ]
    )


def directions(v: Tensors | None, like: tuple[Tensor, ...], whose: str) -> tuple[Tensor, ...]:
    """v as a tuple, of the shapes of `like`; a one if v is None and there is just one number.

    Raises: RuntimeError if v is missing, or of another shape.
    """
    shapes = [t.shape for t in like]
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"v can be left out only for a single {whose} of one element, got shapes {shapes}; "
                f"pass v with one Tensor of the same shape per {whose}"
            )
        return (ones_like(like[0]),)
    found = checked("v", v)
    if [t.shape for t in found] != shapes:
        raise RuntimeError(
            f"v has shapes {[t.shape for t in found]}, expected those of the {whose}s, {shapes}"
        )
    return found


def pulled(
    outputs: tuple, args: tuple, seeds: tuple, create_graph: bool, strict: bool
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` times `seeds`, one per argument, zeros where there is none.

    Raises: RuntimeError if strict and an output or an argument stands apart.
    """
    roots = [i for i, t in enumerate(outputs) if t.requires_grad]
    if strict and len(roots) < len(outputs):
        apart = next(i for i, t in enumerate(outputs) if not t.requires_grad)
        raise RuntimeError(
            f"strict: output {apart} of the function, or of its gradient, does not depend on the "
            "inputs; compute it from them by gates, or pass strict=False for zeros"
        )
    got = [None] * len(args)
    if roots:
        picked = [outputs[i] for i in roots]
        got = grad(picked, list(args), [seeds[i] for i in roots], True, create_graph)
    for i, g in enumerate(got):
        if strict and (g is None or (create_graph and not g.requires_grad)):
            what = "function, or its gradient," if g is None else "derivative"
            raise RuntimeError(
                f"strict: the {what} does not depend on input {i}; pass strict=False for zeros"
            )
    return tuple([zeros_like(x) if g is None else g for g, x in zip(got, args, strict=True)])


def packed(results: tuple[Tensor, ...], like: object, create_graph: bool) -> Tensors:
    """The results as a tuple if `like` is one, else the only one; constants unless create_graph."""
    if not create_graph:
        results = tuple([t.detach() for t in results])
    return results if isinstance(like, tuple) else results[0]


def vjp(
    func: Callable,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """func(*inputs), and v times its Jacobian.

    Shape: v as the outputs (it may be left out for one number); the product as the inputs.

    Rule: vjp_j = Σ_i v_i ∂y_i/∂x_j, by one backward walk.

    Raises: RuntimeError if v is missing or of another shape; TypeError for what is not a Tensor.
    """
    with enable_grad():
        args = fresh(inputs, create_graph)
        made = func(*args)
        outputs = checked("what the function returns", made)
        back = pulled(outputs, args, directions(v, outputs, "output"), create_graph, strict)
    return packed(outputs, made, create_graph), packed(back, inputs, create_graph)


def jvp(
    func: Callable,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """func(*inputs), and its Jacobian times v: the derivative in the direction v.

    Shape: v as the inputs (it may be left out for one number); the product as the outputs.

    Rule: jvp_i = Σ_j ∂y_i/∂x_j v_j. The product u ↦ uᵀJ of `vjp` is linear in u, so its own vjp at
    any u is v ↦ Jv.

    Raises: RuntimeError if v is missing or of another shape; TypeError for what is not a Tensor.
    """
    with enable_grad():
        args = fresh(inputs, create_graph)
        tangents = directions(v, args, "input")
        made = func(*args)
        outputs = checked("what the function returns", made)
        anywhere = tuple([zeros_like(t).requires_grad_() for t in outputs])
        back = pulled(outputs, args, anywhere, True, strict)
        forth = pulled(back, anywhere, tangents, create_graph, False)
        if strict and create_graph and not all(t.requires_grad for t in forth):
            raise RuntimeError(
                "strict: the derivative does not depend on the inputs; pass strict=False for zeros"
            )
    return packed(outputs, made, create_graph), packed(forth, made, create_graph)


def jacobian(
    func: Callable, inputs: Tensors, create_graph: bool = False, strict: bool = False
) -> Tensor | tuple:
    """All derivatives of all outputs: a Tensor, or tuples by output, then by input.

    Shape: output (*n), input (*m) -> (*n, *m).

    Rule: J[i, j] = ∂y_i/∂x_j, one backward walk per element of the outputs.

    Raises: RuntimeError if strict and something does not depend on something; TypeError for what is
    not a Tensor.
    """
    with enable_grad():
        args = fresh(inputs, create_graph)
        made = func(*args)
        outputs = checked("what the function returns", made)
        table = tuple(
            [packed(blocks(t, args, create_graph, strict), inputs, create_graph) for t in outputs]
        )
    return table if isinstance(made, tuple) else table[0]


def blocks(output: Tensor, args: tuple, create_graph: bool, strict: bool) -> tuple[Tensor, ...]:
    """The Jacobian of one output, a block per argument."""
    rows = []
    for place in range(output.numel()):
        seed = zeros_like(output)
        seed.raw.reshape(-1)[place] = 1.0
        rows.append(pulled((output,), args, (seed,), create_graph, strict))
    shapes = [(*output.shape, *x.shape) for x in args]
    if not rows:  # an output of no elements
        return tuple(
            [
                wrap(kernels.xp(x.raw).zeros(shape, x.dtype), None)
                for x, shape in zip(args, shapes, strict=True)
            ]
        )
    columns = zip(*rows, strict=True)
    return tuple([reshape(stack(list(c)), s) for c, s in zip(columns, shapes, strict=True)])


class Gradient:
    """The gradient of a function of one number, as a function; `values` has what that returned."""

    def __init__(self, func: Callable, strict: bool) -> None:
        self.func = func
        self.strict = strict
        self.values = []

    def __call__(self, *args: Tensor) -> tuple[Tensor, ...]:
        """The gradient at args, on the graph.

        Raises: RuntimeError if the function does not return one number; TypeError if no Tensor.
        """
        made = self.func(*args)
        (y, *more) = checked("what the function returns", made)
        if more or y.numel() != 1:
            shapes = [t.shape for t in (y, *more)]
            raise RuntimeError(
                f"a Hessian is that of a single output of one element, got shapes {shapes}; reduce "
                "with sum() or mean()"
            )
        self.values.append(made)
        return pulled((y,), args, (ones_like(y),), True, self.strict)

    def value(self, create_graph: bool) -> Tensors:
        """What the function returned."""
        return packed(checked("it", self.values[0]), self.values[0], create_graph)


def hessian(
    func: Callable, inputs: Tensors, create_graph: bool = False, strict: bool = False
) -> Tensor | tuple:
    """All second derivatives of a function of one number: a Tensor, or tuples by input twice.

    Shape: inputs (*n) and (*m) -> (*n, *m).

    Rule: H[i, j] = ∂²y/∂x_i∂x_j, the Jacobian of the gradient.

    Raises: RuntimeError if the function does not return a single number.
    """
    table = jacobian(Gradient(func, strict), inputs, create_graph, strict)
    return table if isinstance(inputs, tuple) else table[0]


def hvp(
    func: Callable,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """func(*inputs), one number, and its Hessian times v, as the jvp of the gradient.

    Shape: v and the product as the inputs (v may be left out for one number).

    Rule: hvp_i = Σ_j ∂²y/∂x_i∂x_j v_j. `vhp` costs less, and is the same where second derivatives
    are continuous.

    Raises: RuntimeError if v is missing or of another shape, or for more than one number.
    """
    gradient = Gradient(func, strict)
    product = jvp(gradient, inputs, v, create_graph, strict)[1]
    return gradient.value(create_graph), packed(product, inputs, create_graph)


def vhp(
    func: Callable,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """func(*inputs), one number, and v times its Hessian, as the vjp of the gradient.

    Shape: v and the product as the inputs (v may be left out for one number).

    Rule: vhp_j = Σ_i v_i ∂²y/∂x_i∂x_j.

    Raises: RuntimeError if v is missing or of another shape, or for more than one number.
    """
    gradient = Gradient(func, strict)
    product = vjp(gradient, inputs, v, create_graph, strict)[1]
    return gradient.value(create_graph), product
