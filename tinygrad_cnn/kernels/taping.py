"""Calls on the CPU, written down as they are made, so that they can be made again on new numbers.

What is written down are the calls of kernels and of rules, by the gates that make them, and of what
`capture.noted` names. A call is repeated in one of two ways. Where all that it did was to have
machine code launched, the launches are repeated, on the same memory: then nothing of Python is
left. Otherwise the function is called again, and its results are copied to where the first lie.

Which of the two is right is not declared but tried out. The call is made once more with other
numbers in its arguments, its launches are repeated with these numbers, and both must have written
the same bits everywhere. So a kernel that computes something with NumPy between its launches is
found out, and called.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .capture import HERE, HOLDING

ONE = threading.RLock()  # gates are told to write down what they call, for one recording at a time
TAPED: list[bool] = []  # one entry while a step is recorded


class Launch(NamedTuple):
    """Machine code by its address, the address of the words it reads, its items, and in how many
    parts they are done."""

    code: int
    words: int
    items: int
    parts: int


class Drawn(int):
    """A number that names a draw. `read` says which one names it at a replay."""

    read: Callable[[], int]

    def __new__(cls, value: int, read: Callable[[], int]) -> "Drawn":
        """A number that is `value` now."""
        self = super().__new__(cls, value)
        self.read = read
        return self


# --- arrays among arguments and results -----------------------------------------------------------


def arrays_in(*trees: object) -> list[np.ndarray]:
    """The arrays in tuples, lists and dictionaries, and in what a tuple has beside its items, each
    once, in their order."""
    found = {}
    waiting = [*reversed(trees)]
    while waiting:
        x = waiting.pop()
        if isinstance(x, np.ndarray):
            found[id(x)] = x
        elif isinstance(x, (tuple, list)):
            waiting += reversed([*x, *getattr(x, "__dict__", {}).values()])
        elif isinstance(x, dict):
            waiting += reversed(x.values())
    return [*found.values()]


def replaced(tree: object, change: Callable[[object], object]) -> object:
    """A tree of tuples, lists and dictionaries with its leaves changed."""
    if type(tree) in (tuple, list):
        return type(tree)([replaced(x, change) for x in tree])
    if type(tree) is dict:
        return {name: replaced(x, change) for name, x in tree.items()}
    return change(tree)


def lasting(x: object) -> object:
    """A number of NumPy's as an array, which has a place; anything else as it is."""
    return np.asarray(x) if isinstance(x, np.generic) else x


def current(x: object) -> object:
    """The name of a draw as it is now; anything else as it is."""
    return x.read() if isinstance(x, Drawn) else x


def owner(a: np.ndarray) -> np.ndarray:
    """The array that owns the memory of a."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def root(a: np.ndarray) -> int:
    """Which array owns the memory of a."""
    return id(owner(a))


def holds_draw(tree: object) -> bool:
    """Whether a draw is named somewhere in a tree."""
    if isinstance(tree, (tuple, list)):
        return any(map(holds_draw, tree))
    if isinstance(tree, dict):
        return any(map(holds_draw, tree.values()))
    return isinstance(tree, Drawn)


# --- trying out -----------------------------------------------------------------------------------


def copies(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Their numbers, as they are now."""
    return [a.copy("K") for a in arrays]


def put_back(arrays: list[np.ndarray], numbers: list[np.ndarray]) -> None:
    """Write numbers into arrays."""
    for a, b in zip(arrays, numbers, strict=True):
        if a.flags.writeable:
            a[...] = b


