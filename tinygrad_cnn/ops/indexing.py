"""Indexing: reading and adding at places that a key or an array of indices names.

Each gate is linear, so its rule is its adjoint, another gate of this file. Keys are taken as
PyTorch takes them: a whole number drops its axis, wherever arrays stand beside it.
"""

import operator

from ..gate import composite, gate
from ..kernels import np, xp
from ..kernels.shapes import axes_taken, axis_of, first_outside, key_error
from ..tensor import Tensor

WHOLE = slice(None)

# --- by keys --------------------------------------------------------------------------------------


@gate(x=lambda g, key, x_shape, x_held: put_back(g, x_held, key, x_shape))
def index(x, *, key):
    """x[key] for a key of raw parts: whole numbers, slices, None, Ellipsis, masks, arrays.

    Rule: the gradient is added where it was taken from.

    Raises: IndexError for a key that names places outside of x.
    """
    try:
        return x[key]
    except IndexError:
        raise key_error(tuple(x.shape), key) from None


def put_back(g, held, key, shape: tuple):
    """The gradient for what was indexed, added to what is held where that is not None."""
    if held is None:
        return put_at(g, key=key, shape=shape)
    return put_onto(g, held, key=key, spare=True)


@composite
def put_onto(x, onto, *, key, spare=False):
    """onto, with x added at `key`; spare: a kernel may write over onto.

    Shape: onto (*) -> the same.
    """
    return onto + put_at(x, key=key, shape=onto.shape)


@gate(x=lambda g, key: index(g, key=key))
def put_at(x, *, key, shape):
    """Zeros of `shape` with x added at `key`; a place named twice gets both.

    Rule: the gradient is taken where x was added.
    """
    z = xp(x).zeros(shape, x.dtype)
    if basic(key):
        z[key] = x
    else:
        xp(x).add.at(z, key, x)
    return z


def basic(key) -> bool:
    """Whether a key names every place at most once: no arrays of numbers in it."""
    parts = key if isinstance(key, tuple) else (key,)
    return not any(hasattr(p, "dtype") and p.ndim and p.dtype.kind != "b" for p in parts)


def getitem(x, key):
    """x[key] for keys of every kind.

    Raises: IndexError for what cannot index or lies outside of x, ValueError for a slice that does
    not go forward.
    """
    view, chosen = steps(x, key)
    z = x if view is None else index(x, key=view)
    return z if chosen is None else index(z, key=chosen)


def setitem(x, key, value) -> None:
    """x[key] = value for keys of every kind; the value is broadcast and cast.

    Raises: RuntimeError where a graph would be changed behind its back, where the value does not
    fit, or where memory is read-only; IndexError and ValueError as `getitem`; TypeError for a value
    that is no number and no tensor.
    """
    x.check_write("item assignment", (value,))
    check_value(x, value)
    view, chosen = steps(x, key)
    target = x.detach()
    if view is not None:
        # A 0-d array would make the view a copy.
        view = tuple([int(part) if hasattr(part, "dtype") else part for part in view])
        if chosen is not None:
            target = index(target, key=view)
    key = view if chosen is None else chosen
    try:
        target.put(key, value)
    except IndexError:
        raise key_error(target.shape, key) from None
    except (TypeError, ValueError):  # NumPy's of a mask beside a value of several axes, and others
        room = index(target, key=key).shape
        raise RuntimeError(
            f"x[key] = value: a value of shape {tuple(getattr(value, 'shape', ()))} does not "
            f"broadcast to the places of the key, of shape {room}"
        ) from None


def check_value(x, value) -> None:
    """Raise TypeError or RuntimeError for what cannot be written into x."""
    raw = value.raw if isinstance(value, Tensor) else value
    if not isinstance(raw, (bool, int, float, np.generic)):
        if not hasattr(raw, "dtype"):
            raise TypeError(
                f"x[key] = value takes a number or a tensor, got {type(value).__name__}; "
                "tg.tensor(...) makes a tensor of a list"
            )
        if not isinstance(raw, type(x.raw)):
            raise RuntimeError(
                f"x[key] = value: x is on {x.device}, the value is not; move it with .to(x.device)"
            )


