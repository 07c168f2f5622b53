"""The layers of a network as a table, counted by running it once without numbers."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from ..kernels import get_default_dtype
from ..nn import Module, Parameter
from ..random import default_generator
from ..tensor import Tensor
from . import formulas
from .table import Table
from .visit import Call, Forward, Training, Window, stand_in

HEADS = (
    "layer",
    "type",
    "output",
    "kernel",
    "parameters",
    "connections",
    "multiply-adds",
    "backward",
    "activations",
    "field",
    "jump",
)
WORDS = 4  # of these heads stand over words, the others over numbers

# How many numbers an optimiser keeps for each one that it trains.
STATES = {"SGD": 0, "SGD with momentum": 1, "Adam": 2}

ERRORS = (ValueError, RuntimeError, IndexError, TypeError)  # of layers, for inputs that do not fit


@dataclass(frozen=True)
class Row:
    """One call of a module: what its own gates did; those of modules inside have their own rows.

    level: how deep it lies in the calls; 0 is the whole model. shape: of its output for one sample.
    weights: the shapes of its own parameters that were not in an earlier row. connections and
    multiply_adds are those of one sample, backward too; activation_bytes are of the whole batch.
    receptive_field, jump: one number per axis of space; None where they are not known, or where
    nothing is left to jump over.
    """

    name: str
    type: str
    level: int
    shape: tuple[int, ...]
    windows: tuple[Window, ...]
    weights: tuple[tuple[int, ...], ...]
    connections: int
    multiply_adds: int
    backward: int | None
    activation_bytes: int | None
    receptive_field: tuple[int, ...] | None
    jump: tuple[Fraction | None, ...] | None

    @property
    def parameters(self) -> int:
        """How many numbers its own parameters hold, if these were in no earlier row."""
        return sum([math.prod(shape) for shape in self.weights])

    @property
    def kernel(self) -> str:
        """The windows that it slides over space, such as "11×11/4", a stride of 4."""
        return ", ".join(map(kernel_text, self.windows))

    def formulas(self) -> tuple[str, str]:
        """The formulas of its output size and of its parameters, with the numbers filled in."""
        sizes = [text for window in self.windows for text in formulas.output_size(window)]
        return ", ".join(sizes), formulas.parameters(self.weights) if self.weights else ""

    def to_dict(self) -> dict[str, Any]:
        """All of it as numbers, strings and lists, for JSON."""
        fields = asdict(self) | {"parameters": self.parameters, "kernel": self.kernel}
        fields["windows"] = [window._asdict() for window in self.windows]
        jump = self.jump
        fields["jump"] = jump and [None if step is None else float(step) for step in jump]
        fields["formulas"] = dict(zip(("output", "parameters"), self.formulas(), strict=True))
        return fields


@dataclass(frozen=True)
class Summary:
    """The layers of a network, in the order in which they ran.

    Connections are counted as LeCun et al. 1998 count them: each use of a weight or a bias is one.
    Multiply-adds are those of convolutions and matrix products; biases add none.

    parameters: how many numbers they hold, those that no row has included. state_bytes: of
    parameters and buffers. gradient_bytes: of the parameters that are trained. backward,
    activation_bytes: of a training step, also of layers that run in training alone and so have no
    row; None if `untrained` says why no such step is possible.
    """

    name: str
    input_size: tuple[int, ...]
    batch_size: int
    rows: tuple[Row, ...]
    parameters: int
    state_bytes: int
    gradient_bytes: int
    backward: int | None
    activation_bytes: int | None
    untrained: str | None

    @property
    def connections(self) -> int:
        """The connections of all layers."""
        return sum([row.connections for row in self.rows])

    @property
    def multiply_adds(self) -> int:
        """The multiply-adds of all layers, forward."""
        return sum([row.multiply_adds for row in self.rows])

    def training_bytes(self, optimizer: str) -> int | None:
        """What a training step holds at its peak, where the way back begins.

        Parameters and buffers, gradients, the state of an optimiser of STATES, and what the graph
        keeps; what gates need meanwhile comes to that.

        Raises: ValueError for an optimiser that is not in STATES.
        """
        if optimizer not in STATES:
            raise ValueError(f"the optimiser is one of {', '.join(STATES)}, got {optimizer!r}")
        if self.activation_bytes is None:
            return None
        kept = (1 + STATES[optimizer]) * self.gradient_bytes
        return self.state_bytes + kept + self.activation_bytes

    # --- as text ---

    def table(self) -> Table:
        """The rows as texts, with their totals."""
        rows = []
        for row in self.rows:
            numbers = (row.parameters, row.connections, row.multiply_adds, row.backward)
            texts = [
                row.type,
                str(row.shape),
                row.kernel,
                *map(counted, numbers),
                sized(row.activation_bytes),
                along_axes(row.receptive_field),
                along_axes(row.jump),
            ]
            rows.append((row.name, row.level, texts))
        numbers = (self.parameters, self.connections, self.multiply_adds, self.backward)
        totals = ["total", "", "", "", *map(counted, numbers), sized(self.activation_bytes)]
        return Table(HEADS, WORDS, rows, totals)

    def formula_table(self) -> Table:
        """The formulas of those layers that have any."""
        pairs = [(row, row.formulas()) for row in self.rows]
        rows = [(row.name, row.level, list(texts)) for row, texts in pairs if any(texts)]
        return Table(("layer", "output size", "parameters"), 3, rows)

    def notes(self) -> list[str]:
        """The sentences below the table."""
        size = "×".join(map(str, self.input_size))
        lines = [f"{self.name} on inputs of {size}; bytes for a batch of {self.batch_size}."]
        idle = self.parameters - sum([row.parameters for row in self.rows])
        if idle:
            lines.append(f"{idle:,} parameters are in layers that run in training alone, or never.")
        if self.untrained is not None:
            lines.append(f"There is no training step of this batch: {self.untrained}")
            return lines
        peaks = [f"{sized(self.training_bytes(name))} with {name}" for name in STATES]
        lines.append(f"A training step holds {', '.join(peaks)}.")
        return lines

    def __rich__(self) -> object:
        """The table for rich's print, and the notes."""
        from rich.console import Group

        return Group(self.table(), "", *self.notes())

    def __str__(self) -> str:
        return f"{self.table()}\n\n" + "\n".join(self.notes())

    def markdown(self) -> str:
        """The table as Markdown, and the notes."""
        return f"{self.table().markdown()}\n\n" + "\n".join(self.notes())

    def to_dict(self) -> dict[str, Any]:
        """All of it as numbers, strings and lists, for JSON."""
        fields = {name: value for name, value in vars(self).items() if name != "rows"}
        fields |= {"connections": self.connections, "multiply_adds": self.multiply_adds}
        fields["training_bytes"] = {name: self.training_bytes(name) for name in STATES}
        return fields | {"rows": [row.to_dict() for row in self.rows]}


