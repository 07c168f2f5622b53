"""What a network computes, found by running it on arrays that only remember.

Tracing is one more backend. Its raw type `Sketch` is a shape, a dtype and the step that made it;
its kernel for every gate works out shapes on the backend `meta` and notes a `Step`. So everything a
network does is seen, also what no gradient goes through, nothing is computed, and no layer needs to
know of it.

A network is traced twice, with two batch sizes: what differs between the two depends on the batch.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .. import kernels
from ..kernels.meta import Meta
from ..nn import Module
from ..ops.shape import clone
from ..tensor import Tensor, TensorNode, node_of, wrap

DEVICE = "onnx"
BATCHES = (7, 11)  # primes, so that no other size of a network is taken for a multiple of them
WRONG = (ValueError, RuntimeError, IndexError, TypeError, AttributeError, NotImplementedError)


class Active(threading.local):
    """The trace under way in this thread."""

    trace = None


ACTIVE = Active()


class Sketch:
    """An array in a trace.

    step: what made it; None for inputs, parameters and constants. array: its numbers, of the last
    two. name: of a parameter or input. twin: the same array in the trace of the other batch size.
    """

    __slots__ = ("__weakref__", "array", "dtype", "name", "shape", "step", "twin")
    base = flags = None  # it lies in nobody's memory

    def __init__(
        self, shape: Sequence[int], dtype: object, array: np.ndarray | None = None, name: str = ""
    ) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.array = array
        self.name = name
        self.step = self.twin = None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=int))

    def astype(self, dtype: object, copy: bool = True) -> "Sketch":
        """A cast, noted as the gate of that name."""
        return BACKEND.cast(self, dtype=np.dtype(dtype))

    def copy(self) -> "Sketch":
        """A copy, noted as the gate `clone`."""
        return BACKEND.clone(self)

    def item(self, *_: object, **__: object) -> NoReturn:
        """Nothing.

        Raises: RuntimeError, always.
        """
        raise RuntimeError(
            f"the numbers of a tensor of shape {self.shape} are asked for or written over, which "
            "no file that is to serve all inputs can express; leave branches on numbers and item "
            "assignment out of forward"
        )

    tolist = __array__ = __bool__ = __int__ = __float__ = __index__ = __setitem__ = item


class Place(NamedTuple):
    """A module by its path and the name of its class; the model itself has the path ""."""

    path: str
    kind: str

    def __str__(self) -> str:
        return f"{self.path or 'the model'} ({self.kind})"


class Step:
    """One gate that ran, in the module at `place`; its inputs are Sketches, numbers and None."""

    def __init__(self, gate: str, inputs: tuple, settings: dict[str, Any], place: Place) -> None:
        self.gate = gate
        self.inputs = inputs
        self.settings = settings
        self.place = place
        self.outputs = ()
        self.twin = None

    @property
    def output(self) -> Sketch:
        """The first result."""
        return self.outputs[0]


class Trace:
    """All steps of one run of a model, oldest first.

    paths: of all modules. running: the modules that have begun but not ended, outermost first.
    """

    def __init__(self, model: Module) -> None:
        self.paths = {module: path for path, module in model.named_modules()}
        self.running = [model]
        self.steps = []
        self.inputs = []
        self.outputs = []

    def began(self, module: Module, args: tuple) -> None:
        """Take note of a module that runs."""
        self.running.append(module)

    def ended(self, module: Module, args: tuple, output: object) -> None:
        """Take note that it has run."""
        self.running.pop()

    def note(self, gate: Any, inputs: tuple, settings: dict[str, Any]) -> Any:
        """What `gate` gives for these inputs: a Sketch, or a nesting of Sketches."""
        shapes = gate.kernel(Meta)
        given = list(map(shape_of, inputs))
        fixed = {name: known(value) for name, value in settings.items()}
        made = shapes(given, **fixed) if gate.many else shapes(*given, **fixed)
        step = Step(gate.name, inputs, settings, self.place)
        self.steps.append(step)
        return self.results(step, made)

    def results(self, step: Step, made: Any) -> Any:
        """Sketches in the place of shapes, as the outputs of a step."""
        if isinstance(made, tuple):
            return tuple([self.results(step, part) for part in made])
        sketch = Sketch(made.shape, made.dtype)
        sketch.step = step
        step.outputs = (*step.outputs, sketch)
        return sketch

    @property
    def place(self) -> Place:
        """The module that runs."""
        module = self.running[-1]
        return Place(self.paths[module], type(module).__name__)


def shape_of(x: object) -> object:
    """A Sketch as the backend `meta` knows it; numbers as they are."""
    return Meta(x.shape, x.dtype) if isinstance(x, Sketch) else x


def known(x: object) -> object:
    """A setting with constants as their arrays, other Sketches as their shapes."""
    if isinstance(x, tuple):
        return tuple(map(known, x))
    return x.array if isinstance(x, Sketch) and x.array is not None else shape_of(x)


# --- the backend ----------------------------------------------------------------------------------


def constant(array: object) -> Sketch:
    """Numbers that do not come from the network's input."""
    if isinstance(array, Sketch):
        return array
    array = np.asarray(array)
    return Sketch(array.shape, array.dtype, array)


def constants(make: Callable) -> Callable:
    """A function of NumPy that makes arrays, making constants."""
    return lambda *args, **settings: constant(make(*args, **settings))


