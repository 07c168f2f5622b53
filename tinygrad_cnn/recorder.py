"""Recorders: what a gate does when it is called.

Given numbers or arrays a recorder only computes; given Values or Tensors it also adds a node to the
graph. There is one for each number of inputs: `unary` and `binary` are spelled out, since every
microsecond of an elementwise gate is theirs, `nary` does the rest. Operands of unequal dtype go
through PyTorch's promotion first; what was cast is what is saved, and the walk casts the gradient
back.
"""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from . import kernels
from .graph import CASTS, QUIET, STATE, WATCHERS, tell, tick
from .kernels import FLOATS, is_float, np, promote_types
from .tensor import Tensor, TensorNode
from .value import PLAIN, Value

if TYPE_CHECKING:
    from .gate import Gate

new = object.__new__
EMPTY = inspect.Parameter.empty
ARRAY = np.ndarray
FLOAT32 = np.dtype("float32")
WEAK = (float, int, bool, np.generic)  # scalars, which leave the dtype to the arrays
# What Python and NumPy raise where a body meets what it was not written for.
MISTAKES = (AttributeError, OverflowError, StopIteration, TypeError)


def refuse(record: "Gate", *xs: object) -> None:
    """A foreign operand of a function call is an error."""
    raise TypeError(
        f"{record.name}: takes Tensors, Values, arrays and numbers, got "
        f"{' and '.join(type(x).__name__ for x in xs)}; tg.tensor(...) makes a Tensor of a list or "
        "an array"
    )


def leave(record: "Gate", *xs: object) -> object:
    """A foreign operand of an operator: NumPy's array beside a Tensor is a Tensor outside the
    graph, as in PyTorch; otherwise Python asks the other side."""
    if any(isinstance(x, Tensor) for x in xs) and any(isinstance(x, ARRAY) for x in xs):
        return operator_of(record)(*[Tensor(x) if isinstance(x, ARRAY) else x for x in xs])
    return NotImplemented


@functools.cache
def operator_of(record: "Gate") -> Callable:
    """The operator of a gate, for which `leave` is told the record alone."""
    return binary(record, leave)


def stronger(high: np.dtype | None, low: np.dtype | None) -> np.dtype | None:
    """PyTorch's rule between ranks: the lower rank counts only if its category is higher."""
    if high is None or low is None:
        return high or low
    if is_float(high):
        return high
    if high.kind == "b" or is_float(low):
        return promote_types(high, low)
    return high


def common_dtype(raws: list) -> np.dtype:
    """PyTorch's common dtype: arrays rank over 0-d arrays, those over Python and NumPy scalars."""
    ranks = [None, None, None]
    for raw in raws:
        if hasattr(raw, "dtype") and not isinstance(raw, np.generic):
            rank = 0 if raw.ndim else 1
            dtype = raw.dtype
        else:
            rank = 2
            number = raw.item() if isinstance(raw, np.generic) else raw
            dtype = kernels.DEFAULT if type(number) is float else np.dtype(type(number))
        ranks[rank] = dtype if ranks[rank] is None else promote_types(ranks[rank], dtype)
    return stronger(ranks[0], stronger(ranks[1], ranks[2]))


def promoted(floats: bool, *raws: object) -> list:
    """raws in their common dtype; scalars stay Python scalars, which never widen an array."""
    dtype = common_dtype(raws)
    if floats and not is_float(dtype):
        dtype = kernels.DEFAULT
    out = []
    for raw in raws:
        if isinstance(raw, np.generic):
            raw = raw.item()
        if type(raw) is int and dtype.kind in "iu":
            try:
                raw = np.int64(raw).astype(dtype).item()  # 300 is 44 among uint8, as in PyTorch
            except OverflowError:
                raise RuntimeError(
                    f"a number beside a tensor of {dtype} lies within int64, got {raw}"
                ) from None
        elif hasattr(raw, "dtype") and raw.dtype != dtype:
            with kernels.on(raw):
                raw = raw.astype(dtype)
        out.append(raw)
    return out


