"""Modules that hold modules: Sequential, ModuleList, ModuleDict.

Their children are attributes like any module's; the names are "0", "1", ... or those given.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .module import Module


class Chain(Module):
    """Modules in an order: what Sequential and ModuleList share."""

    def in_order(self) -> list[Module]:
        """The modules; one that was put in twice is there twice."""
        return [module for _, module in self.named_own(Module)]

    def rebuild(self, modules: Iterable[Module]) -> None:
        """Hold these modules in the place of all others, numbered from 0."""
        modules = list(modules)
        for name, _ in self.named_own(Module):
            delattr(self, name)
        for module in modules:
            self.append(module)

    def name_at(self, index: int) -> str:
        """The name of the module at `index`, which may count from the end.

        Raises: IndexError if there is none.
        """
        names = [name for name, _ in self.named_own(Module)]
        if not -len(names) <= index < len(names):
            raise IndexError(f"index {index} is out of range for {len(names)} modules")
        return names[index]

    def append(self, module: Module) -> "Chain":
        """This chain with `module` at its end.

        Raises: TypeError if it is no module.
        """
        number = len(self)
        while str(number) in vars(self):  # in a slice the names do not start from 0
            number += 1
        self.register_module(str(number), module)
        return self

    def extend(self, modules: Iterable[Module]) -> "Chain":
        """This chain with `modules` at its end."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> "Chain":
        """This chain with `module` before the one at `index`."""
        modules = self.in_order()
        modules.insert(index, module)
        self.rebuild(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """The module at `index`, taken out."""
        module = vars(self)[self.name_at(index)]
        del self[index]
        return module

    def __len__(self) -> int:
        return len(self.named_own(Module))

    def __iter__(self) -> Iterator[Module]:
        return iter(self.in_order())

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(self.name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = self.in_order()
        if isinstance(index, int):
            self.name_at(index)
        del modules[index]
        self.rebuild(modules)

    def __iadd__(self, modules: Iterable[Module]) -> "Chain":
        return self.extend(modules)

    def __add__(self, modules: Iterable[Module]) -> "Chain":
        return type(self)().extend(self).extend(modules)


class Sequential(Chain):
    """Modules that run one after the other: `Sequential(a, b)`, or an OrderedDict of named ones.

    A slice is a Sequential of the same modules under the same names.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        named = {str(i): module for i, module in enumerate(modules)}
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0]
        for name, module in named.items():
            self.register_module(name, module)

    def forward(self, x: Any) -> Any:
        """The last module's output, each having got that of the one before."""
        for module in self.in_order():
            x = module(x)
        return x

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return type(self)(dict(self.named_own(Module)[index]))
        return vars(self)[self.name_at(index)]


class ModuleList(Chain):
    """A list of modules; what to do with them is up to the module that has it."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return type(self)(self.in_order()[index])
        return vars(self)[self.name_at(index)]


class ModuleDict(Module):
    """A dict of modules; what to do with them is up to the module that has it."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple] = ()) -> None:
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple]) -> None:
        """Add these modules; a name that is there already gets the new one."""
        for name, module in dict(modules).items():
            self[name] = module

    def pop(self, key: str) -> Module:
        """The module called `key`, taken out."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for name in list(self):
            del self[name]

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, _ in self.named_own(Module)]

    def values(self) -> list[Module]:
        """The modules."""
        return [module for _, module in self.named_own(Module)]

    def items(self) -> list[tuple[str, Module]]:
        """The names with their modules."""
        return self.named_own(Module)

    def __getitem__(self, key: str) -> Module:
        return dict(self.named_own(Module))[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.register_module(key, module)

    def __delitem__(self, key: str) -> None:
        self[key]  # a name of something else is no key
        delattr(self, key)

    def __len__(self) -> int:
        return len(self.named_own(Module))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: str) -> bool:
        return isinstance(vars(self).get(key), Module)
