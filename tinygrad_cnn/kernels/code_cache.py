"""Machine code on disk, in files whose names say what it was compiled from.

Numba's own cache numbers its files and lists them in an index: two processes that compile at once
may take each other's number, and a function is compiled again where its own file has changed, not
where those have that it calls. Here the name of a file is a digest of everything the code depends
on: the bytecode of the function and of all functions of this package that it reaches, the numbers
it takes from outside, how it is compiled, for which types and processor, and by which Numba. What
is found is right, whoever wrote it; to write it twice writes the same.

Only overlays import this: it needs Numba.
"""

import contextlib
import hashlib
import inspect
import os
import pickle
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import llvmlite
import numba
import numpy as np
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from .compiling import tell

VERSIONS = (numba.__version__, llvmlite.__version__, np.__version__, sys.version)


# --- what code depends on -------------------------------------------------------------------------


def digest(function: Callable, *others: object) -> str:
    """A digest of all that the machine code of a function depends on, and of `others`, as text."""
    found = hashlib.sha256(text_of(others).encode())
    homes = {"tinygrad_cnn", *function.__module__.split(".")[:1]}
    seen, waiting = set(), [function]
    for value in waiting:  # which grows
        source = inspect.unwrap(value) if callable(value) else value
        if not isinstance(source, FunctionType):
            found.update(text_of(source).encode())
        elif id(source) not in seen and source.__module__.partition(".")[0] in homes:
            seen.add(id(source))
            found.update(repr((source.__qualname__, text_of(options_of(value)))).encode())
            waiting += used(source)
            if source is value and value is not function:  # Numba compiles another in its place
                waiting += functions_of(sys.modules[source.__module__])
    return found.hexdigest()


def used(function: FunctionType) -> Iterator[object]:
    """What a function is made of: its code, what it has enclosed, and the globals that it names."""
    yield function.__defaults__
    yield from (cell.cell_contents for cell in function.__closure__ or ())
    for code in codes(function.__code__):
        yield code.co_code
        yield code.co_names
        yield tuple(c for c in code.co_consts if not isinstance(c, CodeType))
        for name in code.co_names:
            if name in function.__globals__:
                yield function.__globals__[name]


def codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those that are defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def functions_of(module: ModuleType) -> list[Callable]:
    """The plain functions that a module defines."""
    found = vars(module).values()
    return [f for f in found if isinstance(f, FunctionType) and f.__module__ == module.__name__]


def options_of(value: Callable) -> object:
    """How a decorated function is compiled."""
    return getattr(value, "targetoptions", None)


def hashed(text: str) -> str:
    """The digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def text_of(value: object) -> str:
    """A text that is the same in every process, and another for another value."""
    if isinstance(value, dict):
        value = sorted((text_of(k), text_of(v)) for k, v in value.items())
    elif isinstance(value, (set, frozenset)):
        value = sorted(map(text_of, value))
    elif isinstance(value, (tuple, list)):
        value = list(map(text_of, value))
    elif isinstance(value, np.ndarray):
        value = (value.dtype.str, value.shape, value.tobytes())
    elif isinstance(value, (type, ModuleType)):
        value = (value.__name__, getattr(value, "_fields", ()))
    text = f"{type(value).__name__} {value!r}"
    return type(value).__name__ if " at 0x" in text else text


# --- files ----------------------------------------------------------------------------------------


class CodeCache(FunctionCache):
    """Where the machine code of one function is kept, in the folder that Numba chooses.

    options: how the function is compiled.

    Raises: RuntimeError where no folder can be written to.
    """

    def __init__(self, function: Callable, options: dict) -> None:
        super().__init__(function)
        self.function = function
        self.name = function.__qualname__.replace(".<locals>", "")
        self.options = text_of(options)
        self.places = {}  # of what was looked for, by the types

    def place(self, signature: object, target: tuple) -> tuple[str, str]:
        """How the names of files begin that have the code for these types and this processor, by
        whichever version of the function; and the file's own name."""
        name = f"{self.function.__module__.rpartition('.')[2]}.{self.name}"
        name = name.replace("<", "").replace(">", "")
        enclosed = [cell.cell_contents for cell in self.function.__closure__ or ()]
        which = (str(signature), target, self.options)
        begin = f"{name}-{hashed(text_of((which, enclosed)))[:12]}-"
        return begin, f"{begin}{digest(self.function, which, VERSIONS)[:32]}.nbc"

    def load(self, signature: object, target: tuple) -> object:
        """What was saved, or None."""
        found = self.places[str(signature)] = self.place(signature, target)
        try:
            return pickle.loads(Path(self.cache_path, found[1]).read_bytes())
        except (OSError, EOFError, pickle.UnpicklingError):
            tell(self.name, True)
            return None

    def save(self, signature: object, content: object) -> None:
        """Keep what was compiled, as it had not been found. Where that fails the next process
        compiles again."""
        with contextlib.suppress(OSError):
            replace(Path(self.cache_path), *self.places[str(signature)], dumps(content))

    def load_overload(self, sig: object, target_context: object) -> object:
        """The code of a function of Numba's, or None. What Numba knows of Python and NumPy is not
        needed for it."""
        rtsys.initialize(target_context)
        content = self.load(sig, target_context.codegen().magic_tuple())
        return None if content is None else self._impl.rebuild(target_context, content)

    def save_overload(self, sig: object, data: object) -> None:
        """Keep the code of a function of Numba's."""
        if self._impl.check_cachable(data):  # it is translated, at the latest now
            self.save(sig, self._impl.reduce(data))
        tell(self.name, False)


def replace(folder: Path, begin: str, name: str, content: bytes) -> None:
    """Make the file `name` appear whole, or not at all, and remove others that begin alike."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{name}.{uuid.uuid4().hex}"
    try:
        draft.write_bytes(content)
        os.replace(draft, folder / name)
    finally:
        draft.unlink(missing_ok=True)
    for older in folder.glob(f"{begin}*.nbc"):
        if older.name != name:
            older.unlink(missing_ok=True)