def is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays have the same bits."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def are_same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    """Whether arrays have the same bits, one by one."""
    return len(some) == len(others) and all(map(is_same, some, others))


def others(numbers: np.ndarray, i: int) -> np.ndarray:
    """Other numbers that are as good as these: the same in another order, floats changed too.

    i: which argument they are, since of equal arguments the other numbers should differ. Indices
    and labels stay within what they were taken from.
    """
    moved = np.roll(numbers, i + 1) if numbers.ndim else numbers.copy()
    if numbers.dtype.kind == "f":
        moved = (moved * 0.75 + 0.125 * (i + 1)).astype(numbers.dtype)
    return moved


def spoil(arrays: list[np.ndarray]) -> None:
    """Write what no kernel would have written."""
    for a in arrays:
        a[...] = np.nan if a.dtype.kind in "fc" else ~a if a.dtype.kind in "biu" else a


# --- the calls ------------------------------------------------------------------------------------


class Again:
    """A function to be called at each replay, and where its results go.

    targets: (which of the arrays in the result, the array that gets its numbers).
    """

    def __init__(self, f: Callable, args: tuple, named: dict, targets: list) -> None:
        self.f = f
        self.args = args
        self.named = named
        self.targets = targets
        self.draws = holds_draw((args, named))

    def __call__(self) -> None:
        """The call.

        Raises: RuntimeError where a result has another shape than the first had.
        """
        args, named = self.args, self.named
        if self.draws:
            args, named = replaced((args, named), current)
        result = self.f(*args, **named)
        found = (
            (result,) if isinstance(result, np.ndarray) else arrays_in(replaced(result, lasting))
        )
        for i, target in self.targets:
            new = found[i]
            if new.shape != target.shape:
                raise RuntimeError(
                    "graph_step: a result changed its shape with the numbers of the step, from "
                    f"{target.shape} to {new.shape}; such a step cannot be recorded"
                )
            target[...] = new


class Calls:
    """The calls of a step, in their order.

    parts: launches, and functions of no arguments. held: all memory that they need, by id. taken:
    the arrays among the arguments of calls; made: the ids of those that calls have made. given: of
    those that somebody owns. watched: the arrays whose numbers a recording relies on, by the ids of
    the owners of their memory; digesting: what makes the function that digests them.
    rooms: memory that each outermost call may use anew, of which `used` are in use.
    """

    def __init__(self) -> None:
        self.parts: list[Launch | Callable] = []
        self.held: dict[int, object] = {}
        self.taken: dict[int, np.ndarray] = {}
        self.made: set[int] = set()
        self.depth = 0
        self.rooms: list[np.ndarray] = []
        self.used = 0
        self.watched: dict[int, np.ndarray] = {}
        self.digesting: Callable | None = None
        self.given: set[int] = set()

    def hold(self, thing: object) -> None:
        """Keep a thing alive as long as the recording."""
        self.held[id(thing)] = thing

    def room(self, size: int) -> np.ndarray:
        """Memory for so many float32 numbers until the outermost call returns; those after it use
        the same, as they would without a recording."""
        if self.used == len(self.rooms) or self.rooms[self.used].size < size:
            self.rooms.insert(self.used, np.empty(size, np.float32))
            self.hold(self.rooms[self.used])
        self.used += 1
        return self.rooms[self.used - 1][:size]

    def launch(self, launch: Launch, words: object) -> None:
        """Write a launch down; words: what lies at the address of its words."""
        self.hold(words)
        self.parts.append(launch)

    def call(self, f: Callable, *args: Any, **named: Any) -> Any:
        """f(*args, **named), written down."""
        begin = len(self.parts)
        taken = arrays_in(args, named)
        before = copies(taken)
        self.depth += 1
        try:
            made = Made(f(*args, **named), taken)
        finally:
            self.depth -= 1
        trial = Trial(self, functools.partial(f, *args, **named), taken, before, made)
        parts = self.parts[begin:]
        tried = trial.is_worth_it(parts)
        if not (tried and trial.succeeds(parts)):
            if tried:  # what it left behind is not all known
                put_back(taken, before)
                with self.resting():
                    made = Made(f(*args, **named), taken)
            made.fix()
            self.parts[begin:] = [Again(f, args, named, made.targets)]
        for a in (*taken, *made.found):
            self.hold(a)
        if not self.depth:  # others were made by calls, or for them
            self.taken.update((id(a), a) for a in taken)
            kept = {root(a) for _, a in made.targets}
            self.rooms = [room for room in self.rooms if id(room) not in kept]
            self.used = 0
        self.made |= {id(a) for _, a in made.targets}
        return made.result

    def watch(self, arrays: list[np.ndarray], digesting: Callable) -> None:
        """Rely on the numbers of these arrays."""
        self.watched.update((root(a), a) for a in arrays)
        self.digesting = digesting

    def digest(self) -> object:
        """The digest of what the recording relies on, or None."""
        return None if self.digesting is None else self.digesting()

    def finish(self) -> list[Callable]:
        """The calls as functions of no arguments; launches in a row are one."""
        if self.watched:
            self.digesting = self.digesting(*self.watched.values())
        return grouped(self.parts)

    def owned(self, a: np.ndarray) -> np.ndarray:
        """a, or a copy, as memory that nobody else was given: a recording holds what it makes, so
        counting references would not say."""
        if id(a) in self.made and a.base is None and id(a) not in self.given:
            self.given.add(id(a))
            return a
        return self.call(np.copy, a)

    def outside(self) -> list[np.ndarray]:
        """The arrays that calls read or write and none of them made, nor a view of such."""
        made = {root(self.held[i]) for i in self.made}
        return [a for i, a in self.taken.items() if i not in self.made and root(a) not in made]

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Within, nothing of this thread is written down."""
        before = HERE.calls
        HERE.calls = None
        holding = HOLDING[:]
        HOLDING.clear()
        try:
            yield
        finally:
            HERE.calls = before
            HOLDING[:] = holding


