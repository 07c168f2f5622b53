"""Modules that hold modules or parameters: Sequential, lists and dicts of both.

What they hold are attributes like any module's; the names are "0", "1", ... or those given.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..tensor import Tensor
from .fused import chained
from .module import Module, Parameter


def as_parameter(name: str, value: object) -> Parameter:
    """`value` as a Parameter, which a Tensor becomes on the same memory.

    Raises: TypeError for anything else.
    """
    if isinstance(value, Parameter):
        return value
    if isinstance(value, Tensor):
        return Parameter(value.detach())
    raise TypeError(f"{name!r} has to be a Parameter or a Tensor, got {type(value).__name__}")


def described(named: Iterable[tuple[str, Parameter]]) -> str:
    """A line for each parameter."""
    sizes = [(name, p.dtype, "x".join(map(str, p.shape))) for name, p in named]
    return "\n".join(f"  ({n}): Parameter containing: [{d} of size {s}]" for n, d, s in sizes)


# --- in an order ----------------------------------------------------------------------------------


class Chain(Module):
    """Modules, or parameters, in an order: what Sequential and the lists share."""

    kind = Module  # of what is held

    def place(self, name: str, item: Any) -> None:
        """Make `item` the attribute `name`.

        Raises: TypeError if it is nothing to be held here.
        """
        self.register_module(name, item)

    def in_order(self) -> list:
        """What is held; what was put in twice is there twice."""
        return [item for _, item in self.named_own(self.kind)]

    def rebuild(self, items: Iterable) -> None:
        """Hold these in the place of all others, numbered from 0."""
        items = list(items)
        for name, _ in self.named_own(self.kind):
            delattr(self, name)
        for item in items:
            self.append(item)

    def name_at(self, index: int) -> str:
        """The name of what is held at `index`, which may count from the end.

        Raises: IndexError if there is nothing.
        """
        names = [name for name, _ in self.named_own(self.kind)]
        if not -len(names) <= index < len(names):
            raise IndexError(
                f"index {index} is out of range for {len(names)} {self.kind.__name__.lower()}s"
            )
        return names[index]

    def append(self, module: Any) -> "Chain":
        """This chain with one more at its end.

        Raises: TypeError if that is nothing to be held here.
        """
        number = len(self)
        while str(number) in vars(self):  # in a slice the names do not start from 0
            number += 1
        self.place(str(number), module)
        return self

    def extend(self, modules: Iterable) -> "Chain":
        """This chain with `modules` at its end.

        Raises: TypeError for what cannot be gone through.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__} takes a list or the like of what it is to hold, got "
                f"{type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Any) -> "Chain":
        """This chain with `module` before the one at `index`."""
        items = self.in_order()
        items.insert(index, module)
        self.rebuild(items)
        return self

    def pop(self, index: int = -1) -> Any:
        """What is held at `index`, taken out."""
        item = vars(self)[self.name_at(index)]
        del self[index]
        return item

    def __len__(self) -> int:
        return len(self.named_own(self.kind))

    def __iter__(self) -> Iterator:
        return iter(self.in_order())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(self.in_order()[index])
        return vars(self)[self.name_at(index)]

    def __setitem__(self, index: int, module: Any) -> None:
        self.place(self.name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        items = self.in_order()
        if isinstance(index, int):
            self.name_at(index)
        del items[index]
        self.rebuild(items)

    def __iadd__(self, modules: Iterable) -> "Chain":
        return self.extend(modules)

    def __add__(self, modules: Iterable) -> "Chain":
        return type(self)().extend(self).extend(modules)


class Sequential(Chain):
    """Modules that run one after the other: `Sequential(a, b)`, or an OrderedDict of named ones.

    A slice is a Sequential of the same modules under the same names. `net * 3` is the same modules
    three times over, with the same weights.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        named = {str(i): module for i, module in enumerate(modules)}
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0]
        for name, module in named.items():
            self.register_module(name, module)

    def forward(self, x: Any) -> Any:
        """The last module's output, each having got that of the one before.

        A convolution, a norm and a ReLU behind one another may be computed as one, see `fused`.
        """
        return chained(self.in_order(), x)

    def insert(self, index: int, module: Module) -> "Sequential":
        """This chain with `module` before the one at `index`.

        Raises: IndexError beyond both ends.
        """
        if not -len(self) <= index <= len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} modules")
        return super().insert(index, module)

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return type(self)(OrderedDict(self.named_own(Module)[index]))
        return super().__getitem__(index)

    def __add__(self, other: "Sequential") -> "Sequential":
        if not isinstance(other, Sequential):
            raise ValueError(f"a Sequential is added to a Sequential, got {type(other).__name__}")
        return super().__add__(other)

    def repeated(self, times: int) -> list[Module]:
        """The modules, as often as `times` says.

        Raises: TypeError for anything but a whole number, ValueError if it is not positive.
        """
        if not isinstance(times, int):
            raise TypeError(f"a Sequential is multiplied by an int, got {type(times).__name__}")
        if times < 1:
            raise ValueError(f"a Sequential is repeated once or more often, got {times}")
        return self.in_order() * times

    def __mul__(self, times: int) -> "Sequential":
        return type(self)(*self.repeated(times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> "Sequential":
        return self.extend(self.repeated(times)[len(self) :])


class ModuleList(Chain):
    """A list of modules; what to do with them is up to the module that has it."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self.extend(() if modules is None else modules)

    def __repr__(self) -> str:
        """The modules, neighbours with one text on one line."""
        groups = []
        for name, module in self.named_own(Module):
            text = repr(module)
            if groups and groups[-1][1] == text:
                groups[-1][0].append(name)
            else:
                groups.append(([name], text))
        lines = []
        for names, text in groups:
            title = f"({names[0]}): " if len(names) == 1 else f"({names[0]}-{names[-1]}): "
            many = "" if len(names) == 1 else f"{len(names)} x "
            lines.append(f"{title}{many}{text}".replace("\n", "\n  "))
        inside = "\n  " + "\n  ".join(lines) + "\n" if lines else ""
        return f"{type(self).__name__}({inside})"


class ParameterList(Chain):
    """A list of parameters; what to do with them is up to the module that has it.

    Tensors that are put in become Parameters.

    Differs: nothing else can be put in.
    """

    kind = Parameter

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        self.extend(() if values is None else values)

    def place(self, name: str, item: Tensor) -> None:
        """Make `item`, as a Parameter, the attribute `name`."""
        self.register_parameter(name, as_parameter(name, item))

    def extra_repr(self) -> str:
        """The parameters."""
        return described(self.named_own(Parameter))


# --- by name --------------------------------------------------------------------------------------


class Named(Module):
    """Modules, or parameters, by name: what ModuleDict and ParameterDict share."""

    kind = Module  # of what is held

    def place(self, key: str, item: Any) -> None:
        """Make `item` the attribute `key`.

        Raises: TypeError if it is nothing to be held here.
        """
        self.register_module(key, item)

    def update(self, items: Mapping[str, Any] | Iterable[tuple]) -> None:
        """Add these; a name that is there already gets the new one.

        Raises: TypeError for what holds no pairs, ValueError for pairs that are none.
        """
        if isinstance(items, (Mapping, Named)):
            items = items.items()
        what = f"{type(self).__name__} takes a dict or pairs of a name and what it is to name"
        if not isinstance(items, Iterable):
            raise TypeError(f"{what}, got {type(items).__name__}")
        for pair in items:
            if not isinstance(pair, Iterable):
                raise TypeError(f"{what}, got {type(pair).__name__} in the place of a pair")
            pair = tuple(pair)
            if len(pair) != 2:
                raise ValueError(f"{what}, got {len(pair)} things in the place of a pair")
            self[pair[0]] = pair[1]

    def pop(self, key: str) -> Any:
        """What is called `key`, taken out."""
        item = self[key]
        del self[key]
        return item

    def clear(self) -> None:
        """Take everything out."""
        for name in list(self):
            del self[name]

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, _ in self.named_own(self.kind)]

    def values(self) -> list:
        """What is held."""
        return [item for _, item in self.named_own(self.kind)]

    def items(self) -> list[tuple[str, Any]]:
        """The names with what they name."""
        return self.named_own(self.kind)

    def __getitem__(self, key: str) -> Any:
        return dict(self.named_own(self.kind))[key]

    def __setitem__(self, key: str, item: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"a key of {type(self).__name__} is a string, got {key!r}")
        self.place(key, item)

    def __delitem__(self, key: str) -> None:
        self[key]  # a name of something else is no key
        delattr(self, key)

    def __len__(self) -> int:
        return len(self.named_own(self.kind))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: str) -> bool:
        return isinstance(vars(self).get(key), self.kind)


