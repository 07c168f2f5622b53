"""The step of an optimiser on a GPU: all parameters, their gradients and states in a few launches.

Arrays stay where they are: a table of their addresses goes to the kernel by value, with its other
arguments, so that nothing is copied to the GPU before it. Each number is read once and written
once. Formulas round as those of the rules in `optim` do, and so give the same numbers.

A graph repeats the arguments of its launches. So while a step is being recorded the kernels read
learning rate and counts of steps from an array, into which each replay first writes those of then.

Not yet confirmed on a GPU.
"""

import functools
import itertools

import numpy as np

from . import xp
from .capture import HERE
from .cuda_source import TAKEN, THREADS, Family, Struct, covered, per_thread
from .served import refused

PIECE = 16 * THREADS  # numbers of one parameter that a block changes
ROWS = 48  # parameters in one launch: arguments have room for 4096 bytes
RATES = 8  # the number of settings that go before those of each row
NUMBERS = RATES + 2 * ROWS
APART = f"{TAKEN}, contiguous, and sharing no memory"

SOURCE = r"""
// A table's row is a parameter: its states, its gradient last; `end` counts pieces up to its last.
#define PIECE (16 * THREADS)
#define ROWS 48

// Settings, and from RATES on two numbers for each row; read from `live` where that is an array.
#define RATES 8
#define NUMBERS (RATES + 2 * ROWS)
#define NUMBER(i) ((A)(live ? live[i] : given.number[i]))
struct Numbers { double number[NUMBERS]; };

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

extern "C" __global__ void lay(double *live, Count s, Numbers given)
{
    for (EACH(i, s.count)) live[i] = given.number[i];
}

extern "C" __global__ void sgd(const double *live, Rows s, Numbers given)
{
    A sign = NUMBER(0), lr = NUMBER(1), momentum = NUMBER(2), share = NUMBER(3), decay = NUMBER(4);
    for (Index piece = blockIdx.x; piece < s.pieces; piece += gridDim.x) {
        Index start;
        int row = row_of(s, piece, start);
        T *p = numbers(s, row, 0), *buffer = numbers(s, row, 1);
        const T *gradient = numbers(s, row, s.width - 1);
        for (EACH_OF_PIECE(i, start, s.size[row])) {
            A g = sign * wide(gradient[i]) + decay * wide(p[i]);
            if (s.momentum) {
                A b = momentum * wide(buffer[i]) + share * g;
                buffer[i] = narrow(b);
                g = s.nesterov ? g + momentum * b : b;
            }
            p[i] = narrow(wide(p[i]) - lr * g);
        }
    }
}

extern "C" __global__ void adam(const double *live, Rows s, Numbers given)
{
    A sign = NUMBER(0), old = NUMBER(1), fresh = NUMBER(2);
    A old_square = NUMBER(3), fresh_square = NUMBER(4);
    A eps = NUMBER(5), decay = NUMBER(6), shrink = NUMBER(7);
    for (Index piece = blockIdx.x; piece < s.pieces; piece += gridDim.x) {
        Index start;
        int row = row_of(s, piece, start);
        T *p = numbers(s, row, 0), *mean = numbers(s, row, 1), *square = numbers(s, row, 2);
        const T *gradient = numbers(s, row, 3);
        A rate = NUMBER(RATES + 2 * row), scale = NUMBER(RATES + 2 * row + 1);
        for (EACH_OF_PIECE(i, start, s.size[row])) {
            A w = wide(p[i]), m = wide(mean[i]), v = wide(square[i]);
            A g = sign * wide(gradient[i]) + decay * w;
            m = m * old + g * fresh;
            v = v * old_square + g * g * fresh_square;
            mean[i] = narrow(m);
            square[i] = narrow(v);
            p[i] = narrow(w - (m * rate / (sqrt(v) * scale + eps) + shrink * w));
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
OPTIM = Family("optim", SOURCE, sgd=TABLE, adam=TABLE, lay=Struct("Count", count=1))


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


def by_value(settings, rates=()):
    """The structure Numbers."""
    numbers = np.zeros(NUMBERS)
    numbers[: len(settings)] = settings
    numbers[RATES : RATES + 2 * len(rates)] = np.ravel(rates)
    return numbers.view(np.dtype((np.void, numbers.nbytes)))


def swept(name, rows, numbers, settings, **switches):
    """Launch the kernel `name` for all rows.

    numbers: what makes the structure Numbers for some rows, which a slice names, of the settings.
    While a step is being recorded, the result is a function that gives the launches, wherever they
    are replayed from then on, other settings.
    """
    if not table_fits(rows):
        return refused(APART)
    first = rows[0][0]
    launch = functools.partial(OPTIM.launch, xp(first), far=True)
    lives = []
    for which, values in tables(rows, **switches):
        live = None
        if HERE.recording is not None:
            live = xp(first).empty(NUMBERS, "float64")
            lives.append((which, live))
        given = numbers(which, **settings)
        launch(name, first.dtype, values[0], (live,), values, given)

    def refresh(**settings):
        for which, live in lives:
            given = numbers(which, **settings)
            launch("lay", first.dtype, per_thread(NUMBERS), (live,), (NUMBERS,), given)

    return refresh if lives else None


def sgd_numbers(which, *, sign, lr, momentum, dampening, weight_decay, nesterov):
    """The structure Numbers of sgd, the same for all rows."""
    return by_value((sign, lr, momentum, 1.0 - dampening, weight_decay))


def sgd_step(rows, **settings):
    """Change the parameters of rows (parameter, momentum_buffer, gradient); without momentum
    (parameter, gradient)."""
    switches = {"momentum": settings["momentum"] != 0, "nesterov": settings["nesterov"]}
    return swept("sgd", rows, sgd_numbers, settings, **switches)


def adam_numbers(which, *, sign, rates, betas, eps, decay, shrink):
    """The structure Numbers of adam for some of the rows."""
    shares = [share for beta in betas for share in (beta, 1.0 - beta)]
    return by_value((sign, *shares, eps, decay, shrink), rates[which])


def adam_step(rows, **settings):
    """Change the parameters of rows (parameter, exp_avg, exp_avg_sq, gradient).

    rates: for each row what both means are multiplied by, lr / (1 - beta1^t) and
    1 / √(1 - beta2^t). decay: of the weights by the gradient. shrink: of the weights by themselves.
    """
    return swept("adam", rows, adam_numbers, settings)
