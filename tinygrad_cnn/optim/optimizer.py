"""Optimizer: parameters in groups with settings of their own, a state for each, and the step.

A subclass is one update rule. It works on raw arrays, whose operators are the same on every
backend: a step is dozens of small operations, and nothing in it needs a graph. The parameter alone
is written through its Tensor, so that a graph that still needs the old numbers will notice.

Some rules are also kernels, which change all parameters of a group in one sweep: `swept` asks for
them. What they do not serve the rule does, parameter by parameter.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

from .. import kernels
from ..autograd import enable_grad, no_grad
from ..graph import stamp
from ..kernels.capture import HERE, on_host, rely
from ..tensor import Tensor

NEVER_NEGATIVE = (
    "lr",
    "weight_decay",
    "momentum",
    "eps",
    "alpha",
    "lr_decay",
    "initial_accumulator_value",
    "momentum_decay",
    "trust_coefficient",
)


Row = tuple[Tensor, object, dict[str, Any]]  # a parameter, its raw gradient, its state


class Optimizer:
    """What all optimisers share; a subclass defines `update` and checks its settings in `check`.

    params: an iterable of Tensors, or of groups {"params": Tensors, setting: value, ...}. defaults:
    the settings of a group that does not say otherwise. `param_groups` is the list of groups, whose
    settings may be changed at any time; `state` is what the rule remembers of each parameter.

    Raises: TypeError for what is no Tensor, and settings that are no numbers; ValueError if there
    are no parameters, if one is not a leaf or is given twice, and for settings out of their range.
    """

    def __init__(self, params: Iterable, defaults: dict[str, Any]) -> None:
        if isinstance(params, (Tensor, dict)):
            raise TypeError(
                "an optimizer takes an iterable of Tensors or of groups, got a single "
                f"{type(params).__name__}; put it into a list"
            )
        groups = list(params)
        if not groups:
            raise ValueError(
                "an optimizer needs at least one parameter, got an empty list; pass "
                "model.parameters() of a model that has some"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        for group in groups:
            self.add_param_group(group)

    def update(self, p: Tensor, g: object, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` by one step; `g` is the raw array of its gradient, `state` at first empty."""
        raise NotImplementedError(f"{type(self).__name__} has to define update")

    def check(self, group: dict[str, Any]) -> None:
        """Raise ValueError if a setting of `group` is out of its range, TypeError if no number."""
        for name in NEVER_NEGATIVE:
            value = group.get(name, 0.0)
            try:
                finite = math.isfinite(value)
            except TypeError as error:
                raise TypeError(
                    f"{type(self).__name__} needs {name} to be a number, got {value!r}"
                ) from error
            if not finite or value < 0:
                raise ValueError(
                    f"{type(self).__name__} needs {name} to be 0 or more and finite, got {value!r}"
                )
        if not all(0 <= beta < 1 for beta in group.get("betas", ())):
            raise ValueError(
                f"{type(self).__name__} needs two betas within [0, 1), got {group['betas']!r}"
            )

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Optimise the parameters of one more group, for example of layers that were frozen.

        Raises: as the constructor.
        """
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"an optimizer takes Tensors, got {type(p).__name__}: {p!r}")
            if not p.is_leaf:
                raise ValueError(
                    f"can't optimize a non-leaf Tensor, got the result of {p.grad_fn.gate.name} of "
                    f"shape {p.shape}; pass the Tensors it was computed from"
                )
            if id(p) in known:
                raise ValueError(
                    f"a parameter of shape {p.shape} is given twice; each may be in one place of "
                    "one group only"
                )
            known.add(id(p))
        complete = {**self.defaults, **group, "params": params}
        self.check(complete)
        self.param_groups.append(complete)

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; returns what `closure` does, if given.

        closure: computes the loss anew, with gradients, before the step. In a step that is recorded
        as a CUDA graph settings and counts of steps are those of each replay.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if HERE.recording is not None:
            self.settle()
        for group in self.param_groups:
            rows = []
            for p in group["params"]:
                grad = p.grad
                if grad is not None:
                    rows.append((p, grad.raw, self.state.setdefault(p, {})))
            if rows and HERE.recording is not None:
                rows = self.swept(rows, group)
            if rows:
                self.change(rows, group)
        return loss

    @on_host
    @no_grad()
    def change(self, rows: list[Row], group: dict[str, Any]) -> None:
        """Change the parameters of these rows."""
        with kernels.on(rows[0][1]):
            for p, g, state in self.swept(rows, group):
                self.update(p, -g if group.get("maximize") else g, state, group)

    def settle(self) -> None:
        """Say what a step that is being recorded relies on: groups, and which settings are on; and
        that at each replay parameters have the gradients of the recording."""
        rely(lambda: [switches(group) for group in self.param_groups])
        HERE.recording.start(HERE.recording.rely_on([self]))

    def swept(self, rows: list[Row], group: dict[str, Any]) -> list[Row]:
        """Change what a kernel can change in one sweep over memory; returns the rows that are left
        to `update`. A state's first step always is: it makes the state. In a step that is being
        recorded the kernel is, and what is left is done between two graphs.
        """
        return rows

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or with set_to_none=False fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach().zero_()

    def state_dict(self) -> dict[str, Any]:
        """State and settings in PyTorch's layout, parameters numbered in the order of the groups.

        {"state": {number: {...}}, "param_groups": [{..., "params": [numbers]}]}; the Tensors in it
        are shared with the optimiser.
        """
        params = [p for group in self.param_groups for p in group["params"]]
        numbers = {id(p): number for number, p in enumerate(params)}
        groups = [
            {**group, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {n: dict(self.state[p]) for n, p in enumerate(params) if self.state.get(p)}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` (or PyTorch's) returned; its Tensors are copied.

        Raises: ValueError if the groups or their sizes are others.
        """
        saved = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in self.param_groups]
        saved_sizes = [len(group["params"]) for group in saved]
        if saved_sizes != sizes:
            raise ValueError(
                f"the loaded state has groups of {saved_sizes} parameters, this optimizer has "
                f"groups of {sizes}; make it with the parameters of the run that was saved"
            )
        self.state = {}
        for group, other in zip(self.param_groups, saved, strict=True):
            for p, number in zip(group["params"], other["params"], strict=True):
                if number in state_dict["state"]:
                    entry = state_dict["state"][number]
                    self.state[p] = {name: fitted(value, p) for name, value in entry.items()}
            group.update({name: value for name, value in other.items() if name != "params"})

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def parted(rows: list[Row], names: tuple[str, ...]) -> tuple[list[Row], list[Row]]:
    """The rows whose state has all these arrays, and those for which this step is the first."""
    ready, new = [], []
    for row in rows:
        complete = all(row[2].get(name) is not None for name in names)
        (ready if complete else new).append(row)
    return ready, new


