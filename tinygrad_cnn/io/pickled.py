"""Pickles without their danger: a reader that knows plain values and runs nothing.

A pickle is a program for a small stack machine, and Python's own machine calls whatever function
the program names. This one has no way to import or to call: a name in a pickle is looked up in a
table of ours, which says what stands for it, and all else is refused by its name. Opcodes that
files of plain values do not need (classes with their own state, say) are refused as well.

What comes out is a nesting of dict, list, tuple, set, str, bytes, numbers, None, NumPy arrays and
what the caller's own table makes. It is checked to be finite: at most DEPTH levels, nowhere inside
itself, and without the trick of ten lists that hold each other ten times.
"""

import io
import math
import pickletools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

DEPTH = 100  # levels of nesting, as in files that save writes
STEPS = 2_000_000  # opcodes in a pickle, and values in what it describes; a tensor takes about 30
AXES = 64  # of an array, at most: NumPy's limit
KEY_BITS = 64  # of a whole number that is a key: longer ones can be chosen to make dicts slow


@dataclass(frozen=True)
class Maker:
    """What stands for a function that a pickle may name: ours, called with the arguments it has."""

    name: str
    make: Callable[..., object]


class Making:
    """Something that is not finished yet, and has to be one thing wherever a pickle recalls it."""

    def ready(self) -> object:
        """What it has become."""
        raise NotImplementedError(f"{type(self).__name__} has to define ready")


class Bounded:
    """A stream that is never asked for more than it has, for files make room before they look."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.tell = stream.tell
        self.readline = stream.readline
        start = stream.tell()
        self.end = stream.seek(0, io.SEEK_END)
        stream.seek(start)

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or as many as there are."""
        return self.stream.read(min(size, self.end - self.stream.tell()))