def autocasted(policy: str, f: Callable, args: tuple, named: dict) -> object:
    """f(*args, **named) within an autocast: the Tensors among them cast as the policy says.

    policy: "low" is the autocast's dtype, "float32" is that; "restored" computes in float32, as
    norms have to, and gives the result the first Tensor's dtype. float64 and integers stay.
    """
    low, device = state = STATE.autocast
    dtype = low if policy == "low" else FLOAT32

    def cast(x: object) -> object:
        if isinstance(x, (list, tuple)):
            return type(x)([cast(e) for e in x]) if any(isinstance(e, Tensor) for e in x) else x
        if not isinstance(x, Tensor) or not is_float(x.dtype) or x.dtype.itemsize > 4:
            return x
        return x if device not in (None, x.device.type) else x.to(dtype)

    STATE.autocast = None  # what f is made of takes numbers as they come
    try:
        z = f(*map(cast, args), **{name: cast(x) for name, x in named.items()})
    finally:
        STATE.autocast = state
    first = next((x for x in args if isinstance(x, Tensor)), None)
    if policy != "restored" or first is None or not is_float(first.dtype):
        return z
    return (z[0].to(first.dtype), *z[1:]) if isinstance(z, tuple) else z.to(first.dtype)


def record_value(record: "Gate", foreign: Callable, xs: tuple, settings: dict) -> Value | object:
    """A gate of any shape on Values: compute, and keep the parents if recording."""
    if record.kind == "composite":
        return record.body(*xs, **settings)
    if record.many or not all(isinstance(x, (Value, *WEAK)) for x in xs):
        return foreign(record, *xs)
    parents = [x if isinstance(x, Value) else Value(x, PLAIN) for x in xs]
    kernel = record.kernels.get(float) or record.kernel(float)
    try:
        z = kernel(*[p.data for p in parents], **settings)
    except (AttributeError, TypeError) as error:
        raise TypeError(f"{record.name}: has no scalar mode; it works on Tensors") from error
    if record.kind == "flat":
        return z
    v = Value(z)
    if STATE.recording:
        v.gate = record
        v.a = parents[0]
        v.b = parents[1] if len(parents) > 1 else None
        v.extra = (None, tuple(parents[2:]), (*settings.values(), *[() for _ in record.shapes]))
    return v


def binary_value(record: "Gate", foreign: Callable) -> Callable:
    """The recorder of gates with two inputs on Values, spelled out for speed."""
    kernel = kernels.find(float, record.name, record.body)
    is_gate = record.kind == "gate"

    def call(x, y):
        if y.__class__ is not Value:
            if not isinstance(y, WEAK):
                return foreign(record, x, y)
            y = Value(y, PLAIN)
        elif x.__class__ is not Value:
            if not isinstance(x, WEAK):
                return foreign(record, x, y)
            x = Value(x, PLAIN)
        if not is_gate:
            return record_value(record, foreign, (x, y), {})
        v = new(Value)
        v.data = kernel(x.data, y.data)
        v.grad = 0.0
        v.mark = None
        v.seq = tick()
        if not QUIET or STATE.recording:
            v.gate = record
            v.a = x
            v.b = y
        else:
            v.gate = None
        return v

    return call


def unary_value(record: "Gate", foreign: Callable) -> Callable:
    """The recorder of gates with one input on a Value, spelled out for speed."""
    kernel = kernels.find(float, record.name, record.body)
    is_gate = record.kind == "gate"

    def call(x):
        if not is_gate:
            return record_value(record, foreign, (x,), {})
        v = new(Value)
        v.data = kernel(x.data)
        v.grad = 0.0
        v.mark = v.b = None
        v.seq = tick()
        if not QUIET or STATE.recording:
            v.gate = record
            v.a = x
        else:
            v.gate = None
        return v

    return call


