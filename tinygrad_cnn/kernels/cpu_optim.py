"""The step of an optimiser in one sweep over all parameters, their gradients and states.

Arrays stay where they are: a table holds their addresses. They are cut into blocks, which threads
share; each number is read once and written once. Formulas round as those of the rules in `optim`
do, and so give the same numbers.
"""

import functools
import weakref

import numpy as np
from numba import types
from numba.extending import intrinsic

from .compiled import FLOATS
from .parallel import arguments, shared
from .served import refused
from .workers import address

BLOCK = 16384  # numbers in a block
TAKEN = "parameters lie in pieces, share memory, cannot be written or are not all of one dtype"
rounded = functools.partial(shared, fastmath=frozenset())


class Table:
    """Arrays by address, and how they are cut: one row for each parameter.

    written: references to the arrays that are written, row by row; addresses: of all arrays, those
    of the gradients last. ends: how many blocks there are up to each row's last one; blocks: in
    all. work: how many numbers there are. dtype: that of all arrays.
    """

    def __init__(self, rows: list[tuple[np.ndarray, ...]]) -> None:
        self.written = [[weakref.ref(a) for a in row[:-1]] for row in rows]
        self.addresses = np.array([[address(a) for a in row] for row in rows], np.int64)
        self.places = self.addresses[:, :-1].tolist()
        self.sizes = np.array([row[0].size for row in rows], np.int64)
        self.ends = np.cumsum(-(-self.sizes // BLOCK))
        self.blocks = int(self.ends[-1])
        self.work = int(self.sizes.sum())
        self.dtype = rows[0][0].dtype

    def is_of(self, rows: list[tuple[np.ndarray, ...]]) -> bool:
        """Whether these are the arrays that it was made for, and lie where they lay."""
        if len(rows) != len(self.written):
            return False
        for row, held, places in zip(rows, self.written, self.places, strict=True):
            if len(row) != len(held) + 1:
                return False
            for a, reference, place in zip(row, held, places):  # noqa: B905  the gradient is left
                if reference() is not a or address(a) != place or not a.flags.writeable:
                    return False
        return True

    def with_gradients(self, rows: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        """What the kernels read of the table for these gradients: addresses, sizes, ends."""
        addresses = self.addresses.copy()
        addresses[:, -1] = [address(row[-1]) for row in rows]
        return addresses, self.sizes, self.ends


LAST: dict[int, Table] = {}  # by the id of its first parameter, while that lives


def is_whole(a: object, like: np.ndarray) -> bool:
    """Whether a is an array in one piece, of the shape and dtype of another."""
    if type(a) is not np.ndarray or a.dtype != like.dtype or a.shape != like.shape:
        return False
    return a.flags.c_contiguous and a.flags.aligned


def apart(addresses: np.ndarray, sizes: np.ndarray, itemsize: int) -> bool:
    """Whether no two of these arrays share memory."""
    starts = addresses.ravel()
    ends = (addresses + (sizes * itemsize)[:, None]).ravel()
    order = np.argsort(starts, kind="stable")
    return bool(np.all(ends[order][:-1] <= starts[order][1:]))


def table_of(rows: list[tuple[np.ndarray, ...]]) -> Table | None:
    """The table of rows (parameter, states..., gradient); None where the kernels do not serve.

    That is where arrays lie in pieces, cannot be written or share memory: the order of writing
    would count. Parameters and states are looked at once, gradients at every step.
    """
    if not rows or not all(is_whole(row[-1], row[0]) for row in rows):
        return None
    first = rows[0][0]
    table = LAST.get(id(first))
    if table is not None and table.is_of(rows):
        return table
    written = [a for row in rows for a in row[:-1]]
    if first.dtype not in FLOATS or not all(a.dtype == first.dtype for a in written):
        return None
    if not all(is_whole(a, row[0]) and a.flags.writeable for row in rows for a in row[:-1]):
        return None
    table = Table(rows)
    if not apart(table.addresses[:, :-1], table.sizes, table.dtype.itemsize):
        return None
    if id(first) not in LAST:
        weakref.finalize(first, LAST.pop, id(first), None)
    LAST[id(first)] = table
    return table


@intrinsic
def at(typing, address, start, like):
    """Numbers of the array at an address, from `start` on, to be read and written as p[i]; they are
    of the kind of another array's."""
    kind = types.CPointer(like.dtype)

    def generate(context, b, signature, given):
        return b.gep(b.inttoptr(given[0], context.get_value_type(kind)), [given[1]])

    return kind(types.int64, types.int64, like), generate


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
        p = at(addresses[row, 0], start, settings)
        buffer = at(addresses[row, -2], start, settings)  # p itself without momentum
        grad = at(addresses[row, -1], start, settings)
        for i in range(count):
            g = sign * grad[i] + decay * p[i]
            if with_momentum:
                b = momentum * buffer[i] + share * g
                buffer[i] = b
                g = g + momentum * b if nesterov else b
            p[i] -= lr * g


def sgd_step(rows, *, sign, lr, momentum, dampening, weight_decay, nesterov):
    """Change the parameters of rows (parameter, momentum_buffer, gradient); without momentum
    (parameter, gradient).

    Returns: a function that gives the step, where it is recorded, other settings.
    """
    table = table_of(rows)
    if table is None:
        return refused(TAKEN)
    numbers = np.array([sign, lr, momentum, 1.0 - dampening, weight_decay], table.dtype)
    with_momentum = momentum != 0
    arrays = table.with_gradients(rows)
    sgd(table.work, table.blocks, *arrays, numbers, with_momentum, bool(nesterov))

    def refresh(*, sign, lr, momentum, dampening, weight_decay, nesterov):
        numbers[:] = (sign, lr, momentum, 1.0 - dampening, weight_decay)

    return refresh


# --- Adam -----------------------------------------------------------------------------------------


@rounded
def adam(task, first, last, part):
    """The rule of Adam; rates: lr / (1 - beta1^t) and 1 / √(1 - beta2^t) for each row; settings:
    sign of the gradient, beta1, 1 - beta1, beta2, 1 - beta2, eps, decay by the gradient, decay by
    itself."""
    addresses, sizes, ends, rates, settings = arguments(task)
    sign, old, new, old_square, new_square, eps, decay, shrink = settings
    row = 0
    for block in range(first, last):
        while ends[row] <= block:
            row += 1
        start = (block - ends[row]) * BLOCK + -(-sizes[row] // BLOCK) * BLOCK
        count = min(BLOCK, sizes[row] - start)
        p = at(addresses[row, 0], start, settings)
        mean = at(addresses[row, 1], start, settings)
        square = at(addresses[row, 2], start, settings)
        grad = at(addresses[row, 3], start, settings)
        rate, scale = rates[row]
        for i in range(count):
            g = sign * grad[i] + decay * p[i]
            m = mean[i] * old + g * new
            v = square[i] * old_square + g * g * new_square
            mean[i] = m
            square[i] = v
            p[i] -= m * rate / (np.sqrt(v) * scale + eps) + shrink * p[i]


def adam_step(rows, *, sign, rates, betas, eps, decay, shrink):
    """Change the parameters of rows (parameter, exp_avg, exp_avg_sq, gradient).

    rates: for each row what both means are multiplied by, lr / (1 - beta1^t) and
    1 / √(1 - beta2^t). decay: of the weights by the gradient. shrink: of the weights by themselves.

    Returns: a function that gives the step, where it is recorded, other settings.
    """
    table = table_of(rows)
    if table is None:
        return refused(TAKEN)
    numbers, per_row = np.empty(8, table.dtype), np.empty((len(rows), 2), table.dtype)

    def refresh(*, sign, rates, betas, eps, decay, shrink):
        shares = [share for beta in betas for share in (beta, 1.0 - beta)]
        numbers[:] = (sign, *shares, eps, decay, shrink)
        per_row[:] = rates

    refresh(sign=sign, rates=rates, betas=betas, eps=eps, decay=decay, shrink=shrink)
    adam(table.work, table.blocks, *table.with_gradients(rows), per_row, numbers)
    return refresh