class Backend:
    """What `kernels` asks for: a recording kernel for every gate but the derived ones, whose
    bodies speak gates."""

    device = DEVICE
    asarray = staticmethod(constant)
    xp = SimpleNamespace(
        **{f: constants(getattr(np, f)) for f in ("full", "empty", "eye", "arange", "linspace")},
        asarray=constant,
    )

    def __getattr__(self, name: str) -> Callable:
        gate = next((g for g in kernels.GATES if g.name == name and g.kind != "composite"), None)
        if gate is None:
            raise AttributeError(name)

        def kernel(*inputs: object, **settings: object) -> object:
            if ACTIVE.trace is None:
                raise RuntimeError(f"{name}: this tensor was made in an export that has ended")
            return ACTIVE.trace.note(gate, tuple(inputs[0] if gate.many else inputs), settings)

        return kernel

    def to_host(self, raw: Sketch) -> np.ndarray:
        """The numbers of a constant.

        Raises: RuntimeError for anything else.
        """
        return raw.item() if raw.array is None else raw.array

    def uniform(self, *draw: object) -> NoReturn:
        """Nothing.

        Raises: RuntimeError, always.
        """
        raise RuntimeError("random numbers are drawn, which no file can express")


BACKEND = Backend()


# --- running a network ----------------------------------------------------------------------------


@contextlib.contextmanager
def sketched(model: Module, trace: Trace) -> Iterator[None]:
    """Within, a model is in evaluation mode, holds Sketches, and tells the trace what runs.

    Afterwards every module has the attributes it had before.
    """
    kernels.add_backend(Sketch, BACKEND)
    before = {module: dict(vars(module)) for module in trace.paths}
    arrays = {}
    handles = []
    outer = ACTIVE.trace
    try:
        for module, path in trace.paths.items():
            for name, tensor in module.named_own(Tensor):
                if tensor not in arrays:
                    arrays[tensor] = tensor.raw
                    tensor.raw = parameter(tensor, f"{path}.{name}" if path else name)
            handles.append(module.register_forward_pre_hook(trace.began))
            handles.append(module.register_forward_hook(trace.ended))
        model.eval()
        ACTIVE.trace = trace
        with kernels.use("fast"), kernels.Device(DEVICE):
            yield
    finally:
        ACTIVE.trace = outer
        for handle in handles:
            handle.remove()
        for tensor, raw in arrays.items():
            tensor.raw = raw
        for module, attributes in before.items():
            vars(module).clear()
            vars(module).update(attributes)


def parameter(tensor: Tensor, name: str) -> Sketch:
    """A Sketch of a tensor that a module holds.

    Raises: RuntimeError for one without numbers.
    """
    array = kernels.backend(type(tensor.raw)).to_host(tensor.raw)
    if not isinstance(array, np.ndarray):
        raise RuntimeError(f"{name} has no numbers; make the model on another device than meta")
    return Sketch(array.shape, array.dtype, array, name)


def traced(model: Module, args: tuple, names: list[str], batch: dict[str, int]) -> Trace:
    """The trace of model(*args), whose tensors have the names `names`.

    batch: by name of an input the size that its first axis takes; others stay as they are. Numbers
    of the inputs do not count.

    Raises: RuntimeError that names the module whose forward cannot be traced.
    """
    trace = Trace(model)
    waiting = iter(names)
    given = []
    for x in args:
        if isinstance(x, Tensor):
            name = next(waiting)
            shape = (batch[name], *x.shape[1:]) if name in batch else x.shape
            trace.inputs.append(Sketch(shape, x.dtype, name=name))
            x = inner(trace.inputs[-1])
        given.append(x)
    with sketched(model, trace):
        try:
            out = model(*given)
        except WRONG as error:
            raise RuntimeError(f"export: {trace.place} cannot be traced: {error}") from error
    trace.outputs = list(results(out))
    return trace


def inner(sketch: Sketch) -> Tensor:
    """A Tensor as a network meets it inside a graph, where `x += y` makes a new one."""
    leaf = wrap(sketch, None)
    if not leaf.is_floating_point():
        return leaf
    node = leaf.requires_grad_().node
    return wrap(sketch, node_of(TensorNode, clone.gate, (node,), (), sketch))


def results(out: object) -> Iterator[Sketch]:
    """The arrays of all Tensors in what a model returned.

    Raises: TypeError for anything else.
    """
    if isinstance(out, Tensor):
        yield constant(out.raw)
    elif isinstance(out, (tuple, list)):
        for part in out:
            yield from results(part)
    elif isinstance(out, dict):
        yield from results(list(out.values()))
    elif out is not None:
        raise TypeError(
            "export: a model to be exported returns Tensors, or tuples, lists or dicts of them, "
            f"got {type(out).__name__}"
        )


def pair(one: Trace, other: Trace) -> None:
    """Make each array and step of a trace the twin of the one in the other trace.

    Raises: RuntimeError if the network does not run through the same gates.
    """
    gates = [[step.gate for step in trace.steps] for trace in (one, other)]
    if gates[0] != gates[1] or len(one.outputs) != len(other.outputs):
        raise RuntimeError(
            "export: the network runs through other gates for another batch size; give "
            "dynamic_axes={} to export it for this one alone"
        )
    for a, b in zip(one.inputs, other.inputs, strict=True):
        a.twin = b
    for step, twin in zip(one.steps, other.steps, strict=True):
        step.twin = twin
        for values in ("inputs", "outputs"):
            join(getattr(step, values), getattr(twin, values))
        join(tuple(step.settings.values()), tuple(twin.settings.values()))
    join(tuple(one.outputs), tuple(other.outputs))


def join(a: object, b: object) -> None:
    """Make each Sketch in a nesting of tuples the twin of the one in its place in another."""
    if isinstance(a, Sketch) and isinstance(b, Sketch):
        a.twin = b
    elif isinstance(a, tuple) and isinstance(b, tuple):
        for x, y in zip(a, b, strict=False):
            join(x, y)
