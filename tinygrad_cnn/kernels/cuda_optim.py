"""The step of an optimiser on a GPU: all parameters, their gradients and states in a few launches.

Arrays stay where they are: a table of their addresses goes to the kernel by value, with its other
arguments, so that nothing is copied to the GPU before it. Each number is read once and written
once.
Formulas round as those of the rules in `optim` do, and so give the same numbers.

Not yet confirmed on a GPU.
"""

import functools
import itertools

import numpy as np

from . import xp
from .cuda_source import TAKEN, THREADS, Family, Struct, covered
from .served import refused

PIECE = 16 * THREADS  # numbers of one parameter that a block changes
ROWS = 48  # parameters in one launch: arguments have room for 4096 bytes
APART = f"{TAKEN}, contiguous, and sharing no memory"

SOURCE = r"""
// A table's row is a parameter: its states, its gradient last; `end` counts pieces up to its last.
#define PIECE (16 * THREADS)
#define ROWS 48

struct Rates { double number[2 * ROWS]; };

__device__ inline T *numbers(const Rows &s, int row, int which)
{
    return (T *)s.address[row * s.width + which];
}

// The row that a piece is of, and where in it the piece begins.
__device__ inline int row_of(const Rows &s, Index piece, Index &start)
{
    int row = 0;
    while (s.end[row] <= piece) ++row;
    start = (piece - (row ? s.end[row - 1] : 0)) * PIECE;
    return row;
}

#define EACH_OF_PIECE(i, start, size) \
    Index i = (start) + threadIdx.x; i < (size) && i < (start) + PIECE; i += THREADS

extern "C" __global__ void sgd(
    Rows s, double sign, double lr, double momentum, double share, double decay)
{
    for (Index piece = blockIdx.x; piece < s.pieces; piece += gridDim.x) {
        Index start;
        int row = row_of(s, piece, start);
        T *p = numbers(s, row, 0), *buffer = numbers(s, row, 1);
        const T *gradient = numbers(s, row, s.width - 1);
        for (EACH_OF_PIECE(i, start, s.size[row])) {
            A g = (A)sign * wide(gradient[i]) + (A)decay * wide(p[i]);
            if (s.momentum) {
                A b = (A)momentum * wide(buffer[i]) + (A)share * g;
                buffer[i] = narrow(b);
                g = s.nesterov ? g + (A)momentum * b : b;
            }
            p[i] = narrow(wide(p[i]) - (A)lr * g);
        }
    }
}

extern "C" __global__ void adam(
    Rows s, Rates rates, double sign, double grown, double grown_square, double eps, double decay,
    double shrink)
{
    for (Index piece = blockIdx.x; piece < s.pieces; piece += gridDim.x) {
        Index start;
        int row = row_of(s, piece, start);
        T *p = numbers(s, row, 0), *mean = numbers(s, row, 1), *square = numbers(s, row, 2);
        const T *gradient = numbers(s, row, 3);
        A rate = (A)rates.number[2 * row], scale = (A)rates.number[2 * row + 1];
        for (EACH_OF_PIECE(i, start, s.size[row])) {
            A w = wide(p[i]), m = wide(mean[i]), v = wide(square[i]);
            A g = (A)sign * wide(gradient[i]) + (A)decay * w;
            m += (g - m) * (A)grown;
            v += (g * g - v) * (A)grown_square;
            mean[i] = narrow(m);
            square[i] = narrow(v);
            p[i] = narrow(w - (m * rate / (sqrt(v) * scale + (A)eps) + (A)shrink * w));
        }
    }
}
"""

TABLE = Struct(
    "Rows",
    pieces=1,
    width=1,
    momentum=1,
    nesterov=1,
    address=4 * ROWS,
    size=ROWS,
    end=ROWS,
)
OPTIM = Family("optim", SOURCE, sgd=TABLE, adam=TABLE)


def table_fits(rows) -> bool:
    """Whether all arrays of these rows are contiguous, of one dtype and, in a row, of one shape."""
    first = rows[0][0]
    for row in rows:
        if not all(type(a) is type(first) and a.shape == row[0].shape for a in row):
            return False
        if not covered(first, *row) or not all(a.flags.c_contiguous for a in row):
            return False
    written = [(a.data.ptr, a.nbytes) for row in rows for a in row[:-1]]
    return apart(tuple(written))


@functools.lru_cache(maxsize=64)
def apart(spans: tuple) -> bool:
    """Whether no two of these pieces of memory, (address, bytes), share a byte."""
    ordered = sorted(spans)
    pairs = itertools.pairwise(ordered)
    return all(start + size <= following for (start, size), (following, _) in pairs)


def tables(rows, momentum=False, nesterov=False):
    """Up to ROWS rows at a time: which they are, the values of their table, its pieces."""
    for first in range(0, len(rows), ROWS):
        some = rows[first : first + ROWS]
        width = len(some[0])
        addresses = [a.data.ptr for row in some for a in row]
        sizes = [row[0].size for row in some]
        ends = np.cumsum([-(-size // PIECE) for size in sizes]).tolist()
        free = ROWS - len(some)
        filled = (
            (*addresses, *[0] * (4 * ROWS - len(addresses))),
            (*sizes, *[0] * free),
            (*ends, *[0] * free),
        )
        yield slice(first, first + ROWS), (ends[-1], width, int(momentum), int(nesterov), *filled)


def sgd_step(rows, *, sign, lr, momentum, dampening, weight_decay, nesterov):
    """Change the parameters of rows (parameter, momentum_buffer, gradient); without momentum
    (parameter, gradient)."""
    if not table_fits(rows):
        return refused(APART)
    first = rows[0][0]
    settings = tuple(map(np.float64, (sign, lr, momentum, 1.0 - dampening, weight_decay)))
    for _, values in tables(rows, momentum != 0, nesterov):
        OPTIM.launch(xp(first), "sgd", first.dtype, values[0], (), values, *settings, far=True)
    return None


def adam_step(rows, *, sign, rates, betas, eps, decay, shrink):
    """Change the parameters of rows (parameter, exp_avg, exp_avg_sq, gradient).

    rates: for each row what both means are multiplied by, lr / (1 - beta1^t) and
    1 / √(1 - beta2^t). decay: of the weights by the gradient. shrink: of the weights by themselves.
    """
    if not table_fits(rows):
        return refused(APART)
    first = rows[0][0]
    kept = (1.0 - betas[0], 1.0 - betas[1])
    settings = tuple(map(np.float64, (sign, *kept, eps, decay, shrink)))
    for which, values in tables(rows):
        numbers = np.zeros((ROWS, 2))
        numbers[: len(rates[which])] = rates[which]
        by_value = numbers.reshape(-1).view(np.dtype((np.void, numbers.nbytes)))
        arguments = (values, by_value, *settings)
        OPTIM.launch(xp(first), "adam", first.dtype, values[0], (), *arguments, far=True)
    return None
