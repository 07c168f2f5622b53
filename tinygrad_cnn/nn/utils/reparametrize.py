"""Weights that are computed from others before each forward: weight norm and spectral norm.

The parameter `weight` makes room for those it is computed from, and stays an attribute, now a plain
Tensor on the graph.
"""

from ...autograd import no_grad
from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..module import Module, Parameter


class Reparametrization:
    """A hook that computes a module's attribute `name` before forward."""

    title = ""  # of the function that adds it

    def __init__(self, name: str) -> None:
        self.name = name

    def computed(self, module: Module) -> Tensor:
        """The weight."""
        raise NotImplementedError

    def __call__(self, module: Module, args: tuple) -> None:
        """Compute the weight anew: what runs before forward."""
        setattr(module, self.name, self.computed(module))

    def added_to(self, module: Module) -> Parameter:
        """The module's parameter of that name, after this hook was added.

        Raises: RuntimeError if there is one of its kind already, ValueError if there is no such
        parameter.
        """
        hooks = module.hooks_of("before")
        if any(type(h) is type(self) and h.name == self.name for h in hooks.values()):
            raise RuntimeError(f"{self.title}: {self.name!r} of this module has it already")
        weight = vars(module).get(self.name)
        if not isinstance(weight, Parameter):
            raise ValueError(
                f"{self.title}: {type(module).__name__} has no parameter {self.name!r}; it has "
                f"{[name for name, _ in module.named_own(Parameter)]}"
            )
        module.register_forward_pre_hook(self)
        return weight


def removed(module: Module, kind: type[Reparametrization], name: str, *parts: str) -> Module:
    """`module` without a hook of that kind: its weight is a parameter again, its parts are gone.

    Raises: ValueError if there is no such hook.
    """
    hooks = module.hooks_of("before")
    keys = [key for key, hook in hooks.items() if type(hook) is kind and hook.name == name]
    if not keys:
        raise ValueError(f"{kind.title}: {name!r} of this {type(module).__name__} does not have it")
    with no_grad():
        weight = hooks.pop(keys[0]).computed(module)
    for part in ("", *parts):
        delattr(module, name + part)
    setattr(module, name, Parameter(weight))
    return module


# --- weight norm ----------------------------------------------------------------------------------


class WeightNorm(Reparametrization):
    """The hook of weight_norm; `dim` None is the norm of all numbers together."""

    title = "weight_norm"

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = dim

    def length(self, v: Tensor) -> Tensor:
        """The norm over all axes but one, which keep size 1; or of all numbers."""
        if self.dim is None:
            return v.norm(2)
        return v.norm(2, tuple(i for i in range(v.ndim) if i != self.dim % v.ndim), True)

    def computed(self, module: Module) -> Tensor:
        """g v / ‖v‖."""
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / self.length(v))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """`module`, its weight now g v / ‖v‖ with parameters `weight_g` and `weight_v`.

    dim: the axis along which each place has a length g of its own; None (or -1) for one length.

    Rule: dg = ⟨dw, v⟩ / ‖v‖, dv = g/‖v‖ (dw - v ⟨dw, v⟩ / ‖v‖²).

    Raises: RuntimeError if the weight has it already, ValueError if there is no such parameter.

    Source: Salimans & Kingma 2016, equations 2 and 3.
    """
    hook = WeightNorm(name, None if dim == -1 else dim)
    v = hook.added_to(module).detach()
    delattr(module, name)
    with no_grad():
        module.register_parameter(f"{name}_g", Parameter(hook.length(v)))
        module.register_parameter(f"{name}_v", Parameter(v))
    hook(module, ())
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """`module` with an ordinary weight again, of the same numbers.

    Raises: ValueError if it has no weight norm.
    """
    return removed(module, WeightNorm, name, "_g", "_v")


# --- spectral norm --------------------------------------------------------------------------------


class SpectralNorm(Reparametrization):
    """The hook of spectral_norm; `dim` is the axis of the outputs."""

    title = "spectral_norm"

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name)
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix of one row per output."""
        return weight.movedim(self.dim, 0).reshape(weight.shape[self.dim], -1)

    def unit(self, x: Tensor) -> Tensor:
        """x at length 1."""
        return F.normalize(x, 2.0, 0, self.eps)

    def iterated(self, matrix: Tensor, u: Tensor, v: Tensor) -> None:
        """Move u and v towards the singular vectors of the largest singular value, in place."""
        with no_grad():
            for _ in range(self.n_power_iterations):
                v.copy_(self.unit(matrix.T @ u))
                u.copy_(self.unit(matrix @ v))

    def computed(self, module: Module, iterate: bool = False) -> Tensor:
        """weight / (uᵀ weight v), u and v being constants; in training they are moved first."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = self.matrix(weight)
        if iterate:
            self.iterated(matrix, u, v)
        u, v = u.clone(), v.clone()  # a graph keeps these; the next forward moves the buffers
        return weight / (u * (matrix @ v)).sum()

    def __call__(self, module: Module, args: tuple) -> None:
        """Compute the weight anew, in training after a step of power iteration."""
        setattr(module, self.name, self.computed(module, module.training))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """`module`, its weight now divided by its largest singular value, found by power iteration.

    There are a parameter `weight_orig` and buffers `weight_u` and `weight_v`, the singular vectors,
    which move at each forward in training. dim: the axis of the outputs, 0, or 1 in transposed
    convolutions.

    Raises: ValueError for no iterations or if there is no such parameter, RuntimeError if the
    weight has it already.

    Source: Miyato, Kataoka, Koyama & Yoshida 2018, algorithm 1.
    """
    if n_power_iterations < 1:
        raise ValueError(
            f"spectral_norm: n_power_iterations is at least 1, got {n_power_iterations}"
        )
    if dim is None:
        dim = int(isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)))
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = hook.added_to(module)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    matrix = hook.matrix(weight.detach())
    for part, axis in (("u", 1), ("v", 0)):
        start = init.normal_(matrix.sum(axis))
        module.register_buffer(f"{name}_{part}", hook.unit(start))
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """`module` with an ordinary weight again, of the numbers that evaluation uses.

    Raises: ValueError if it has no spectral norm.
    """
    return removed(module, SpectralNorm, name, "_u", "_v", "_orig")
