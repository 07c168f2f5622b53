"""Module: what networks are made of. A module is its attributes.

Nothing is registered and nothing is hidden: a parameter of a module is an attribute of it that is a
`Parameter`, a buffer one that is a `Buffer`, a child one that is a `Module`. All of them lie in
`vars(module)`, in the order in which they were first assigned, and every method here reads them
there. So `self.weight` is a plain attribute, as fast as any and visible in a debugger, and a class
of modules need not call `super().__init__()`.

What is not an attribute is not seen: put several children into a `Sequential`, `ModuleList` or
`ModuleDict`, not into a list. And what is assigned is what counts: `self.mean = 0.9 * self.mean`
makes a plain Tensor of a Buffer; write `self.mean.mul_(0.9)`. In the place of a parameter or of a
module nothing else can be put, so that none is lost by mistake.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..autograd import no_grad
from ..tensor import RemovableHandle, Tensor
from .hooks import Hooks, handle_of

SHOWN = 5  # of the keys in a message


class Parameter(Tensor):
    """A Tensor that is trained. It shares memory with `data`."""

    __slots__ = ()

    def __init__(self, data: object, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A Tensor that is part of a module's state but is not trained. It shares memory with `data`.

    persistent: whether it is in the state_dict, or follows from the module's settings.
    """

    __slots__ = ("persistent",)

    def __init__(self, data: object, persistent: bool = True) -> None:
        super().__init__(data)
        self.persistent = persistent

    def __deepcopy__(self, memo: dict) -> "Buffer":
        copied = super().__deepcopy__(memo)
        copied.persistent = self.persistent
        return copied

    def __reduce__(self) -> tuple:
        return Buffer, (self.raw, self.persistent)


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find in the state, and what it found no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def joined(prefix: str, name: str) -> str:
    """The path of something called `name` inside the module at `prefix`."""
    return f"{prefix}.{name}" if prefix else name


