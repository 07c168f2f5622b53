"""The step of an optimiser in one sweep over all parameters, their gradients and states.

Arrays stay where they are: a table holds their addresses. They are cut into blocks, which threads
share; each number is read once and written once. Formulas round as those of the rules in `optim`
do, and so give the same numbers.
"""

import functools

import numba
import numpy as np

from .compiled import FLOATS, within
from .parallel import arguments, shared
from .served import refused
from .workers import address, pointer

BLOCK = 16384  # numbers in a block
TAKEN = "parameters lie in pieces, share memory, cannot be written or are not all of one dtype"
rounded = functools.partial(shared, fastmath=frozenset())


class Table:
    """Arrays by address, and how they are cut: one row of `rows` for each parameter.

    ends: how many blocks there are up to each row's last one; blocks: in all. dtype: that of all
    arrays.
    """

    def __init__(self, rows: list[tuple[np.ndarray, ...]]) -> None:
        self.addresses = np.array([[address(a) for a in row] for row in rows], np.int64)
        self.sizes = np.array([row[0].size for row in rows], np.int64)
        self.ends = np.cumsum(-(-self.sizes // BLOCK))
        self.blocks = int(self.ends[-1])
        self.dtype = rows[0][0].dtype

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the kernels read of the table."""
        return self.addresses, self.sizes, self.ends


def covered(rows: list[tuple[np.ndarray, ...]]) -> bool:
    """Whether each row holds arrays of one size and one floating dtype, none in pieces."""
    dtype = rows[0][0].dtype
    if dtype not in FLOATS:
        return False
    for row in rows:
        shape = row[0].shape
        for a in row:
            if type(a) is not np.ndarray or a.dtype != dtype or a.shape != shape:
                return False
            if not a.flags.c_contiguous or not a.flags.aligned:
                return False
    return True


def apart(addresses: np.ndarray, sizes: np.ndarray, itemsize: int) -> bool:
    """Whether no two of these arrays share memory."""
    starts = addresses.ravel()
    ends = (addresses + (sizes * itemsize)[:, None]).ravel()
    order = np.argsort(starts, kind="stable")
    return bool(np.all(ends[order][:-1] <= starts[order][1:]))


def table_of(rows: list[tuple[np.ndarray, ...]]) -> Table | None:
    """The table of rows (parameter, states..., gradient); None where the kernels do not serve.

    That is where arrays lie in pieces, cannot be written or share memory: the order of writing
    would count.
    """
    if not rows or not covered(rows):
        return None
    if not all(a.flags.writeable for row in rows for a in row[:-1]):
        return None
    table = Table(rows)
    written = table.addresses[:, :-1]
    return table if apart(written, table.sizes, table.dtype.itemsize) else None


@within
def at(address, start, count, like):
    """`count` numbers of the array at an address, from `start` on."""
    size = like.itemsize
    return numba.carray(pointer(address + start * size), count, like.dtype)


# --- stochastic gradient descent ------------------------------------------------------------------


@rounded
def sgd(task, first, last, part):
    """The rule of SGD; settings: sign of the gradient, lr, momentum, 1 - dampening, decay."""
    addresses, sizes, ends, settings, with_momentum, nesterov = arguments(task)
    sign, lr, momentum, share, decay = settings
    row = 0
    for block in range(first, last):
        while ends[row] <= block:
            row += 1
        start = (block - ends[row]) * BLOCK + -(-sizes[row] // BLOCK) * BLOCK
        count = min(BLOCK, sizes[row] - start)
        p = at(addresses[row, 0], start, count, settings)
        buffer = at(addresses[row, -2], start, count, settings)  # p itself without momentum
        grad = at(addresses[row, -1], start, count, settings)
        for i in range(count):
            g = sign * grad[i] + decay * p[i]
            if with_momentum:
                b = momentum * buffer[i] + share * g
                buffer[i] = b
                g = g + momentum * b if nesterov else b
            p[i] -= lr * g


def sgd_step(rows, *, sign, lr, momentum, dampening, weight_decay, nesterov):
    """Change the parameters of rows (parameter, momentum_buffer, gradient); without momentum
    (parameter, gradient)."""
    table = table_of(rows)
    if table is None:
        return refused(TAKEN)
    settings = np.array([sign, lr, momentum, 1.0 - dampening, weight_decay], table.dtype)
    work = int(table.sizes.sum())
    with_momentum = momentum != 0
    sgd(work, table.blocks, *table.arrays(), settings, with_momentum, bool(nesterov))
    return None


# --- Adam -----------------------------------------------------------------------------------------


@rounded
def adam(task, first, last, part):
    """The rule of Adam; rates: lr / (1 - beta1^t) and 1 / √(1 - beta2^t) for each row; settings:
    sign of the gradient, 1 - beta1, 1 - beta2, eps, decay by the gradient, decay by itself."""
    addresses, sizes, ends, rates, settings = arguments(task)
    sign, new, new_square, eps, decay, shrink = settings
    row = 0
    for block in range(first, last):
        while ends[row] <= block:
            row += 1
        start = (block - ends[row]) * BLOCK + -(-sizes[row] // BLOCK) * BLOCK
        count = min(BLOCK, sizes[row] - start)
        p = at(addresses[row, 0], start, count, settings)
        mean = at(addresses[row, 1], start, count, settings)
        square = at(addresses[row, 2], start, count, settings)
        grad = at(addresses[row, 3], start, count, settings)
        rate, scale = rates[row]
        for i in range(count):
            g = sign * grad[i] + decay * p[i]
            m = mean[i] + (g - mean[i]) * new
            v = square[i] + (g * g - square[i]) * new_square
            mean[i] = m
            square[i] = v
            p[i] -= m * rate / (np.sqrt(v) * scale + eps) + shrink * p[i]


def adam_step(rows, *, sign, rates, betas, eps, decay, shrink):
    """Change the parameters of rows (parameter, exp_avg, exp_avg_sq, gradient).

    rates: for each row what both means are multiplied by, lr / (1 - beta1^t) and
    1 / √(1 - beta2^t). decay: of the weights by the gradient. shrink: of the weights by themselves.
    """
    table = table_of(rows)
    if table is None:
        return refused(TAKEN)
    kept = (1.0 - betas[0], 1.0 - betas[1])
    settings = np.array([sign, *kept, eps, decay, shrink], table.dtype)
    per_row = np.array(rates).astype(table.dtype)
    adam(int(table.sizes.sum()), table.blocks, *table.arrays(), per_row, settings)
    return None