class Machine:
    """The stack machine of pickles, with `known` for what a pickle may name.

    persistent: makes a value of an id that refers to something outside of the pickle.
    """

    def __init__(self, known: Mapping[str, object], persistent: Callable[[object], object]) -> None:
        self.known = known
        self.persistent = persistent
        self.stack = []
        self.marks = []  # how long the stack was at each MARK that is still open
        self.memo = {}

    def run(self, stream: BinaryIO) -> object:
        """The value that the pickle at the place of `stream` describes, which is left behind it.

        Raises: ValueError if the pickle is damaged, or asks for more than plain values.
        """
        try:
            for count, (opcode, argument, _) in enumerate(pickletools.genops(Bounded(stream))):
                if count == STEPS:
                    raise ValueError(f"its pickle has more than {STEPS:,} opcodes")
                self.step(opcode.name, argument)
        except UnicodeError as error:
            raise ValueError("its pickle is damaged: a text in it breaks its encoding") from error
        return self.take(1)[0]

    def step(self, opcode: str, argument: Any) -> None:
        """Do what one opcode says."""
        push = self.stack.append
        match opcode:
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.top()
            case "BINGET" | "LONG_BINGET":
                push(self.remembered(argument))
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                push(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8":
                push(argument)
            case "SHORT_BINBYTES" | "BINBYTES" | "BINBYTES8":
                push(argument)
            case "SHORT_BINSTRING" | "BINSTRING":  # Python 2's; pickletools makes Latin-1 of them
                push(argument.encode("latin-1").decode())
            case "MARK":
                self.marks.append(len(self.stack))
            case "TUPLE":
                push(tuple(self.since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                push(tuple(self.take(int(opcode[-1]))))
            case "NONE":
                push(None)
            case "NEWTRUE" | "NEWFALSE":
                push(opcode == "NEWTRUE")
            case "EMPTY_TUPLE":
                push(())
            case "EMPTY_LIST":
                push([])
            case "EMPTY_DICT":
                push({})
            case "EMPTY_SET":
                push(set())
            case "GLOBAL":
                push(self.named(argument.replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                push(self.named(".".join(texts(self.take(2)))))
            case "BINPERSID":
                push(self.persistent(*self.take(1)))
            case "REDUCE":
                push(called(*self.take(2)))
            case "BUILD":
                [state] = self.take(1)
                build(self.top(), state)
            case "SETITEM" | "SETITEMS":
                items = self.take(2) if opcode == "SETITEM" else self.since_mark()
                self.grow(dict, items, opcode).update(pairs(items))
            case "APPEND" | "APPENDS":
                items = self.take(1) if opcode == "APPEND" else self.since_mark()
                self.grow(list, items, opcode).extend(items)
            case "ADDITEMS":
                items = self.since_mark()
                self.grow(set, items, opcode).update(map(key, items))
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.top()
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                raise ValueError(f"its pickle uses {opcode}, which plain values do not need")

    def top(self) -> object:
        """The value that was pushed last."""
        [value] = self.take(1)
        self.stack.append(value)
        return value

    def take(self, count: int) -> list:
        """The last `count` values, which leave the stack."""
        start = len(self.stack) - count
        if start < (self.marks[-1] if self.marks else 0):
            raise ValueError("its pickle is damaged: it uses a value that is not there")
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def since_mark(self) -> list:
        """All values behind the last mark, which leave the stack with it."""
        if not self.marks:
            raise ValueError("its pickle is damaged: it uses a mark that is not there")
        values = self.stack[self.marks[-1] :]
        del self.stack[self.marks.pop() :]
        return values

    def remembered(self, index: int) -> object:
        """What was put in the memo under `index`."""
        if index not in self.memo:
            raise ValueError(f"its pickle is damaged: it recalls value {index}, which is not there")
        return self.memo[index]

    def grow(self, kind: type, items: list, opcode: str) -> Any:
        """The container on top of the stack, which gets `items`."""
        target = self.top()
        if type(target) is not kind:
            raise ValueError(f"its pickle is damaged: {opcode} found a {type(target).__name__}")
        return target

    def named(self, name: str) -> object:
        """What stands for `name`, with which a pickle asks for a function or a class."""
        if name not in self.known:
            plain = name if name.isprintable() and len(name) < 100 else ascii(name[:100])
            raise ValueError(
                f"its pickle asks for {plain}, which is no part of tensors and plain values; "
                "nothing in a file is ever run"
            )
        return self.known[name]


def called(maker: object, arguments: object) -> object:
    """What our function makes of these arguments."""
    if not isinstance(maker, Maker) or type(arguments) is not tuple:
        raise ValueError(f"its pickle is damaged: it calls a {type(maker).__name__}")
    try:
        return maker.make(*arguments)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"its pickle gives {maker.name} arguments it does not take") from error


def build(target: object, state: object) -> None:
    """Give `target` what is left to say about it.

    Dicts get nothing: OrderedDicts have attributes, in which PyTorch notes versions of layers.
    """
    if isinstance(target, (NumpyType, NumpyArray)):
        try:
            target.set(*state)
        except TypeError as error:
            raise ValueError("its pickle is damaged: a NumPy value has an unknown form") from error
    elif type(target) is not dict:
        raise ValueError(f"its pickle sets attributes of a {type(target).__name__}")


def texts(values: Sequence) -> Sequence[str]:
    """`values`, which are all texts."""
    if any(type(value) is not str for value in values):
        raise ValueError("its pickle is damaged: a name in it is no text")
    return values


def pairs(items: list) -> list[tuple]:
    """Keys and values that lie one after the other, two by two."""
    if len(items) % 2:
        raise ValueError("its pickle is damaged: a dict has a key without a value")
    return [(key(k), value) for k, value in zip(items[::2], items[1::2], strict=True)]


def key(k: object) -> object:
    """`k`, which can be a key of a dict or a member of a set."""
    if type(k) not in (str, int, float, bool, type(None)):
        raise ValueError(f"its pickle has a {type(k).__name__} as a key; keys are texts or numbers")
    if type(k) is int and k.bit_length() > KEY_BITS:
        raise ValueError(f"its pickle has a key of {k.bit_length()} bits")
    return k


# --- NumPy's values ---

NUMPY_CODES = {"b1", "f2", "f4", "f8"} | {f"{sign}{n}" for sign in "iu" for n in (1, 2, 4, 8)}


class NumpyType(Making):
    """A NumPy dtype in the making: its byte order comes later."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        texts([code])
        if code not in NUMPY_CODES:
            raise ValueError(f"its pickle has NumPy values of type {code!r}, which are no numbers")
        self.dtype = np.dtype(code)

    def set(self, version: object, order: str, *rest: object) -> None:
        """Take the byte order, one of <, >, | and =."""
        if order not in ("<", ">", "|", "="):
            raise ValueError("its pickle has NumPy values of an unknown byte order")
        self.dtype = self.dtype.newbyteorder(order)

    def ready(self) -> np.dtype:
        """The dtype."""
        return self.dtype

    def array(self, shape: object, content: object, order: str = "C") -> np.ndarray:
        """The array with these bytes."""
        if type(content) is not bytes or type(shape) is not tuple:
            raise TypeError("an array takes a shape and bytes")
        if len(shape) > AXES or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError("its pickle has a NumPy array whose shape is none")
        if math.prod(shape) * self.dtype.itemsize != len(content):
            raise ValueError(
                f"its pickle has {len(content)} bytes for a NumPy array {shape} of {self.dtype}"
            )
        flat = np.frombuffer(content, self.dtype).astype(self.dtype.newbyteorder("="))
        return flat.reshape(shape, order=order)


class NumpyArray(Making):
    """A NumPy array in the making: everything about it comes later."""

    def __init__(self, kind: object, shape: object, code: object) -> None:
        self.array = None

    def set(self, version: int, shape: tuple, kind: NumpyType, fortran: bool, data: bytes) -> None:
        """Take shape, dtype, order and bytes."""
        if not isinstance(kind, NumpyType):
            raise TypeError("an array takes a dtype")
        self.array = kind.array(shape, data, "F" if fortran else "C")

    def ready(self) -> np.ndarray:
        """The array."""
        if self.array is None:
            raise ValueError("its pickle is damaged: it has a NumPy array without numbers")
        return self.array


def numpy_scalar(kind: NumpyType, content: bytes) -> np.generic:
    """The NumPy number with these bytes."""
    return kind.array((), content)[()]


def encoded(text: str, encoding: str) -> bytes:
    """Bytes, which protocol 2 writes as Latin-1 text."""
    if encoding != "latin1":
        raise TypeError("bytes are written as Latin-1 text")
    return text.encode("latin1")


def no_bytes() -> bytes:
    """No bytes, which protocol 2 writes in a way of its own."""
    return b""


def mapping(content: object = None) -> dict:
    """A dict: of nothing, of another dict, or of pairs, which an OrderedDict may be given."""
    if type(content) is dict or content is None:
        return {} if content is None else content.copy()
    return dict(pairs([part for pair in content for part in two(pair)]))


def two(pair: object) -> Sequence:
    """A list or tuple of two."""
    if type(pair) not in (list, tuple) or len(pair) != 2:
        raise TypeError("a dict is made of pairs")
    return pair


def members(content: list) -> set:
    """A set."""
    return set(map(key, content))


MAKERS = {
    "collections.OrderedDict": mapping,
    "collections.Counter": mapping,
    "builtins.set": members,
    "__builtin__.set": members,
    "_codecs.encode": encoded,
    "builtins.bytes": no_bytes,
    "__builtin__.bytes": no_bytes,
    "numpy.dtype": NumpyType,
    "numpy.core.multiarray.scalar": numpy_scalar,
    "numpy._core.multiarray.scalar": numpy_scalar,
    "numpy.core.multiarray._reconstruct": NumpyArray,
    "numpy._core.multiarray._reconstruct": NumpyArray,
}
KNOWN = {name: Maker(name, make) for name, make in MAKERS.items()}
KNOWN["numpy.ndarray"] = "numpy.ndarray"  # an argument of _reconstruct, nothing more


# --- the finished value ---


def finished(value: object, plain: tuple[type, ...]) -> object:
    """`value` with its NumPy arrays in place, if it is a finite nesting of plain values.

    plain: the types that may be in it beside containers, texts and numbers.

    Raises: ValueError if it holds anything else, or itself, or is nested too deep.
    """
    plain = (str, bytes, int, float, bool, type(None), np.generic, np.dtype, *plain)
    copies = {}  # of containers that are complete: by id, with their height and size
    originals = []  # they stay alive, so that no other container gets the same id

    def copy(x: object, depth: int) -> tuple[object, int, int]:
        """`x` copied, its height, and how many values it would have if written out."""
        if isinstance(x, Making):
            return x.ready(), 0, 1
        if type(x) not in (dict, list, tuple, set):
            if not isinstance(x, plain):
                what = x.name if isinstance(x, Maker) else type(x).__name__
                raise ValueError(f"its pickle holds {what}, which is no plain value")
            return x, 0, 1
        height = 0
        if id(x) not in copies:
            if depth == DEPTH:
                raise ValueError(f"its pickle nests more than {DEPTH} levels deep, or in itself")
            parts = [copy(item, depth + 1) for item in (x.values() if type(x) is dict else x)]
            items = [item for item, _, _ in parts]
            whole = dict(zip(x, items, strict=True)) if type(x) is dict else type(x)(items)
            height = 1 + max((height for _, height, _ in parts), default=0)
            copies[id(x)] = whole, height, 1 + sum(size for _, _, size in parts)
            originals.append(x)
        whole, height, size = copies[id(x)]
        if depth + height > DEPTH:
            raise ValueError(f"its pickle nests more than {DEPTH} levels deep")
        if size > STEPS:
            raise ValueError(f"its pickle describes more than {STEPS:,} values")
        return whole, height, size

    return copy(value, 0)[0]
