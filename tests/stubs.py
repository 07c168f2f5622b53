"""Type stubs of the modules whose classes get operators and methods from a table.

    python -m tests.stubs

writes `tinygrad_cnn/tensor.pyi` and `value.pyi` from the live classes, so that editors and type
checkers see what `ops/__init__.py` attaches. A stub hides its module, so all public names of the
module are in it. Annotations are taken over; where gates have none, the tables below speak.
"""

import builtins
import dataclasses
import importlib
import inspect
import json
import re
import types
from collections.abc import Iterator
from pathlib import Path

import tinygrad_cnn

HEADER = """\
# Written by `python -m tests.stubs` from the live classes; edit those, not this file.
# ruff: noqa: E501, F401, RUF100

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from .graph import Node
from .kernels import Device as Device
from .ops.reduce import MinMax as MinMax
from .ops.reduce import Selected as Selected
from .tensor_array import Numbers as Numbers
from .tensor_node import FREED as FREED
from .tensor_node import HookedNode as HookedNode
from .tensor_node import Hooking as Hooking
from .tensor_node import RemovableHandle as RemovableHandle
from .tensor_node import TensorNode as TensorNode
from .tensor_node import lift as lift
from .tensor_node import node_of as node_of
from .tensor_node import owned as owned
"""

# The types of parameters by name, or by class or method and name, and of attributes, with a dot in
# front. A default of None adds None; what is not here is Any.
NUMBER = "float | np.generic"
NAMED = {
    f"Tensor | {NUMBER}": "Tensor.y",
    f"Value | {NUMBER}": "Value.y",
    "Tensor": "condition index tensor other mat mat1 mat2 vec vec2 batch1 batch2 dot.y outer.y "
    "matmul.y __matmul__.y __rmatmul__.y",
    "Tensor | Device | np.dtype | str": "where",
    "TensorNode | None": ".node",
    "tuple[TensorNode | None, ...]": ".parents",
    "Device | str": "device",
    "np.dtype": ".dtype",
    "np.dtype | str": "dtype",
    "int": "argmax.dim argmin.dim cumsum.dim softmax.dim log_softmax.dim correction .seq",
    "int | tuple[int, ...]": "dim source destination sizes shape",
    "int | list[int] | tuple[int, ...]": "split_size",
    "tuple[int, ...]": "unflatten.sizes .shape",
    "bool": "keepdim",
    "float": "min max negative_slope alpha value .data",
    "str | None": ".label",
}
TYPES = {name: kind for kind, names in NAMED.items() for name in names.split()}
# Whole signatures: where the result's type hangs on the arguments, and what has none to be read.
ALL = "self, dim: None = None"
PAIR = ("self, dim: int, keepdim: bool = False", "Selected")
EXTREME = ((ALL, "Tensor"), PAIR, ("self, other: Tensor", "Tensor"))
SIGNATURES = {
    "max": EXTREME,
    "min": EXTREME,
    "median": ((ALL, "Tensor"), PAIR),
    "size": ((ALL, "tuple[int, ...]"), ("self, dim: int", "int")),
    "__hash__": (("self", "int"),),
    "__setitem__": ((f"self, key: Any, value: Tensor | {NUMBER} | np.ndarray", "None"),),
}


