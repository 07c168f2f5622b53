"""Convolution as a sum of matrix products, one for each place of the window; needs no cuDNN.

Images lie in a frame of zeros with the channels innermost, so that all places of all images are the
rows of one matrix. To move a window by one place is to move that matrix by some rows: the products
take parts of the frame as they lie, and nothing is gathered. With a stride there is a frame for
each remainder of a place modulo the stride. Rows between two images, and those where a window would
reach beyond the frame, are computed with the others and left out.

Nothing here asks for CuPy: arrays of any module will do. On a GPU the products are cuBLAS's, which
add to what is there; float16 and bfloat16 are summed as float32.

Differs: where weights are infinite, a gradient for images has NaN in places that no window reaches.

Not yet confirmed on a GPU.
"""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from . import cuda_runtime as runtime
from . import xp
from .flags import CUDNN
from .shapes import out_size

# How cuBLAS calls the types of numbers, and how it computes with them.
TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}
EXACT, TF32, DOUBLE = 68, 77, 70
BEST = -1  # the algorithm that cuBLAS likes best


@dataclass(frozen=True)
class Tap:
    """A place of the window: which frame it reads, and how many rows further on."""

    part: tuple[int, ...]
    rows: int


@dataclass(frozen=True)
class Frames:
    """How images of one shape lie in frames, for windows of one shape.

    images: (N, C, *space). weights: (K, C/groups, *window).
    """

    images: tuple[int, ...]
    weights: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @cached_property
    def out(self) -> tuple[int, ...]:
        """How many windows fit along each axis of space."""
        settings = (self.stride, self.padding, self.dilation)
        axes = zip(self.images[2:], self.weights[2:], *settings, strict=True)
        return tuple([out_size(*axis) for axis in axes])

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The size of a frame along each axis of space."""
        reach = zip(self.out, self.weights[2:], self.dilation, self.stride, strict=True)
        return tuple([q + (r - 1) * d // s for q, r, d, s in reach])

    @cached_property
    def rows(self) -> int:
        """The rows of a frame as a matrix."""
        return self.images[0] * math.prod(self.sizes)

    @cached_property
    def taps(self) -> list[Tap]:
        """The places of the window, in order."""
        taps = []
        for place in itertools.product(*map(range, self.weights[2:])):
            moved = [r * d for r, d in zip(place, self.dilation, strict=True)]
            part = tuple([m % s for m, s in zip(moved, self.stride, strict=True)])
            rows = 0
            for size, m, s in zip(self.sizes, moved, self.stride, strict=True):
                rows = rows * size + m // s
            taps.append(Tap(part, rows))
        return taps

    @cached_property
    def parts(self) -> list[tuple[int, ...]]:
        """The remainders modulo the stride for which there is a frame."""
        return [*dict.fromkeys(tap.part for tap in self.taps)]

    @cached_property
    def used(self) -> int:
        """The rows that products are computed for: the last window ends in the last row."""
        return self.rows - max(tap.rows for tap in self.taps)

    def lies(self, part: tuple[int, ...]) -> tuple[list[slice], list[slice]]:
        """Which places of a frame have numbers of the image, and which places of the image."""
        within, of = [], []
        axes = zip(part, self.images[2:], self.sizes, self.stride, self.padding, strict=True)
        for a, space, size, s, p in axes:
            first = max(0, -((a - p) // s))
            start = a + s * first - p
            count = max(0, min(size - first, (space - 1 - start) // s + 1))
            within.append(slice(first, first + count))
            of.append(slice(start, start + count * s, s) if count else slice(0, 0))
        return within, of

    @property
    def plain(self) -> bool:
        """Whether the only frame is the image itself."""
        return self.sizes == self.images[2:] and not any(self.padding) and set(self.stride) == {1}


def by_group(x, groups: int):
    """x (N, C, *space) seen as (groups, N, *space, C/groups)."""
    split = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    return split.transpose(1, 0, *range(3, split.ndim), 2)


def in_channels(x):
    """x (groups, N, *space, C/groups) as (N, C, *space), the channels innermost."""
    space = x.shape[2:-1]
    rows = x.transpose(1, *range(2, x.ndim - 1), 0, x.ndim - 1)
    rows = xp(x).ascontiguousarray(rows).reshape(x.shape[1], *space, x.shape[0] * x.shape[-1])
    return rows.transpose(0, rows.ndim - 1, *range(1, rows.ndim - 1))


def framed(frames: Frames, x, part: tuple[int, ...], dtype):
    """The frame of the image x for a remainder.

    Shape: x (N, C, *space) -> (groups, rows, C/groups).
    """
    seen = by_group(x, frames.groups)
    if not frames.plain:
        within, of = frames.lies(part)
        whole = xp(x).zeros((*seen.shape[:2], *frames.sizes, seen.shape[-1]), dtype)
        whole[(slice(None), slice(None), *within)] = seen[(slice(None), slice(None), *of)]
        seen = whole
    return as_matrix(seen, dtype)


def spread(frames: Frames, u, dtype):
    """u in the rows in which windows begin, zeros in the others.

    Shape: u (N, K, *out) -> (groups, rows, K/groups).
    """
    seen = by_group(u, frames.groups)
    if frames.sizes != frames.out:
        whole = xp(u).zeros((*seen.shape[:2], *frames.sizes, seen.shape[-1]), dtype)
        whole[(slice(None), slice(None), *[slice(q) for q in frames.out])] = seen
        seen = whole
    return as_matrix(seen, dtype)


def as_matrix(x, dtype):
    """x (groups, N, *space, C/groups) as a matrix for each group, copied only where it must be."""
    return xp(x).ascontiguousarray(x.astype(dtype, copy=False)).reshape(x.shape[0], -1, x.shape[-1])


def by_tap(w, groups: int, dtype):
    """The weights as a matrix for each place of the window and each group.

    Shape: w (K, C/groups, *window) -> (places, groups, K/groups, C/groups).
    """
    places = math.prod(w.shape[2:])
    split = w.reshape(groups, w.shape[0] // groups, w.shape[1], places).transpose(3, 0, 1, 2)
    return xp(w).ascontiguousarray(split.astype(dtype, copy=False))


# --- products -------------------------------------------------------------------------------------


def working(x, groups: int) -> tuple[np.dtype, np.dtype]:
    """The dtypes of what is multiplied and of sums. Only cuBLAS multiplies numbers of 16 bits and
    sums them as float32."""
    sums = np.dtype("float32") if x.dtype.itemsize == 2 else x.dtype
    return (x.dtype if groups == 1 and runtime.on_gpu(x) else sums), sums


def multiply(out, a, b, add: bool):
    """out = a @ b for each group, or out += a @ b."""
    if out.shape[0] == 1 and runtime.on_gpu(out):
        gemm(out[0], a[0], b[0], add)
        return
    # A product of a column and a row has no sums: cuBLAS is slow at that.
    product = a * b if a.shape[-1] == 1 else xp(a).matmul(a, b)
    if add:
        out += product
    else:
        out[...] = product


def gemm(out, a, b, add: bool):
    """out = a @ b, or out += a @ b, by cuBLAS.

    out is contiguous, a and b are it as well or transposed. cuBLAS takes matrices by columns: a
    contiguous one is its transpose there, so it is asked for the transpose of the product, b'a'.
    """
    library, handle = runtime.cublas()
    (m, n), k = out.shape, a.shape[1]
    number = np.float64 if out.dtype == np.float64 else np.float32
    one, beta = np.ones(1, number), np.full(1, add, number)  # named: they must outlive the call
    fast = CUDNN.allow_tf32 and a.dtype == np.float32
    compute = DOUBLE if number is np.float64 else TF32 if fast else EXACT
    first, second = (stored(matrix) for matrix in (b, a))
    kinds = [TYPES[x.dtype.name] for x in (b, a, out)]
    library.gemmEx(
        *(handle, first[0], second[0], n, m, k, one.ctypes.data),
        *(runtime.address(b), kinds[0], first[1], runtime.address(a), kinds[1], second[1]),
        *(beta.ctypes.data, runtime.address(out), kinds[2], n, compute, BEST),
    )


def stored(matrix) -> tuple[int, int]:
    """Whether cuBLAS has to transpose what it takes for the transpose of a matrix, and how many
    numbers lie between the beginnings of two of its columns."""
    if matrix.flags.c_contiguous:
        return 0, matrix.shape[1]
    return 1, matrix.shape[0]


# --- the gates ------------------------------------------------------------------------------------


def conv(x, w, b, *, relu=False, stride, padding, dilation, groups):
    """conv, or with relu conv_relu, of arrays that are not empty."""
    frames = Frames(x.shape, w.shape, stride, padding, dilation, groups)
    dtype, sums = working(x, groups)
    matrices = {part: framed(frames, x, part, dtype) for part in frames.parts}
    weights = by_tap(w, groups, dtype)
    z = xp(x).empty((groups, frames.rows, w.shape[0] // groups), sums)
    for i, tap in enumerate(frames.taps):
        a = matrices[tap.part][:, tap.rows : tap.rows + frames.used]
        multiply(z[:, : frames.used], a, weights[i].swapaxes(-1, -2), i > 0)
    z = z.reshape(groups, x.shape[0], *frames.sizes, -1)
    z = in_channels(z[(slice(None), slice(None), *[slice(q) for q in frames.out])])
    if b is not None:
        z += b.astype(sums, copy=False).reshape(-1, *[1] * len(stride))
    if relu:
        xp(z).maximum(z, 0, out=z)
    return z.astype(x.dtype, copy=False)


def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """conv_dx of arrays that are not empty."""
    images = (u.shape[0], w.shape[1] * groups, *space)
    frames = Frames(images, w.shape, stride, padding, dilation, groups)
    dtype, sums = working(u, groups)
    matrix = spread(frames, u, dtype)[:, : frames.used]
    weights = by_tap(w, groups, dtype)
    shape = (groups, frames.rows, w.shape[1])
    parts = {part: xp(u).zeros(shape, sums) for part in frames.parts}
    for i, tap in enumerate(frames.taps):
        into = parts[tap.part][:, tap.rows : tap.rows + frames.used]
        multiply(into, matrix, weights[i], True)
    z = gathered(frames, parts, (groups, u.shape[0], *space, w.shape[1]))
    return in_channels(z).astype(u.dtype, copy=False)


def gathered(frames: Frames, parts: dict, shape: tuple):
    """The images whose frames these are, of this shape: what `framed` did, undone."""
    first = next(iter(parts.values()))
    if frames.plain:
        return first.reshape(shape)
    z = xp(first).zeros(shape, first.dtype)
    for part, matrix in parts.items():
        within, of = frames.lies(part)
        whole = matrix.reshape(*shape[:2], *frames.sizes, shape[-1])
        z[(slice(None), slice(None), *of)] = whole[(slice(None), slice(None), *within)]
    return z


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """conv_dw of arrays that are not empty."""
    k, c = u.shape[1] // groups, x.shape[1] // groups
    frames = Frames(x.shape, (u.shape[1], c, *window), stride, padding, dilation, groups)
    dtype, sums = working(x, groups)
    matrices = {part: framed(frames, x, part, dtype) for part in frames.parts}
    matrix = spread(frames, u, dtype)[:, : frames.used].swapaxes(-1, -2)
    z = xp(x).empty((len(frames.taps), groups, k, c), sums)
    for i, tap in enumerate(frames.taps):
        a = matrices[tap.part][:, tap.rows : tap.rows + frames.used]
        multiply(z[i], matrix, a, False)
    z = xp(z).ascontiguousarray(z.transpose(1, 2, 3, 0)).reshape(u.shape[1], c, *window)
    return z.astype(x.dtype, copy=False)