def steps(x, key) -> tuple:
    """A key as two: one that takes a view of x, and one of arrays that chooses from that view.

    Either may be None. NumPy would count whole numbers among the arrays, and so put the axes that
    these make to the front; taken first they only drop their axes.
    """
    parts = list(raw_key(x, key, x.shape))
    dots = [part for part in parts if part is Ellipsis]
    if len(dots) > 1:
        raise IndexError(f"a key has one Ellipsis at most, got {len(dots)}")
    if not dots:
        parts.append(Ellipsis)  # with it NumPy gives a view of a single element, too
    if not any(chooses(part) for part in parts):
        return tuple(parts), None
    rest = x.ndim - sum(map(axes_taken, parts))
    if rest < 0:
        raise key_error(tuple(x.shape), tuple(parts))
    view, chosen = [], []
    for part in parts:
        if isinstance(part, bool):
            view.append(None)
            chosen.append(xp(raw_of(x)).full(int(part), 0, "int64"))
        elif chooses(part):
            view += [WHOLE] * axes_taken(part)
            chosen.append(part)
        elif part is Ellipsis:
            view += [WHOLE] * rest
            chosen += [WHOLE] * rest
        else:
            view.append(part)
            if part is None or isinstance(part, slice):
                chosen.append(WHOLE)
    trivial = all(isinstance(part, slice) and part == WHOLE for part in view)
    return None if trivial else tuple(view), tuple(chosen)


def chooses(part) -> bool:
    """Whether a part of a key copies what it names: arrays and truth values do, others view."""
    return isinstance(part, bool) or (hasattr(part, "dtype") and part.ndim > 0)


def raw_of(x):
    """The array of a Tensor; an array itself."""
    return x.raw if isinstance(x, Tensor) else x


def check_tensors(name: str, *xs) -> None:
    """Raise TypeError unless all of xs are tensors, or arrays."""
    for x in xs:
        if not hasattr(x, "ndim"):
            raise TypeError(
                f"{name}: takes tensors, got {' and '.join(type(x).__name__ for x in xs)}; "
                "tg.tensor(...) makes one of a number, a list or an array"
            )


def whole_number(name: str, word: str, n) -> int:
    """n, what `word` says, as Python's int.

    Raises: TypeError for what is no whole number.
    """
    if not hasattr(n, "__index__"):
        raise TypeError(f"{name}: {word} is a whole number, got {n!r}")
    return operator.index(n)


def raw_key(x, key, shape: tuple) -> tuple:
    """A key for an array of `shape` as a tuple of raw parts: Tensors and lists become arrays beside
    x.

    Raises: IndexError for what cannot index, ValueError for a slice that does not go forward.
    """
    parts = key if isinstance(key, tuple) else (key,)
    raw = raw_of(x)
    return beside(raw, tuple([raw_part(raw, part) for part in parts]), tuple(shape))


def beside(raw, parts: tuple, shape: tuple) -> tuple:
    """The parts of a key, with the host's arrays moved to where `raw` lies.

    Raises: IndexError for a place outside of `shape` in them: a device would say nothing.
    """
    if isinstance(raw, np.ndarray) or not any(isinstance(part, np.ndarray) for part in parts):
        return parts
    made = []
    axis = 0
    for part in parts:
        taken = axes_taken(part)
        if isinstance(part, np.ndarray):
            whole = part.dtype.kind != "b" and axis < len(shape)
            if whole and first_outside(part, shape[axis]) is not None:
                raise key_error(shape, parts)
            part = xp(raw).asarray(part)
        made.append(part)
        axis += len(shape) - sum(map(axes_taken, parts)) if part is Ellipsis else taken
    return tuple(made)