def spelled(cls: type | None, annotation: object) -> str:
    """An annotation as it can stand in the body of `cls`, whose methods may hide types."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    modules = r"tinygrad_cnn\.(?:[a-z_]+\.)*|collections\.abc\."
    text = re.sub(rf"{modules}|'|\"", "", text).replace("numpy.", "np.")
    return unhidden(cls, text)


def unhidden(cls: type | None, text: str) -> str:
    """`text` with the types that methods of `cls` hide spelled in full."""
    hidden = [n for n in ("bool", "float", "int") if cls and n in vars(cls)]
    return re.sub(rf"\b({'|'.join(hidden)})\b", r"builtins.\1", text) if hidden else text


def parameters(cls: type | None, name: str, f: object, found: inspect.Signature) -> Iterator[str]:
    """The parameters of a function."""
    starred = False
    for i, p in enumerate(found.parameters.values()):
        if i == 0 and cls and not isinstance(f, staticmethod):
            yield "self"
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            yield "*"
        starred |= p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        keys = (f"{name}.{p.name}", f"{getattr(cls, '__name__', '')}.{p.name}", p.name)
        text = next((TYPES[key] for key in keys if key in TYPES), "Any")
        if p.annotation is not p.empty:
            text = p.annotation
        elif p.default is None and text != "Any":
            text = f"{text} | None"
        stars = "*" * {p.VAR_POSITIONAL: 1, p.VAR_KEYWORD: 2}.get(p.kind, 0)
        quoted = json.dumps(p.default) if isinstance(p.default, str) else repr(p.default)
        default = "" if p.default is p.empty else f" = {quoted}"
        yield f"{stars}{p.name}: {spelled(None, text)}{default}"


def result(cls: type | None, f: types.FunctionType, found: inspect.Signature) -> str | None:
    """The type of what a function returns; None for a method that has no scalar mode."""
    if found.return_annotation is tuple and cls and f.__module__ != cls.__module__:
        return "tuple[Tensor, ...]"
    if found.return_annotation is not found.empty:
        return spelled(None, found.return_annotation)
    if cls is not tinygrad_cnn.Value:
        return "Tensor"
    required = [p for p in found.parameters.values() if p.default is p.empty]
    try:
        return type(f(*map(cls, range(len(required))))).__name__
    except RuntimeError:  # it wants settings, as clamp does
        return cls.__name__
    except AttributeError:
        return None


def docstring(thing: object) -> list[str]:
    """The first sentence of a docstring, as one."""
    paragraph = inspect.cleandoc(thing.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    text = re.split(r"(?<=\.) (?=[A-Z])", paragraph)[0]
    return [f'"""{text}"""', ""] if text else []


def definition(cls: type | None, name: str, inside: str, returned: str, doc: list) -> list[str]:
    """The lines of a function, broken where they are too long."""
    inside = unhidden(cls, inside)
    end = f") -> {spelled(cls, returned)}:{'' if doc else ' ...'}"
    room = 96 if cls else 100
    lines = [f"def {name}({inside}{end}"]
    if len(lines[0]) > room:
        each = [f"    {p}," for p in re.split(r", (?=\*?\w+: |\*, )", inside)]
        lines = [f"def {name}(", *([f"    {inside}"] if len(inside) + 4 <= room else each), end]
    if name in ("__eq__", "__ne__"):
        lines[0] += "  # type: ignore[override]"
    return [*lines, *(f"    {line}".rstrip() for line in doc)]


def function(cls: type | None, name: str, f: object, *decorators: str) -> list[str]:
    """The lines of one function or method, or of all its overloads; none without scalar mode."""
    forms = SIGNATURES.get(name, ()) if cls else ()
    if len(forms) > 1:
        decorators = ("@overload",)
    if not forms:
        call = getattr(f, "fget", f)
        found = inspect.signature(call)
        forms = [(", ".join(parameters(cls, name, call, found)), result(cls, call, found))]
    made = [definition(cls, name, *form, docstring(f)) for form in forms if form[1]]
    return [line for lines in made for line in (*decorators, *lines)]


def members(cls: type) -> Iterator[str]:
    """The lines of a class's body: attributes, then methods in the order of the class."""
    data = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    for field in data:
        default = "" if field.default is dataclasses.MISSING else f" = {field.default!r}"
        yield f"{field.name}: {spelled(cls, field.type)}{default}"
    names = {n for base in cls.__mro__ for n in vars(base).get("__slots__", ())} - {"__weakref__"}
    if not names and not data and "__init__" in vars(cls):
        names = set(re.findall(r"self\.(\w+) =", inspect.getsource(cls.__init__)))
    for name in sorted(names):
        yield f"{name}: {spelled(cls, TYPES.get(f'.{name}', 'Any'))}"
    for name, f in vars(cls).items():
        if name == "__getattr__" or (data and name != "__str__"):  # a hook; made by `dataclass`
            continue
        if isinstance(f, property):
            yield from function(cls, name, f, "@property")
            yield from function(cls, name, f.fset, f"@{name}.setter") if f.fset else ()
        elif isinstance(f, (types.FunctionType, staticmethod)) or name in SIGNATURES:
            yield from function(cls, name, f, *["@staticmethod"] * isinstance(f, staticmethod))
        elif not name.startswith("_") and not hasattr(f, "__get__"):
            yield f"{name}: Any"


def stub(module: types.ModuleType) -> str:
    """The text of a module's stub."""
    lines = []
    own = re.findall(r"(?m)^(?:class |def |)([a-zA-Z]\w*)(?:[(:]| = )", inspect.getsource(module))
    for name in own:
        thing = getattr(module, name)
        lines += [""] if lines and lines[-1] else []
        if isinstance(thing, type):
            bases = ", ".join(b.__name__ for b in thing.__bases__ if b is not object)
            lines += ["@dataclass(frozen=True)"] * dataclasses.is_dataclass(thing)
            lines.append(f"class {name}({bases}):" if bases else f"class {name}:")
            lines += [f"    {line}".rstrip() for line in (*docstring(thing), *members(thing))]
        elif isinstance(thing, types.FunctionType):
            lines += function(None, name, thing)
        else:
            kind = type(thing).__name__
            lines.append(f"{name}: {kind if kind in own or hasattr(builtins, kind) else 'Any'}")
    return "\n".join([HEADER, *lines]).rstrip() + "\n"


def stubs() -> dict[Path, str]:
    """The text of every stub by the file that it belongs into."""
    live = [importlib.import_module(f"tinygrad_cnn.{name}") for name in ("tensor", "value")]
    return {Path(module.__file__).with_suffix(".pyi"): stub(module) for module in live}


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
        print(path)