class Made:
    """What a call has made.

    result: with arrays in the place of NumPy's numbers. found: the arrays in it. targets: those of
    them that are no views of arguments, by their places in `found`.
    """

    def __init__(self, result: object, taken: list[np.ndarray]) -> None:
        self.result = replaced(result, lasting)
        self.found = arrays_in(self.result)
        roots = set(map(root, taken))
        self.targets = [(i, a) for i, a in enumerate(self.found) if root(a) not in roots]

    def fix(self) -> None:
        """Have arrays that can be written, and lie alike, for those that cannot, as where one
        number stands for many."""
        fixed = {id(a): a.copy("K") for _, a in self.targets if not a.flags.writeable}
        if fixed:
            self.result = replaced(self.result, lambda x: fixed.get(id(x), x))
            self.found = [fixed.get(id(a), a) for a in self.found]
            self.targets = [(i, fixed.get(id(a), a)) for i, a in self.targets]


class Trial:
    """Whether parts repeat a call on other numbers, tried out.

    again: the call. taken, before: the arrays among its arguments, and their numbers before it.
    made: what it has made.
    """

    def __init__(
        self,
        calls: Calls,
        again: functools.partial,
        taken: list[np.ndarray],
        before: list[np.ndarray],
        made: Made,
    ) -> None:
        self.calls = calls
        self.again = again
        self.taken = taken
        self.before = before
        self.made = made

    def is_worth_it(self, parts: list) -> bool:
        """Whether the parts may repeat the call, as far as can be said without trying."""
        if holds_draw((self.again.args, self.again.keywords)):
            return False
        movable = [a for a in self.taken if root(a) not in self.calls.watched]
        return all(a.flags.writeable for a in movable) and (bool(parts) or self.is_view())

    def is_view(self) -> bool:
        """Whether the result is nothing but new views of arguments."""
        known = set(map(id, self.taken))
        found = set(map(id, self.made.found))
        return not self.made.targets and bool(found) and not known & found

    def succeeds(self, parts: list) -> bool:
        """Whether these parts repeat the call; all numbers are then as they were behind it."""
        results = [a for _, a in self.made.targets]
        after = copies(self.taken), copies(results)
        try:
            with self.calls.resting(), np.errstate(all="ignore"):
                if not self.is_repeated(parts, results):
                    return False
                put_back(self.taken, self.before)
                return self.do_write(parts, results, *after)
        except Exception:  # other numbers may be wrong ones, such as a class that there is not
            return False

    def is_repeated(self, parts: list, results: list[np.ndarray]) -> bool:
        """Whether the parts do with other numbers what the call does."""
        self.move()
        found = Made(self.again(), self.taken).found
        if len(found) != len(self.made.found):
            return False
        own = {i for i, _ in self.made.targets}
        for i, (a, b) in enumerate(zip(found, self.made.found, strict=True)):
            if i not in own and place(a) != place(b):
                return False
        taken, made = copies(self.taken), copies([found[i] for i in sorted(own)])
        self.move()
        return self.do_write(parts, results, taken, made)

    def do_write(self, parts: list, results: list, taken: list, made: list) -> bool:
        """Whether the parts write these numbers into arguments and results."""
        spoil([a if a.flags.writeable else owner(a) for a in results])
        for part in grouped(parts):
            part()
        return are_same(self.taken, taken) and are_same(results, made)

    def move(self) -> None:
        """Write other numbers into the arguments."""
        for i, (a, numbers) in enumerate(zip(self.taken, self.before, strict=True)):
            if root(a) not in self.calls.watched:
                a[...] = others(numbers, i)


def place(a: np.ndarray) -> tuple:
    """Where an array lies and how."""
    return a.ctypes.data, a.shape, a.strides, a.dtype


def grouped(parts: list[Launch | Callable]) -> list[Callable]:
    """The parts as functions of no arguments; launches in a row are one."""
    found: list[Callable] = []
    row: list[Launch] = []
    for part in (*parts, None):
        if isinstance(part, Launch):
            row.append(part)
            continue
        if row:
            from .burst import Burst

            found.append(Burst(row))
            row = []
        if part is not None:
            found.append(part)
    return found


# --- what is called while a step is recorded ------------------------------------------------------


def taped(f: Callable) -> Callable:
    """f, whose calls are written down where the thread that calls is recording."""

    @functools.wraps(f)
    def call(*args, **named):
        if HERE.calls is None:
            return f(*args, **named)
        return HERE.calls.call(f, *args, **named)

    return call


@contextlib.contextmanager
def writing(calls: Calls, gates: list) -> Iterator[None]:
    """Within, what this thread computes is written down."""
    with ONE:
        pulls = [gate.pull for gate in gates]
        TAPED.append(True)
        for gate in gates:
            gate.kernels.pop(np.ndarray, None)
            if gate.pull is not None:
                gate.pull = taped(gate.pull)
        HERE.calls = calls
        HOLDING.append(calls.hold)
        try:
            yield
        finally:
            HERE.calls = None
            HOLDING.remove(calls.hold)
            TAPED.pop()
            for gate, pull in zip(gates, pulls, strict=True):
                gate.pull = pull
                gate.kernels.pop(np.ndarray, None)