def switches(group: dict[str, Any]) -> list[object]:
    """How many parameters a group has, and which of its settings are not 0."""
    numbers = [value for value in group.values() if isinstance(value, (bool, int, float))]
    return [len(group["params"]), *map(bool, numbers)]


def sweep(
    optimizer: Optimizer,
    name: str,
    rows: list[Row],
    states: tuple[str, ...],
    settings: Callable[[], dict[str, Any]],
    count: Callable[[], None] = lambda: None,
) -> bool:
    """Whether the kernel `name` has changed the parameters of all rows, with these of their states.

    optimizer: whose they are. settings: of the kernel, as they are when they are asked for. count:
    what is called behind each step.

    There is none without Numba or CUDA, and among reference kernels; and it refuses arrays that lie
    in pieces, or cannot be written, and parameters that share memory.
    """
    recording = HERE.recording
    if not rows:
        return True
    if recording is not None and HERE.calls is None and not rows[0][0].is_cuda:
        return False
    kernel = kernels.find(type(rows[0][0].raw), name, unserved)
    raws = [(p.raw, *(state[s].raw for s in states), g) for p, g, state in rows]
    refresh = kernel(raws, **settings())
    if refresh is NotImplemented:
        return False

    def finish() -> None:
        for p, _, _ in rows:
            stamp(p.raw)
        count()

    def again() -> None:
        refresh(**settings())
        finish()

    if recording is None:
        finish()
    else:
        known = [(p, s, state[s]) for p, _, state in rows for s in states]
        rely(lambda: all(optimizer.state.get(p, {}).get(s) is t for p, s, t in known))
        recording.start(again)
    return True


def unserved(rows: list, **settings: object) -> object:
    """What stands for a kernel where there is none."""
    return NotImplemented


def fitted(value: object, p: Tensor) -> object:
    """A copy of a Tensor in dtype and on the device of `p`, a single number as Python's.

    Anything else as it is.
    """
    if not isinstance(value, Tensor):
        return value
    if value.shape == () != p.shape:
        return value.item()  # the count of steps is a Tensor in PyTorch
    return value.detach().to(p.device, p.dtype).clone()