def unary(record: "Gate", foreign: Callable) -> Callable:
    """The recorder of gates with one input and no settings, spelled out for speed.

    `on_values` is its half for Values.
    """
    kernels_of = record.kernels
    body = record.body
    floats = record.floats
    is_gate = record.kind == "gate"
    is_composite = record.kind == "composite"
    keep_z, keep_x = record.mask((True,))
    on_values = unary_value(record, foreign)
    policy = record.autocast

    def call(x):
        if policy and CASTS and STATE.autocast:
            return autocasted(policy, call, (x,), {})
        if isinstance(x, Tensor):
            a = x.raw
            node = x.node
            if node is not None and QUIET and not STATE.recording:
                node = None
            if floats and a.dtype.kind not in FLOATS:
                with kernels.on(a):
                    a = a.astype(kernels.DEFAULT)
            kind = type(a)
            kernel = kernels_of.get(kind) or record.kernel(kind)
            if is_composite and (node is not None or kernel is body):
                return body(x)
            z = kernel(a)
            if z.__class__ is not kind:
                z = kernels.backend(kind).asarray(z)
            t = new(Tensor)
            t.raw = z
            if node is None or not is_gate:
                t.node = None
                return t
            t.node = n = TensorNode()
            n.gate = record
            n.parents = (node,)
            n.saved = (z if keep_z else None, a if keep_x else None)
            n.grad = n.mark = None
            n.shape = z.shape
            n.dtype = z.dtype
            n.seq = tick()
            if WATCHERS:
                tell(n, t, (x,))
            return t
        if isinstance(x, Value):
            return on_values(x)
        found = kernels_of.get(type(x))
        if found is None:
            kind = raw_kind(record, (x,))
            if kind is None or x is None:
                return foreign(record, x)
            found = kernels_of.get(kind) or record.kernel(kind)
        return found(x)

    call.on_values = on_values
    return call


def binary(record: "Gate", foreign: Callable) -> Callable:
    """The recorder of gates with two inputs and no settings, spelled out for speed.

    `on_values` is its half for Values.
    """
    kernels_of = record.kernels
    body = record.body
    floats = record.floats
    is_gate = record.kind == "gate"
    is_composite = record.kind == "composite"
    both, only_x, only_y = [record.mask(w) for w in ((True, True), (True, False), (False, True))]
    on_values = binary_value(record, foreign)
    policy = record.autocast

    def call(x, y):
        if x.__class__ is ARRAY and y.__class__ is ARRAY:  # as rules of the backward pass call
            return (kernels_of.get(ARRAY) or record.kernel(ARRAY))(x, y)
        if policy and CASTS and STATE.autocast:
            return autocasted(policy, call, (x, y), {})
        nx = ny = None
        if isinstance(x, Tensor):
            a = x.raw
            nx = x.node
            if isinstance(y, Tensor):
                b = y.raw
                ny = y.node
                if a.dtype is not b.dtype or (floats and a.dtype.kind not in FLOATS):
                    a, b = promoted(floats, a, b)
                if type(a) is not type(b):
                    return mixed(record, a, b)
            elif type(y) is float and nx is not None:
                b = y  # a recorded tensor is floating, and a Python float changes no dtype
            elif isinstance(y, WEAK):
                a, b = promoted(floats, a, y)
            else:
                return foreign(record, x, y)
            kind = type(a)
        elif isinstance(y, Tensor):
            b = y.raw
            ny = y.node
            if type(x) is float and ny is not None:
                a = x
            elif isinstance(x, WEAK):
                a, b = promoted(floats, x, b)
            else:
                return foreign(record, x, y)
            kind = type(b)
        elif isinstance(x, Value) or isinstance(y, Value):
            return on_values(x, y)
        else:
            found = kernels_of.get(type(x)) if type(x) is type(y) else None
            if found is None:
                kind = raw_kind(record, (x, y))
                if kind is None or x is None or y is None:
                    return foreign(record, x, y)
                found = kernels_of.get(kind) or record.kernel(kind)
            return found(x, y)
        traced = (nx is not None or ny is not None) and (not QUIET or STATE.recording)
        kernel = kernels_of.get(kind) or record.kernel(kind)
        if is_composite and (traced or kernel is body):
            return body(x, y)
        try:
            z = kernel(a, b)
        except ValueError as error:
            raise unfit(record, (a, b), error) from error
        if z.__class__ is not kind:
            z = kernels.backend(kind).asarray(z)
        t = new(Tensor)
        t.raw = z
        if not (traced and is_gate):
            t.node = None
            return t
        t.node = n = TensorNode()
        n.gate = record
        n.parents = (nx, ny)
        keep_z, keep_x, keep_y = only_x if ny is None else only_y if nx is None else both
        n.saved = (z if keep_z else None, a if keep_x else None, b if keep_y else None)
        n.grad = n.mark = None
        n.shape = z.shape
        n.dtype = z.dtype
        n.seq = tick()
        if WATCHERS:
            tell(n, t, (x, y))
        return t

    call.on_values = on_values
    return call


