"""The layers of a network as a table, counted by running it once."""

import io
from dataclasses import dataclass

import numpy as np

from ..autograd import no_grad
from ..nn import Module, Parameter
from ..tensor import Tensor

HEADS = ("layer", "type", "output", "parameters", "connections", "multiply-adds")


@dataclass(frozen=True)
class Row:
    """One layer, each time it is called.

    shape: of its output for one sample. parameters: those not counted in an earlier row.
    connections, multiply_adds: None for layers that do not count them, which have no weights.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    parameters: int
    connections: int | None
    multiply_adds: int | None


@dataclass(frozen=True)
class Summary:
    """The layers of a network, in the order in which they ran, for one sample.

    Connections are counted as LeCun et al. 1998 count them: each use of a weight or a bias is one.
    """

    rows: tuple[Row, ...]
    parameters: int  # of the whole model, each counted once

    @property
    def connections(self) -> int:
        """The connections of all layers."""
        return sum(row.connections or 0 for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """The multiply-adds of all layers, forward."""
        return sum(row.multiply_adds or 0 for row in self.rows)

    def __rich__(self) -> object:
        """The table for rich's print."""
        from rich import box
        from rich.table import Table

        totals = (self.parameters, self.connections, self.multiply_adds)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
        for head, foot in zip(HEADS, ("total", "", "", *map(counted, totals)), strict=True):
            right = foot not in ("", "total")
            table.add_column(head, foot, justify="right" if right else "left", no_wrap=True)
        for row in self.rows:
            counts = map(counted, (row.parameters, row.connections, row.multiply_adds))
            table.add_row(row.name, row.type, str(row.shape), *counts)
        return table

    def __str__(self) -> str:
        from rich.console import Console

        out = io.StringIO()
        Console(file=out, width=1000, color_system=None).print(self)
        return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").split("\n"))


def counted(number: int | None) -> str:
    """A count with its thousands apart; nothing for None."""
    return "" if number is None else f"{number:,}"


class Counter:
    """Watches the layers of a model run: the modules with parameters of their own, or no children.

    rows: what was counted. running: the layers that have begun but not ended, outermost first.
    """

    def __init__(self, model: Module) -> None:
        self.rows = []
        self.running = []
        self.met = set()
        self.names = {m: name or type(m).__name__ for name, m in model.named_modules()}
        self.handles = []
        for module in self.names:
            if module.named_own(Parameter) or not list(module.children()):
                self.handles.append(module.register_forward_pre_hook(self.began))
                self.handles.append(module.register_forward_hook(self.ended))

    def began(self, module: Module, args: tuple) -> None:
        """Take note of a layer and what it is given."""
        self.running.append((module, [a.shape for a in args if isinstance(a, Tensor)]))

    def ended(self, module: Module, args: tuple, output: object) -> None:
        """Add the row of a layer."""
        self.running.pop()
        shape = output.shape[1:] if isinstance(output, Tensor) else ()
        fresh = [p for _, p in module.named_own(Parameter) if p not in self.met]
        self.met.update(fresh)
        counts = [getattr(module, name, None) for name in ("connections", "multiply_adds")]
        counts = [count and count(shape) for count in counts]
        sizes = sum(p.numel() for p in fresh)
        self.rows.append(Row(self.names[module], type(module).__name__, shape, sizes, *counts))

    def place(self) -> str:
        """Where a run has stopped, for an error message."""
        if not self.running:
            return "the model does not take this input"
        module, shapes = self.running[-1]
        given = " and ".join(map(str, shapes))
        return f"layer {self.names[module]}, {type(module).__name__}, does not take {given}"


def summary(model: Module, input_size: tuple[int, ...]) -> Summary:
    """The layers of a model with their output shapes, parameters, connections and multiply-adds.

    The model is run once, in evaluation mode, on zeros of shape (1, *input_size), and is then as it
    was. A layer is a module without children or with parameters of its own; it has a row for each
    time it runs.

    Shape: input_size is that of one sample, such as (1, 32, 32), without the batch axis N.

    Raises: TypeError for what is no Module; RuntimeError that names the layer that cannot take its
    input.
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary takes a Module, got {type(model).__name__}")
    modes = [(module, module.training) for module in model.modules()]
    like = next(model.parameters(), Tensor(0.0))
    counter = Counter(model)
    try:
        zeros = Tensor(np.zeros((1, *input_size), like.dtype)).to(device=like.device)
        with no_grad():
            model.eval()(zeros)
    except (ValueError, RuntimeError, IndexError, TypeError) as error:
        raise RuntimeError(f"{counter.place()}: {error}") from error
    finally:
        for handle in counter.handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return Summary(tuple(counter.rows), sum(p.numel() for p in model.parameters()))
