"""Receptive fields: how much of the input a number was computed from.

Two numbers per axis of space go from gate to gate: the size of the field, and the jump, how far
apart in the input two neighbours look. A window of k places with stride s makes

    size + (k - 1) jump    and    jump · s

of them; a sum over places is a window of all of them; where branches meet the larger jump counts. A
third number says where the field of the first place begins, a padding of p

    p · jump

before that of its input; where branches meet the field reaches around all of theirs. Since networks
flatten, cut and turn their tensors, a `Field` also says where in a tensor the places of each axis
of space lie.

Source: Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks",
equations 1 to 4. Differs: they take one axis, and know no flattening.
"""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node
from .counts import settings_of


class Run(NamedTuple):
    """Some places along an axis of a tensor, which look `jump` apart into the input's axis `of`.

    of: None for places that stand for no space, such as channels.
    """

    count: int
    of: int | None = None
    jump: Fraction = Fraction(0)


class Field(NamedTuple):
    """What the places of a tensor see.

    sizes: of the field, one per axis of space. axes: the runs of each axis of the tensor. starts:
    where in the input the field of the first place begins, one per axis of space.

    The runs of an axis are the digits of its places, the slowest first: flattened rows of pixels
    are a run of rows and a run of pixels.
    """

    sizes: tuple[int, ...]
    axes: tuple[tuple[Run, ...], ...]
    starts: tuple[Fraction | float, ...]

    @property
    def jumps(self) -> tuple[Fraction | None, ...]:
        """How far apart neighbours look, along each axis of space; None where there are none."""
        runs = [run for axis in self.axes for run in axis]
        of_axes = [[run.jump for run in runs if run.of == i] for i in range(len(self.sizes))]
        return tuple([min(jumps, default=None) for jumps in of_axes])

    def box(self, index: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """What a place of the tensor sees: where it begins and ends, along each axis of the input.

        index: the place, a whole number for each axis of the tensor. The box may reach over the
        border of the input.
        """
        starts = list(self.starts)
        for axis, place in enumerate(index):
            starts = self.starts_at(starts, axis, place)
        begins = map(math.ceil, starts)
        return tuple([(a, a + size) for a, size in zip(begins, self.sizes, strict=True)])

    def starts_at(self, starts: Sequence, axis: int, place: int) -> tuple[Fraction | float, ...]:
        """The starts after a place of one of the tensor's axes was chosen."""
        found = list(starts)
        for run in reversed(self.axes[axis]):
            place, digit = divmod(place, run.count)
            if run.of is not None:
                found[run.of] += digit * run.jump
        return tuple(found)


def field_of_input(shape: Sequence[int]) -> Field:
    """The field of an input (N, C, *space), each number of which is computed from itself."""
    axes = [(Run(n),) for n in shape[:2]]
    axes += [(Run(n, i, Fraction(1)),) for i, n in enumerate(shape[2:])]
    rank = len(shape[2:])
    return Field((1,) * rank, tuple(axes), (Fraction(0),) * rank)


def field_of_nothing(shape: Sequence[int], rank: int) -> Field:
    """The field of weights and other tensors that do not come from an input of `rank` axes."""
    return Field((1,) * rank, tuple([(Run(n),) for n in shape]), (math.inf,) * rank)


def field_of(node: Node, parents: list[Field | None], inputs: tuple) -> Field | None:
    """The field of what a gate made; None if that is not known.

    parents: the fields of those of its inputs that are tensors, in their order.
    """
    if None in parents:
        return None
    rule = RULES.get(node.gate.name)
    if rule is not None:
        return rule(node, parents, inputs)
    return aligned(parents, node.shape) if elementwise(node, parents) else None


def elementwise(node: Node, parents: list[Field]) -> bool:
    """Whether the shapes say that a gate may work element by element."""
    shapes = [[math.prod([run.count for run in runs]) for runs in f.axes] for f in parents]
    try:
        return np.broadcast_shapes(*map(tuple, shapes)) == node.shape
    except ValueError:
        return False


# --- what happens to fields -----------------------------------------------------------------------


def merged(field: Field, axes: Iterable[int]) -> tuple[int, ...]:
    """The sizes after all places along some axes of the tensor were summed up."""
    sizes = list(field.sizes)
    for axis in axes:
        for run in field.axes[axis]:
            if run.of is not None:
                sizes[run.of] += int((run.count - 1) * run.jump)
    return tuple(sizes)


def around(parents: list[Field], axes: Iterable[tuple[Run, ...]]) -> Field:
    """The field of what was computed from several, with these axes: all that they see."""
    starts = tuple(map(min, zip(*[field.starts for field in parents], strict=True)))
    sizes = []
    for axis, start in enumerate(starts):
        spans = [(field.starts[axis], field.sizes[axis]) for field in parents]
        ends = [begin + size for begin, size in spans if begin < math.inf]
        sizes.append(math.ceil(max(ends) - start) if ends else 1)
    return Field(tuple(sizes), tuple(axes), starts)


def chosen(candidates: list[tuple[Run, ...]], size: int) -> tuple[Run, ...]:
    """The runs of an axis of `size` places: those with the larger jump, where branches meet."""
    fitting = [runs for runs in candidates if math.prod([run.count for run in runs]) == size]
    return max(fitting, key=lambda runs: sum([run.jump for run in runs]), default=(Run(size),))


def aligned(parents: list[Field], shape: tuple[int, ...]) -> Field:
    """The field where tensors are broadcast to `shape`."""
    axes = []
    for place, size in enumerate(shape):
        back = len(shape) - place
        axes.append(chosen([f.axes[-back] for f in parents if len(f.axes) >= back], size))
    return around(parents, axes)


def slid(
    field: Field, axis: int, reach: int, step: Fraction, count: int, before: int | Fraction = 0
) -> Field | None:
    """The field after a window over `reach` places was moved along an axis of the tensor.

    before: how many places before the first of the tensor the window begins.
    """
    runs = field.axes[axis]
    if reach == step == 1 and not before and math.prod([run.count for run in runs]) == count:
        return field
    if len(runs) > 1:
        return None
    (run,) = runs
    sizes, starts = list(field.sizes), list(field.starts)
    if run.of is not None:
        sizes[run.of] += int((reach - 1) * run.jump)
        starts[run.of] -= before * run.jump
    axes = list(field.axes)
    axes[axis] = (Run(count, run.of, run.jump * step),)
    return Field(tuple(sizes), tuple(axes), tuple(starts))


def with_channels(field: Field, channels: int) -> Field:
    """The field after the second axis was summed up, for each of so many channels."""
    axes = (field.axes[0], (Run(channels),), *field.axes[2:])
    return Field(merged(field, [1]), axes, field.starts)


# --- rules ----------------------------------------------------------------------------------------
# Each takes a node, the fields of the gate's tensors, and its inputs.


def windows(node: Node, parents: list[Field], inputs: tuple) -> Field | None:
    """Pooling, and what comes of all other gates with windows before their channels are summed."""
    settings = settings_of(node)
    field = parents[0]
    window = settings.get("window") or inputs[1].shape[2:]
    out = settings.get("out") or node.shape[2:]
    names = ("stride", "padding", "dilation")
    axes = zip(window, *[settings[name] for name in names], out, strict=True)
    for axis, (k, s, p, d, count) in enumerate(axes, 2):
        field = field and slid(field, axis, d * (k - 1) + 1, Fraction(s), count, p)
    return field


def convolution(node: Node, parents: list[Field], inputs: tuple) -> Field | None:
    """Windows over all channels."""
    field = windows(node, parents[:1], inputs)
    return field and with_channels(field, node.shape[1])


def transposed(node: Node, parents: list[Field], inputs: tuple) -> Field | None:
    """A stride of s makes s places of one; ⌈reach / s⌉ windows at most lie over a place."""
    settings = settings_of(node)
    field = parents[0]
    names = ("stride", "padding", "dilation")
    axes = zip(
        inputs[1].shape[2:], *[settings[name] for name in names], node.shape[2:], strict=True
    )
    for axis, (k, s, p, d, count) in enumerate(axes, 2):
        before = Fraction(d * (k - 1) - p, s)
        reach = -(-(d * (k - 1) + 1) // s)
        field = field and slid(field, axis, reach, Fraction(1, s), count, before)
    return field and with_channels(field, node.shape[1])


def reduction(node: Node, parents: list[Field], inputs: tuple) -> Field:
    """What is reduced over is seen whole."""
    (field,) = parents
    settings = settings_of(node)
    dim = settings["dim"]
    ndim = len(field.axes)
    dims = (dim,) if isinstance(dim, int) else dim
    over = {d % ndim for d in dims} if dims else set(range(ndim))
    kept = [(Run(1),)] if settings["keepdim"] else []
    axes = [kept if i in over else [runs] for i, runs in enumerate(field.axes)]
    runs = tuple([runs for part in axes for runs in part])
    return Field(merged(field, over), runs, field.starts)


def product(node: Node, parents: list[Field], inputs: tuple) -> Field:
    """matmul: the last axis of one side is summed with the last but one of the other."""
    stack = [chr(0x100 + i) for i in range(len(node.shape))]  # letters that are not i, j, k
    x, y = inputs
    left = "".join(stack[-(x.ndim - 2) :] if x.ndim > 2 else "") + ("ij" if x.ndim > 1 else "j")
    right = "".join(stack[-(y.ndim - 2) :] if y.ndim > 2 else "") + ("jk" if y.ndim > 1 else "j")
    ends = ("i" if x.ndim > 1 else "") + ("k" if y.ndim > 1 else "")
    lead = len(node.shape) - len(ends)
    out = "".join(stack[len(stack) - lead :]) + ends
    return einsum(node, parents, [left, right], out)


def linear(node: Node, parents: list[Field], inputs: tuple) -> Field:
    """x wᵀ + b: the last axis is seen whole."""
    x, w = parents[:2]
    axes = (*x.axes[:-1], w.axes[0])
    return around([Field(merged(x, [len(x.axes) - 1]), axes, x.starts), *parents[1:]], axes)


def contraction(node: Node, parents: list[Field], inputs: tuple) -> Field:
    """einsum."""
    settings = settings_of(node)
    return einsum(node, parents, settings["terms"], settings["out"])


def einsum(node: Node, parents: list[Field], terms: Sequence[str], out: str) -> Field:
    """Letters that are not in `out` are summed over: what they stand for is seen whole."""
    reached = []
    for field, term in zip(parents, terms, strict=True):
        lost = [i for i, letter in enumerate(term) if letter not in out]
        reached.append(Field(merged(field, lost), field.axes, field.starts))
    axes = []
    for letter, size in zip(out, node.shape, strict=True):
        pairs = zip(parents, terms, strict=True)
        axes.append(chosen([f.axes[t.index(letter)] for f, t in pairs if letter in t], size))
    return around(reached, axes)


def permutation(node: Node, parents: list[Field], inputs: tuple) -> Field:
    """Axes in another order."""
    (field,) = parents
    axes = tuple([field.axes[i] for i in settings_of(node)["dims"]])
    return Field(field.sizes, axes, field.starts)


def regrouped(node: Node, parents: list[Field], inputs: tuple) -> Field | None:
    """Runs stay in their order; a run may be cut into a slow one and a fast one."""
    (field,) = parents
    waiting = [run for runs in field.axes for run in runs if run.count != 1][::-1]
    axes = []
    for size in node.shape:
        runs = []
        missing = size
        while missing > 1:
            if not waiting:
                return None
            run = waiting.pop()
            if run.count > missing and run.count % missing == 0:
                fast = run.count // missing
                waiting.append(Run(fast, run.of, run.jump))
                run = Run(missing, run.of, run.jump * fast)
            if missing % run.count:
                return None
            missing //= run.count
            runs.append(run)
        axes.append(tuple(runs) or (Run(size),))
    return Field(field.sizes, tuple(axes), field.starts)


def joined(node: Node, parents: list[Field], inputs: tuple) -> Field:
    """Branches side by side."""
    axis = settings_of(node)["dim"] % len(node.shape)
    first = parents[0].axes[axis][0]
    stretched = []
    for field in parents:
        runs = (Run(node.shape[axis], first.of, first.jump),)
        axes = (*field.axes[:axis], runs, *field.axes[axis + 1 :])
        stretched.append(Field(field.sizes, axes, field.starts))
    return aligned(stretched, node.shape)


def bordered(node: Node, parents: list[Field], inputs: tuple) -> Field | None:
    """A border adds places, or a negative one takes some."""
    (field,) = parents
    sides = zip(node.shape, settings_of(node)["pads"], strict=True)
    for axis, (count, (before, _)) in enumerate(sides):
        field = field and slid(field, axis, 1, Fraction(1), count, before)
    return field


def keyed(node: Node, parents: list[Field], inputs: tuple) -> Field | None:
    """Slices; what arrays choose is not known."""
    (field,) = parents
    parts = list(settings_of(node)["key"])
    if any(hasattr(part, "dtype") for part in parts):
        return None
    taken = sum([part is not None and part is not Ellipsis for part in parts])
    if Ellipsis in parts:
        dots = parts.index(Ellipsis)
        parts[dots : dots + 1] = [slice(None)] * (len(field.axes) - taken)
    axes = []
    axis = 0
    for part in parts:
        if part is None:
            axes.append((Run(1),))
            continue
        if isinstance(part, slice):
            count = math.prod([run.count for run in field.axes[axis]])
            places = range(*part.indices(count))
            field = slid(field, axis, 1, Fraction(places.step), len(places), -places.start)
            if field is None:
                return None
            axes.append(field.axes[axis])
        else:
            place = part % math.prod([run.count for run in field.axes[axis]])
            field = field._replace(starts=field.starts_at(field.starts, axis, place))
        axis += 1
    return Field(field.sizes, (*axes, *field.axes[axis:]), field.starts)


def unfolded(node: Node, parents: list[Field], inputs: tuple) -> Field | None:
    """Windows as columns: what lies in a window becomes channels, its places one axis."""
    settings = settings_of(node)
    field = parents[0]
    axes = zip(
        *[settings[n] for n in ("window", "stride", "padding", "dilation")],
        inputs[0].shape[2:],
        strict=True,
    )
    for axis, (k, s, p, d, size) in enumerate(axes, 2):
        reach = d * (k - 1) + 1
        count = (size + 2 * p - reach) // s + 1
        field = field and slid(field, axis, reach, Fraction(s), count, p)
    if field is None:
        return None
    places = tuple([run for runs in field.axes[2:] for run in runs])
    axes = (field.axes[0], (Run(node.shape[1]),), places)
    return Field(merged(field, [1]), axes, field.starts)


def channelwise(node: Node, parents: list[Field], inputs: tuple) -> Field:
    """What numbers for each channel do to an image, which comes first."""
    return parents[0]


RULES: dict[str, Any] = {
    "affine": channelwise,
    "conv": convolution,
    "conv_relu": convolution,
    "conv_dx": transposed,
    "max_pool": windows,
    "window_sum": windows,
    "window_mean": windows,
    "unfold": unfolded,
    "matmul": product,
    "linear": linear,
    "contract": contraction,
    "reshape": regrouped,
    "permute": permutation,
    "join": joined,
    "pad_constant": bordered,
    "index": keyed,
    **dict.fromkeys(
        ("sum", "mean", "prod", "amax", "amin", "logsumexp", "euclidean_norm"), reduction
    ),
}