class ModuleDict(Named):
    """A dict of modules; what to do with them is up to the module that has it."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple] | None = None) -> None:
        self.update(() if modules is None else modules)


class ParameterDict(Named):
    """A dict of parameters; what to do with them is up to the module that has it.

    Tensors that are put in become Parameters.

    Differs: nothing else can be put in; a key that is not there is a KeyError.
    """

    kind = Parameter

    def __init__(self, parameters: Mapping[str, Tensor] | Iterable[tuple] | None = None) -> None:
        self.update(() if parameters is None else parameters)

    def place(self, key: str, item: Tensor) -> None:
        """Make `item`, as a Parameter, the attribute `key`.

        Raises: KeyError for the name of something else of this class.
        """
        if hasattr(type(self), key):
            raise KeyError(f"{key!r} is an attribute of {type(self).__name__}; choose another name")
        self.register_parameter(key, as_parameter(key, item))

    def update(self, items: Mapping[str, Tensor] | Iterable[tuple]) -> None:
        """Add these, a plain dict's in the order of their names."""
        if isinstance(items, Mapping) and not isinstance(items, OrderedDict):
            items = sorted(items.items())
        super().update(items)

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter called `key`, or `default` if there is none."""
        return dict(self.items()).get(key, default)

    def setdefault(self, key: str, default: Tensor) -> Parameter:
        """The parameter called `key`; if there is none, `default` becomes it."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Parameter]:
        """The last name and its parameter, taken out.

        Raises: KeyError if there is none.
        """
        if not len(self):
            raise KeyError("popitem: this ParameterDict is empty")
        key = self.keys()[-1]
        return key, self.pop(key)

    def copy(self) -> "ParameterDict":
        """Another ParameterDict of the same parameters."""
        return type(self)(OrderedDict(self.items()))

    def __or__(self, other: "ParameterDict") -> "ParameterDict":
        both = self.copy()
        both.update(other)
        return both

    def __ior__(self, other: "ParameterDict") -> "ParameterDict":
        self.update(other)
        return self

    def extra_repr(self) -> str:
        """The parameters."""
        return described(self.named_own(Parameter))