# --- texts of numbers -----------------------------------------------------------------------------


def counted(number: int | None) -> str:
    """A count with its thousands apart; nothing for none."""
    return f"{number:,}" if number else ""


def sized(number: int | None) -> str:
    """Bytes in the unit that fits; nothing for none."""
    if not number:
        return ""
    power = min(max(number.bit_length() - 1, 0) // 10, 4)
    if not power:
        return f"{number} B"
    return f"{number / 1024**power:.1f} {'KMGT'[power - 1]}iB"


def along_axes(numbers: Sequence[int | Fraction | None] | None) -> str:
    """One number per axis of space, or one for all; nothing where they are not known."""
    if not numbers or None in numbers:
        return ""
    return "×".join(map(str, numbers if len(set(numbers)) > 1 else numbers[:1]))


def kernel_text(window: Window) -> str:
    """A window such as "3×3", or "3×3/2" with a stride of 2."""
    text = "×".join(map(str, window.size))
    strides = along_axes(window.stride)
    return text if strides == "1" else f"{text}/{strides}"


# --- counting -------------------------------------------------------------------------------------


def summary(
    model: Module,
    input_size: Sequence[int],
    batch_size: int = 1,
    *,
    depth: int | None = None,
) -> Summary:
    """The layers of a model: shapes, parameters, work, memory and receptive fields.

    A stand-in without numbers runs in place of the model, once in evaluation and once in training
    mode; the model is not touched. Every call of a module has a row, indented below the module that
    calls it. What gates are run counts, not what modules they are run in.

    depth: how many levels of modules have rows of their own; the deepest row then has all that is
    inside it.

    Shape: input_size is that of one sample, such as (3, 224, 224), without the batch axis N.

    Raises: TypeError for what is no Module or no size, ValueError for sizes below 1, RuntimeError
    that names the layer that cannot take its input.

    Source: LeCun et al. 1998, section II.B, for connections; Araujo, Norris & Sim 2019 for
    receptive fields.
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary takes a Module, got {type(model).__name__}")
    sizes = sizes_of(input_size)
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1, got {batch_size}")
    double, frozen = stand_in(model)
    draws = default_generator.get_state()
    try:
        forward = evaluated(double, sizes)
        training, untrained = trained(double, frozen, (batch_size, *sizes))
    finally:
        default_generator.set_state(draws)
    steps = list(training.top.walk()) if training else []
    state = (*double.parameters(), *double.buffers())
    return Summary(
        name=type(model).__name__,
        input_size=sizes,
        batch_size=batch_size,
        rows=tuple(rows_of(forward.top, steps if training else None, batch_size, depth)),
        parameters=sum([p.numel() for p in double.parameters()]),
        state_bytes=sum([t.nbytes for t in state]),
        gradient_bytes=sum([p.nbytes for p in double.parameters() if p.requires_grad]),
        backward=sum([call.backward for call in steps]) // batch_size if training else None,
        activation_bytes=sum([call.bytes for call in steps]) if training else None,
        untrained=untrained,
    )


def sizes_of(input_size: Sequence[int]) -> tuple[int, ...]:
    """The size of a sample as a tuple.

    Raises: TypeError for what is no sequence of whole numbers, ValueError for one below 1.
    """
    whole = isinstance(input_size, (tuple, list)) and all(isinstance(n, int) for n in input_size)
    if not whole or not input_size:
        raise TypeError(
            f"input_size is the shape of one sample, such as (3, 224, 224), got {input_size!r}"
        )
    if min(input_size) < 1:
        raise ValueError(f"the sizes of an input are at least 1, got {tuple(input_size)}")
    return tuple(input_size)


def made(double: Module, shape: tuple[int, ...]) -> Tensor:
    """An input without numbers, in the dtype of the model's parameters."""
    tensors = [t for m in double.modules() for t in vars(m).values() if isinstance(t, Tensor)]
    floats = [t.dtype for t in tensors if t.is_floating_point()]
    dtype = floats[0] if floats else get_default_dtype()
    return Tensor(0.0).to(device="meta", dtype=dtype).expand(shape)


def evaluated(double: Module, sizes: tuple[int, ...]) -> Forward:
    """The run of one sample in evaluation mode.

    Raises: RuntimeError that names the layer that cannot take its input.
    """
    x = made(double, (1, *sizes)).requires_grad_()
    visit = Forward(double, x)
    try:
        visit.run(x, training=False)
    except ERRORS as error:
        raise RuntimeError(f"{visit.place()}: {error}") from error
    return visit


def trained(
    double: Module, frozen: list[Parameter], shape: tuple[int, ...]
) -> tuple[Training | None, str | None]:
    """The run of a batch in training mode, or what forbids it: a batch of one in a norm, say."""
    for p in frozen:
        p.requires_grad_(False)
    visit = Training(double)
    try:
        visit.keep(visit.run(made(double, shape), training=True))
    except ERRORS as error:
        return None, f"{visit.place()}: {error}"
    return visit, None


def rows_of(top: Call, steps: list[Call] | None, batch_size: int, depth: int | None) -> list[Row]:
    """The rows of a run; steps: the calls of a training step, if one is possible."""
    waiting = {}
    for call in steps or ():
        waiting.setdefault(call.path, []).append(call)
    rows = []

    def add(call: Call, name: str, level: int) -> None:
        inside = list(call.walk()) if level == depth else [call]
        step = [waiting[c.path].pop(0) for c in inside if waiting.get(c.path)]
        seen = call.seen
        rows.append(
            Row(
                name=name,
                type=call.type,
                level=level,
                shape=() if call.shape is None else call.shape[1:],
                windows=tuple(call.windows),
                weights=tuple([shape for c in inside for _, shape in c.own]),
                connections=sum([c.connections for c in inside]),
                multiply_adds=sum([c.multiply_adds for c in inside]),
                backward=None if steps is None else sum([c.backward for c in step]) // batch_size,
                activation_bytes=None if steps is None else sum([c.bytes for c in step]),
                receptive_field=seen and seen.sizes,
                jump=seen and seen.jumps,
            )
        )
        if level != depth:
            for inner in call.calls:
                add(inner, inner.path, level + 1)

    add(top, top.type, 0)
    return rows