def binder(record: "Gate") -> Callable:
    """A function of a gate's parameters that returns its inputs and its settings.

    Settings may be given by name or, where PyTorch has them so, by position.
    """
    parts = []
    space = {}
    for n, default in (*dict.fromkeys(record.inputs, EMPTY).items(), *record.settings.items()):
        required = default is EMPTY
        space[f"default_{n}"] = default
        parts.append(n if required else f"{n}=default_{n}")
    inputs = "".join(f"{n}, " for n in record.inputs)
    settings = ", ".join(f"{n!r}: {n}" for n in record.settings)
    bind = eval(f"lambda {', '.join(parts)}: (({inputs}), {{{settings}}})", space)
    bind.__qualname__ = record.name  # Python's own messages about wrong arguments name the gate
    return bind


def nary(record: "Gate", foreign: Callable, full: bool = False) -> Callable:
    """The recorder of everything else: settings, shapes, aux, three inputs, sequences of inputs.

    With `full` the second result of the body is returned too.
    """
    arranged = binder(record)
    many = record.many
    is_gate = record.kind == "gate"
    single = record.arity == 1 and not many
    convert = not single or record.floats
    policy = record.autocast

    def call(*args, **named):
        if policy and CASTS and STATE.autocast:
            return autocasted(policy, call, args, named)
        xs, settings = arranged(*args, **named)
        inputs = tuple(xs[0]) if many else xs
        raws = []
        nodes = []
        tensors = wanted = False
        for x in inputs:
            if isinstance(x, Tensor):
                tensors = True
                wanted = wanted or x.node is not None
                raws.append(x.raw)
                nodes.append(x.node)
            elif isinstance(x, Value):
                return record_value(record, foreign, inputs, settings)
            else:
                raws.append(x)
                nodes.append(None)
        kind = type(raws[0]) if single and tensors else raw_kind(record, raws)
        if kind is None:
            return foreign(record, *inputs)
        kernel = record.kernels.get(kind) or record.kernel(kind)
        try:
            if not tensors:
                result = kernel(*xs, **settings)
                return result if full or not record.aux else result[0]
            traced = wanted and (not QUIET or STATE.recording)
            if record.kind == "composite" and (traced or kernel is record.body):
                return record.body(*xs, **settings)
        except MISTAKES as error:
            explain(record, raws, settings, error)
        if is_gate and convert:
            promote_inputs(record, raws)
        try:
            z = kernel(raws, **settings) if many else kernel(*raws, **settings)
            aux = None
            if record.aux:
                z, aux = z
            if type(z) is tuple:
                return tuple([e if e is None else wrapped(e, kind) for e in z])
            t = wrapped(z, kind)
        except ValueError as error:
            raise unfit(record, raws, error) from error
        except MISTAKES as error:
            explain(record, raws, settings, error)
        if traced and is_gate and t.raw.dtype.kind in FLOATS:  # whole numbers have no gradients
            z = t.raw
            t.node = n = TensorNode()
            n.gate = record
            n.parents = nodes = tuple(nodes)
            n.saved = kept(record, nodes, z, raws, settings, aux)
            n.grad = n.mark = None
            n.shape = z.shape
            n.dtype = z.dtype
            n.seq = tick()
            if WATCHERS:
                tell(n, t, inputs)
        return (t, aux) if full else t

    return call


def kept(record: "Gate", nodes: tuple, z: object, raws: list, settings: dict, aux: object) -> tuple:
    """What a node of a wide gate keeps, in the order of the gate's words."""
    if record.many:
        keep_z, keep_x = record.mask((True,))
        xs = [tuple(raws) if keep_x else None]
        shapes = [tuple([raw.shape for raw in raws])] if record.shapes else ()
    else:
        keep_z, *keep = record.mask(tuple([n is not None for n in nodes]))
        xs = [raw if k else None for raw, k in zip(raws, keep)]  # noqa: B905  costs 0.2 us
        shapes = [getattr(raws[i], "shape", ()) for i in record.shaped]
    keep_z = keep_z and (record.z_if is None or settings[record.z_if])
    return (z if keep_z else None, *xs, *settings.values(), *shapes, aux)