def first_met(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The pairs without those whose second part was in an earlier one."""
    met = set()
    for name, thing in pairs:
        if thing not in met:
            met.add(thing)
            yield name, thing


class Module:
    """A part of a network: parameters, buffers and child modules as attributes, and `forward`.

    Calling it calls `forward`, which a subclass writes. Names, keys and their order are PyTorch's.

    Differs: nothing is registered, see the module's text. Loading a state that does not fit changes
    nothing at all.
    """

    training = True
    _hooks = None  # a Hooks, in instances that have any

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; where a parameter or a module is, only what can stand in its place.

        Raises: TypeError for anything else, which would be lost to training and to the state.
        """
        old = vars(self).get(name)
        if isinstance(old, (Parameter, Module)) and value is not None:
            kind = Parameter if isinstance(old, Parameter) else Module
            if not isinstance(value, (Parameter, kind)):
                raise TypeError(
                    f"{name!r} of {type(self).__name__} is a {kind.__name__} and cannot become a "
                    f"{type(value).__name__}: assign a {kind.__name__} or None, or make room by del"
                )
        object.__setattr__(self, name, value)

    def forward(self, *args: Any, **named: Any) -> Any:
        """The output for these inputs.

        Raises: NotImplementedError where a subclass did not write it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(self, ...)")

    def __call__(self, *args: Any, **named: Any) -> Any:
        """The output for these inputs: forward, with this module's hooks around it."""
        if self._hooks is None:
            return self.forward(*args, **named)
        return self._hooks.run(self, args, named)

    def is_hooked(self) -> bool:
        """Whether anything but this class's forward runs when the module is called."""
        return "forward" in vars(self) or (self._hooks is not None and self._hooks.any())

    # --- what is in it ---

    def named_own(self, kind: type | tuple[type, ...]) -> list[tuple[str, Any]]:
        """This module's own attributes of `kind` with their names, oldest first."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, kind)]

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The child modules with their names; one that has two names comes once."""
        return first_met(self.named_own(Module))

    def children(self) -> Iterator["Module"]:
        """The child modules."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, "Module"]]:
        """This module and all inside it with their paths, each before its children."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self.named_own(Module):
            yield from child.named_modules(memo, joined(prefix, name), remove_duplicate)

    def modules(self) -> Iterator["Module"]:
        """This module and all inside it."""
        return (module for _, module in self.named_modules())

    def named_tensors(
        self, kind: type, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        """The tensors of `kind` of this module, and of all inside it if `recurse`."""
        modules = [(prefix, self)]
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        pairs = ((joined(path, n), t) for path, m in modules for n, t in m.named_own(kind))
        return first_met(pairs) if remove_duplicate else pairs

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths; a shared one comes once, at its first path."""
        return self.named_tensors(Parameter, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        return (t for _, t in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Buffer]]:
        """The buffers with their paths; a shared one comes once, at its first path."""
        return self.named_tensors(Buffer, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Buffer]:
        """The buffers, each once."""
        return (t for _, t in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> "Module":
        """The module at the path `target`, as in "features.0"; "" is this module.

        Raises: AttributeError if there is no such module.
        """
        module = self
        for name in target.split(".") if target else ():
            if not isinstance(vars(module).get(name), Module):
                raise AttributeError(
                    f"{type(module).__name__} has no module {name!r} (of {target!r}); it has "
                    f"{[n for n, _ in module.named_children()]}"
                )
            module = vars(module)[name]
        return module

    # --- what PyTorch code calls to put something in ---

    def check_registered(self, name: str, value: object, given: type, kept: type) -> None:
        """Raise unless `value`, a `given` or None, may become the attribute `name`, a `kept`.

        Raises: TypeError for anything else, KeyError for a name that is empty, has a dot, or is
        that of something else in this module or its class.
        """
        if value is not None and not isinstance(value, given):
            raise TypeError(
                f"{name!r} has to be a {given.__name__}, got {type(value).__name__}; None leaves "
                "it out"
            )
        if not isinstance(name, str):
            raise TypeError(f"a name is a str, got {name!r}")
        old = vars(self).get(name)
        taken = hasattr(type(self), name) or (old is not None and not isinstance(old, kept))
        if not name or "." in name or taken:
            raise KeyError(
                f"{name!r} cannot be the name of a {kept.__name__.lower()} in "
                f"{type(self).__name__}: names are not empty, have no dot, and are not those of "
                "other attributes of the module or its class"
            )

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` (or None, for one that is left out) the attribute `name`.

        Raises: TypeError for anything else, KeyError for a name that is empty, has a dot, or is
        that of something else.
        """
        self.check_registered(name, param, Parameter, Parameter)
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make a Buffer on `tensor` (or None, for one that is left out) the attribute `name`.

        Raises: as register_parameter.
        """
        self.check_registered(name, tensor, Tensor, Buffer)
        setattr(self, name, None if tensor is None else Buffer(tensor, persistent))

    def register_module(self, name: str, module: "Module | None") -> None:
        """Make `module` (or None, for one that is left out) the attribute `name`.

        Raises: as register_parameter.
        """
        self.check_registered(name, module, Module, Module)
        setattr(self, name, module)

    add_module = register_module

    # --- state ---

    def state_tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """All parameters and persistent buffers by path, a shared one under each of its paths.

        A module's own come first, parameters before buffers, then those of its children.
        """
        tensors = {prefix + name: t for name, t in self.named_own(Parameter)}
        tensors |= {prefix + name: t for name, t in self.named_own(Buffer) if t.persistent}
        for name, child in self.named_own(Module):
            tensors |= child.state_tensors(f"{prefix}{name}.")
        return tensors

    def state_dict(self, *, prefix: str = "") -> dict[str, Tensor]:
        """What `load_state_dict` takes: parameters and persistent buffers by path.

        They are Tensors outside the graph that share the module's memory.
        """
        return {path: t.detach() for path, t in self.state_tensors(prefix).items()}

    def load_state_dict(
        self, state_dict: Mapping[str, object], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """The missing and unexpected keys, after all others were copied into this module's arrays.

        Copied numbers take the dtype and device of their place. With `assign` nothing is copied:
        parameters and buffers share the memory of the state, with its dtypes and on its device, as
        a model that was built on the device meta needs it.

        Raises: RuntimeError that names the keys that are missing or unexpected (if strict), of many
        the first few, and every tensor of the wrong shape; the module is then as it was. TypeError
        if state_dict is no dict, or an entry holds no numbers.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict takes a dict, got {type(state_dict).__name__}")
        for path, module in list(self.named_modules()):
            state_dict = module.adapted(state_dict, f"{path}." if path else "")
        own = self.state_tensors()
        missing = [key for key in own if key not in state_dict]
        unexpected = [key for key in state_dict if key not in own]
        given = {key: Tensor(state_dict[key]) for key in own if key in state_dict}
        problems = []
        if strict and missing:
            problems.append(f"Missing key(s) in state_dict: {some(missing)}.")
        if strict and unexpected:
            problems.append(f"Unexpected key(s) in state_dict: {some(unexpected)}.")
        for key, t in given.items():
            if t.shape != own[key].shape:
                problems.append(
                    f"size mismatch for {key}: the state has shape {t.shape}, the model "
                    f"{own[key].shape}."
                )
            if assign and own[key].requires_grad and not t.is_floating_point():
                problems.append(f"{key} requires grad, but the state has {t.dtype}: cast it.")
        if problems:
            lines = "\n\t".join(problems)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{lines}"
            )
        with no_grad():
            for key, t in given.items():
                if assign:
                    own[key].data = t
                else:
                    own[key].copy_(t.to(own[key]))
        return IncompatibleKeys(missing, unexpected)

    def adapted(self, state_dict: Mapping[str, object], prefix: str) -> Mapping[str, object]:
        """A state to be loaded, with what it calls by another name, or does not have, put right.

        prefix: what the keys of this module begin with. The state itself, for most modules.
        """
        return state_dict

    # --- all tensors, all modules ---

    def to(self, *where: object, device: object = None, dtype: object = None) -> "Module":
        """This module, its parameters and buffers moved to a device, cast to a floating dtype.

        The parameters stay the same objects, so optimisers that hold them go on. Whole numbers keep
        their dtype.

        Raises: TypeError for a dtype that is not floating.
        """
        for t in (*self.parameters(), *self.buffers()):
            moved = t.detach().to(*where, device=device, dtype=dtype)
            if not moved.is_floating_point() and t.is_floating_point():
                raise TypeError(f"to: parameters need a floating dtype, got {moved.dtype}")
            if not t.is_floating_point():
                moved = t.detach().to(device=moved.device)
            grad = t.grad
            t.raw = moved.raw
            if t.node is not None:
                t.node.dtype = moved.dtype
                t.grad = None if grad is None else grad.detach().to(moved)
        return self

    def cpu(self) -> "Module":
        """This module with everything in it on the CPU."""
        return self.to(device="cpu")

    def cuda(self) -> "Module":
        """This module with everything in it on the GPU."""
        return self.to(device="cuda")

    def half(self) -> "Module":
        """This module in float16."""
        return self.to(dtype="float16")

    def float(self) -> "Module":
        """This module in float32."""
        return self.to(dtype="float32")

    def double(self) -> "Module":
        """This module in float64."""
        return self.to(dtype="float64")

    def train(self, mode: bool = True) -> "Module":
        """This module, it and all inside it set to training (or with False to evaluation)."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> "Module":
        """This module, set to evaluation: dropout rests, norms use their running statistics."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> "Module":
        """This module, its parameters on the graph (or with False off it)."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero."""
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad.detach().zero_()

    def apply(self, fn: Callable[["Module"], None]) -> "Module":
        """This module, after fn(module) for all inside it and itself last."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- hooks ---

    def hooks_of(self, kind: str) -> dict:
        """This module's hooks of `kind`: "before" and "behind" its forward, or in "backward"."""
        if self._hooks is None:
            self._hooks = Hooks()
        return getattr(self._hooks, kind)

    def register_forward_pre_hook(self, hook: Callable) -> RemovableHandle:
        """A handle of `hook(module, args)`, run before forward.

        What the hook returns, unless None, takes the place of the positional arguments.
        """
        return handle_of(hook, self.hooks_of("before"))

    def register_forward_hook(self, hook: Callable) -> RemovableHandle:
        """A handle of `hook(module, args, output)`, run behind forward.

        What the hook returns, unless None, takes the output's place.
        """
        return handle_of(hook, self.hooks_of("behind"))

    def register_full_backward_hook(self, hook: Callable) -> RemovableHandle:
        """A handle of `hook(module, grad_input, grad_output)`, run when backward leaves the module.

        Both are tuples, with None for an input that wants no gradient. What the hook returns,
        unless None, takes the place of grad_input. Where no input wants a gradient, the hook runs
        when backward enters the module. The module has to return a Tensor, or a tuple of them.
        """
        return handle_of(hook, self.hooks_of("backward"))

    # --- text ---

    def extra_repr(self) -> str:
        """The settings, as they are to stand in the text of this module."""
        return ""

    def __repr__(self) -> str:
        name = type(self).__name__
        settings = self.extra_repr()
        lines = [f"({n}): {child!r}".replace("\n", "\n  ") for n, child in self.named_own(Module)]
        if not lines and "\n" not in settings:
            return f"{name}({settings})"
        lines = [*settings.splitlines(), *lines]
        return f"{name}(\n  " + "\n  ".join(lines) + "\n)"


def some(keys: list[str]) -> str:
    """These keys, but of many the first few and how many more there are."""
    few = ", ".join(map(repr, keys[:SHOWN]))
    return few if len(keys) <= SHOWN else f"{few} and {len(keys) - SHOWN} more"
