"""Linear layers on the CPU: float32 matrices of samples that lie in columns, see `layout`.

Behind convolutions of few channels the batch lies innermost: the samples are the columns of a
matrix, and so are the layer's results. The product then reads its input as it lies, and the weights
too, forward and for the input's gradient. For the weights' gradient samples are laid in rows.
"""

from typing import NamedTuple

import numpy as np

from .cpu_columns_work import Filling, fill
from .served import refused
from .simd import LANES, ROWS, WIDTH
from .simd_columns import call_strip, strip_address
from .threads import get_num_threads
from .workers import Worker, address, record, run, scratch

TAKEN = "it is compiled for float32 matrices in columns, whose samples fill vectors"
FIRST = np.zeros(1, np.int64)  # where the one run of a product begins
ZERO = np.zeros(1, np.float32)
# What one thread is done with before others have heard of it: products, and numbers to be turned.
ALONE, SMALL = 500_000, 16384


class Product(NamedTuple):
    """z = start + a b for matrices: a of `rows` by `length`, b of `columns` more.

    strip: the address of the product of a few rows. a, b, start, z: addresses. between, step: how
    far apart rows and columns of a are; initial: the numbers that rows begin with; pitch, line: the
    rows of b and z. runs: a table with one 0. many: how many rows make a strip.
    """

    strip: int
    a: int
    between: int
    step: int
    b: int
    pitch: int
    start: int
    initial: int
    z: int
    line: int
    runs: int
    rows: int
    length: int
    columns: int
    many: int


@Worker
def multiply(words, first, last, part):
    """Items are strips of rows."""
    s = record(words, Product)
    for item in range(first, last):
        row = item * s.many
        rows = min(s.many, s.rows - row)
        for column in range(0, s.columns, WIDTH):
            vectors = min(WIDTH, s.columns - column) // LANES
            call_strip(
                s.strip, rows, vectors, s.a + 4 * row * s.between, s.between, s.step, 0, s.runs, 1,
                s.length, s.b + 4 * column, s.pitch, s.start + 4 * row * s.initial, s.initial,
                s.z + 4 * (row * s.line + column), s.line,
            )  # fmt: skip


def product(a: np.ndarray, b: np.ndarray, z: np.ndarray, start: np.ndarray = ZERO) -> None:
    """z = a b, each row begun with its number of `start`; b and z have contiguous rows of whole
    vectors."""
    rows, length = a.shape
    between, step = (s // 4 for s in a.strides)
    parts = 1 if rows * length * b.shape[1] < ALONE else get_num_threads()
    strips = -(-rows // ROWS)
    many = -(-rows // (strips + -strips % parts))  # as many strips for each thread
    initial = int(start is not ZERO)
    task = Product(
        strip_address(), address(a), between, step, address(b), b.shape[1],
        address(start), initial, address(z), z.shape[1], address(FIRST), rows, length, b.shape[1],
        many,
    )  # fmt: skip
    items = -(-rows // many)
    run(multiply, items, task, min(parts, items))


def is_matrix(x: object) -> bool:
    """Whether x is a matrix of float32."""
    return type(x) is np.ndarray and x.ndim == 2 and x.dtype == np.float32 and x.flags.aligned


def in_columns(x: np.ndarray) -> bool:
    """Whether x (N, I) lies in columns, and its samples fill vectors."""
    return x.flags.f_contiguous and len(x) % LANES == 0 and x.size > 0


def linear(x, w, b):
    """The kernel of linear for samples in columns."""
    if not (is_matrix(x) and is_matrix(w) and in_columns(x) and w.flags.c_contiguous):
        return refused(TAKEN)
    if x.shape[1] != w.shape[1] or not w.size:
        return refused(TAKEN)
    start = ZERO
    if b is not None:
        if b.dtype != np.float32 or b.shape != w.shape[:1]:
            return refused(TAKEN)
        start = np.ascontiguousarray(b)
    z = np.empty((len(x), len(w)), np.float32, order="F")
    product(w, x.T, z.T, start)
    return z


def linear_dx(g, w):
    """The kernel of linear_dx for samples in columns."""
    if not (is_matrix(g) and is_matrix(w) and in_columns(g) and w.flags.c_contiguous):
        return refused(TAKEN)
    if g.shape[1] != len(w) or not w.size:
        return refused(TAKEN)
    dx = np.empty((len(g), w.shape[1]), np.float32, order="F")
    product(w.T, g.T, dx.T)
    return dx


def linear_dw(g, x):
    """The kernel of linear_dw for samples in columns."""
    if not (is_matrix(g) and is_matrix(x) and in_columns(g) and in_columns(x) and len(g) == len(x)):
        return refused(TAKEN)
    dw = np.empty((g.shape[1], x.shape[1]), np.float32)
    outer(g, x, dw)
    return dw


def outer(g: np.ndarray, x: np.ndarray, dw: np.ndarray) -> None:
    """dw = gᵀ x, both in columns: the samples of x are laid in rows."""
    rows = turned(x)
    if rows.shape == x.shape:
        product(g.T, rows, dw)
    else:
        wide = scratch(len(dw) * rows.shape[1]).reshape(len(dw), -1)
        product(g.T, rows, wide)
        trim(wide, dw)


def trim(wide: np.ndarray, z: np.ndarray) -> None:
    """Fill z with the first columns of a matrix that has more."""
    rows, columns = z.shape
    # As images of one column, whose samples are the matrix's columns.
    steps = (1, 0, wide.shape[1], columns)
    sizes = (columns, rows, 1, rows, 1, columns)
    run(fill, rows, Filling(address(wide), address(z), *steps, *sizes, 0, 0))


def turned(x: np.ndarray) -> np.ndarray:
    """x (N, I) in columns as a new matrix in rows, zeros behind each to whole vectors."""
    n, inputs = x.shape
    lanes = -(-inputs // LANES) * LANES
    z = scratch(n * lanes).reshape(n, lanes)
    # As images of one line, whose columns are samples, whose samples are the inputs, and whose
    # channels are vectors of samples.
    steps, sizes = (n, LANES, 0, 1), (inputs, 1, LANES, 1, LANES, lanes)
    task = Filling(address(x), address(z), *steps, *sizes, 0, 0)
    run(fill, n // LANES, task, 1 if x.size <= SMALL else None)
    return z