def raw_part(raw, part):
    """One part of a key for `raw`."""
    part = raw_of(part)
    if isinstance(part, np.generic):
        part = part.item()
    if part is None or part is Ellipsis or isinstance(part, int):
        return part
    if isinstance(part, slice):
        return forward(part)
    if isinstance(part, (list, tuple, range)):
        part = listed(part)
    if hasattr(part, "dtype"):
        return array_part(raw, part)
    if hasattr(part, "__index__"):
        return operator.index(part)
    raise IndexError(
        f"a tensor cannot be indexed by {part!r}: parts of a key are whole numbers, slices, None, "
        "Ellipsis, and tensors or lists of whole numbers or truth values"
    )


def forward(part: slice) -> slice:
    """A slice that was found to have whole bounds and a positive step."""
    if not all(n is None or hasattr(n, "__index__") for n in (part.start, part.stop, part.step)):
        raise TypeError(f"the bounds and the step of a slice are whole numbers, got {part}")
    if part.step is not None and operator.index(part.step) < 1:
        raise ValueError(f"the step of a slice must be at least 1, got {part}; flip() reverses")
    return part


def listed(part) -> np.ndarray:
    """A list in a key as an array."""
    try:
        array = np.asarray(part)
    except ValueError:
        raise IndexError(f"a list in a key has rows of equal length, got {part!r}") from None
    return array if array.size else array.astype("int64")


def array_part(raw, part):
    """An array in a key for `raw`; of no axes it is a number or a truth value."""
    if part.dtype.kind not in "iub" or part.dtype == "uint8":
        raise IndexError(
            f"an index holds whole numbers or a mask, got {part.dtype}; cast it with .long() or "
            ".bool()"
        )
    if not isinstance(part, (np.ndarray, type(raw))):
        raise RuntimeError("an index must be on the tensor's device or on the CPU")
    if part.ndim == 0 and part.dtype.kind == "b":
        return bool(part)
    return int(part) if isinstance(part, np.ndarray) and not part.ndim else part


# --- along one axis -------------------------------------------------------------------------------


def along(indices, axis: int) -> tuple:
    """The key of arrays that names, for each place of `indices`, the place it points to."""
    module = xp(indices)
    sizes = enumerate(indices.shape)
    grid = [module.arange(n).reshape(-1, *[1] * (indices.ndim - i - 1)) for i, n in sizes]
    grid[axis : axis + 1] = [indices] * min(indices.ndim, 1)
    return tuple(grid)


@gate(x=lambda g, indices, dim, x_shape: put_along(g, indices, dim=dim, shape=x_shape))
def take_along(x, indices, *, dim):
    """x at `indices` along `dim`, in the shape of `indices`.

    Shape: sizes of `indices` are at most those of x on the other axes.

    Rule: the gradient is added where it was taken from.
    """
    return x[along(indices, axis_of(x.ndim, dim))]


@gate(x=lambda g, indices, dim: take_along(g, indices, dim=dim))
def put_along(x, indices, *, dim, shape):
    """Zeros of `shape` with x added at `indices` along `dim`.

    Rule: the gradient is taken where x was added.
    """
    z = xp(x).zeros(shape, x.dtype)
    xp(x).add.at(z, along(indices, axis_of(x.ndim, dim)), x)
    return z


@gate(
    x=lambda g, indices, dim: set_along(g, indices, 0.0, dim=dim),
    values=lambda g, indices, dim: take_along(g, indices, dim=dim),
)
def set_along(x, indices, values, *, dim):
    """x with `values`, a number or one for each index, in the places `indices` along `dim`.

    Rule: dx is the gradient with zeros in those places, dvalues what it has there. Of values
    written to one place only one stays, but all get its gradient, as in PyTorch: name no place
    twice.
    """
    z = x.copy()
    z[along(indices, axis_of(x.ndim, dim))] = values
    return z