def promote_inputs(record: "Gate", raws: list) -> None:
    """Put those of raws that have a rule into one dtype; the others (indices, masks) stay."""
    ruled = record.ruled * len(raws) if record.many else record.ruled
    places = [i for i, raw in enumerate(raws) if ruled[i] and raw is not None]
    dtypes = {getattr(raws[i], "dtype", None) for i in places}
    if len(dtypes) > 1 or (record.floats and not all(d and is_float(d) for d in dtypes)):
        for i, raw in zip(places, promoted(record.floats, *[raws[i] for i in places]), strict=True):
            raws[i] = raw


def raw_kind(record: "Gate", raws: tuple | list) -> type | None:
    """The raw type of the arrays among raws, else of the numbers; None if something is foreign.

    Raises: RuntimeError if arrays of two backends meet.
    """
    number = float
    kind = None
    for raw in raws:
        t = type(raw)
        if t is kind or raw is None:
            continue
        if isinstance(raw, np.generic):
            number = np.ndarray
        elif hasattr(raw, "dtype"):
            if kind is not None:
                mixed(record, *raws)
            kind = t
        elif t not in (float, int, bool):
            return None
    return number if kind is None else kind


def mixed(record: "Gate", *raws: object) -> None:
    """Arrays of two devices met in one gate."""
    arrays = [raw for raw in raws if hasattr(raw, "dtype")]
    where = [f"{kernels.device_of(a)} {tuple(a.shape)}" for a in arrays]
    raise RuntimeError(
        f"{record.name}: all tensors must be on one device, got {' and '.join(where)}; move them "
        "with .to(device)"
    )


def unfit(record: "Gate", raws: tuple | list, error: ValueError) -> RuntimeError:
    """What is raised where an array library finds that its operands do not go together."""
    shapes = [tuple(raw.shape) for raw in raws if hasattr(raw, "shape")]
    given = " and ".join(map(str, shapes))
    clash = clashing(shapes) if "broadcast" in str(error) and not record.settings else None
    if clash is None:
        return RuntimeError(f"{record.name}: does not work on shapes {given}: {error}")
    axis, sizes = clash
    return RuntimeError(
        f"{record.name}: shapes {given} cannot be broadcast together: axis {axis} has sizes "
        f"{' and '.join(map(str, sizes))}, which must be equal or 1"
    )


def explain(record: "Gate", raws: tuple | list, settings: dict, error: Exception) -> NoReturn:
    """Raise TypeError that tells what a gate was given where its body could not go on; for a number
    that is too large RuntimeError, as PyTorch does.

    What has a cause has been explained, by a gate that the body calls.
    """
    if error.__cause__ is not None:
        raise error
    kind = RuntimeError if isinstance(error, OverflowError) else TypeError
    names = record.inputs if len(record.inputs) == len(raws) else map(str, range(len(raws)))
    given = [*zip(names, raws, strict=True), *settings.items()]
    said = str(error).removeprefix(f"{record.name}: ") or "takes a tensor or an array"
    raise kind(
        f"{record.name}: {said}; got {', '.join(f'{n} {shown(x)}' for n, x in given)}"
    ) from error


def shown(x: object) -> str:
    """What an operand or a setting is: the dtype and the shape of an array, else its text."""
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        return f"{x.dtype} of shape {tuple(x.shape)}"
    text = repr(x)
    return text if len(text) <= 40 else f"a {type(x).__name__}"


def clashing(shapes: list[tuple[int, ...]]) -> tuple[int, list[int]] | None:
    """The last axis, counted from the end, whose sizes differ without being 1, and its sizes."""
    for axis in range(-1, -1 - max(map(len, shapes), default=0), -1):
        sizes = [shape[axis] for shape in shapes if len(shape) >= -axis]
        if len({*sizes} - {1}) > 1:
            return axis, sizes
    return None


def wrapped(z: object, kind: type) -> Tensor:
    """A raw result as a Tensor outside the graph; a number becomes an array of its backend.

    Raises: TypeError for a Tensor, of which a body makes one only if a setting was a Tensor.
    """
    t = new(Tensor)
    array = z.__class__ is kind
    if not array and hasattr(z, "dtype"):
        if isinstance(z, Tensor):
            raise TypeError("a setting is a number, not a tensor, whose number is x.item()")
        array = not isinstance(z, np.generic)
    t.raw = z if array else kernels.backend(kind).asarray(z)
    t.node = None
    return t
