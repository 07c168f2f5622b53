"""From rules to recording functions.

A gate is written as a plain function of numbers, its body, under a decorator that holds its rules:

    @gate(x=lambda g, y: g * y, y=lambda g, x: g * x)
    def mul(x, y):
        return x * y

There is one rule per input: a pure function of the gradient `g` that comes in from above, returning
what goes on to that input. The names of a rule's parameters say what the node must keep: `z` (the
output), any input, any keyword-only setting, `x_shape` (the shape of x, not its numbers), `aux` (a
second result of the body), `needs` (which inputs want a gradient). `all=` is a joint rule for gates
whose gradients share work; it returns one gradient per input.

Two words save memory and sweeps over it, in first-order backward alone. `spare`: whether nobody
else has `g`, so that a kernel may write over it. `x_held`: the gradient that has arrived at x so
far, where nobody else has it, else None; the rule for x then returns its own added to it.

What the decorator makes computes on numbers and arrays, and on Values and Tensors also records. The
three kinds of such functions:

    gate       a primitive: computes, then adds one node to the graph
    composite  a derived function: off the graph one kernel, on the graph its body is traced
    flat       a locally constant function (a comparison): never on the graph

Rules are written with gates themselves. In a first-order backward pass they run on raw floats or
arrays; to be differentiated again they run on Values or Tensors, and so record. There is no second
set of formulas. Since on Python floats `/` and `**` raise where IEEE arithmetic gives inf or nan,
rules call `div` and `pow` instead.
"""

import functools
import inspect
from collections.abc import Callable

from . import kernels
from .recorder import binary, leave, nary, refuse, unary


def same(g: object) -> object:
    """The rule that hands the incoming gradient on."""
    return g


class Gate:
    """The record of one gate: its name, body, kernels by raw type, rules, and what it keeps.

    kind: "gate", "composite" or "flat". inputs: the body's positional parameters; settings: its
    keyword-only ones with their defaults. pull(g, needs, saved): the gradients of those inputs that
    `needs` asks for; saved: (z, *inputs, *settings, *shapes, aux), as far as rules name them.
    spread: what hands the gradient of a Value on to its parents; None where that takes more than
    its own number and those of one or two parents. spends: whether a rule asks if g is spare. held:
    by words such as x_held, of which input.
    """

    def __init__(
        self,
        body: Callable,
        rules: dict,
        kind: str,
        floats: bool,
        many: bool,
        z_if: str | None,
        autocast: str | None,
        formula: bool,
    ) -> None:
        parameters = inspect.signature(body).parameters.values()
        self.name = body.__name__
        self.body = body
        self.kind = kind
        self.floats = floats
        self.many = many
        self.z_if = z_if
        self.autocast = autocast
        self.formula = formula
        self.kernels = {}
        self.rules = rules
        self.inputs = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        self.settings = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.arity = len(self.inputs)
        self.wants = {n: list(inspect.signature(r).parameters) for n, r in rules.items()}
        used = {word for words in self.wants.values() for word in words}
        self.shapes = [n for n in self.inputs if f"{n}_shape" in used]
        self.shaped = [self.inputs.index(n) for n in self.shapes]
        self.aux = "aux" in used
        self.spends = "spare" in used
        self.held = {f"{n}_held": i for i, n in enumerate(self.inputs) if f"{n}_held" in used}
        self.lent = [*["spare"] * self.spends, *self.held]
        self.words = ["z", *self.inputs, *self.settings, *(f"{n}_shape" for n in self.shapes)]
        self.words.append("aux")
        known = {"g", "needs", *self.lent, *self.words}
        unknown = (used - known) | (rules.keys() - {*self.inputs, "all"})
        if unknown:
            raise TypeError(
                f"gate {self.name}: no rule can name {sorted(unknown)}; there are g, needs, spare, "
                f"{', '.join(self.words)}, and x_held for an input x"
            )
        self.keeps = bool(used & {"z", "aux", *self.inputs})
        self.ruled = [n in rules or "all" in rules or not rules for n in self.inputs]
        self.masks = {}
        space = self.callable_rules()
        self.pull = self.compiled_pull(space)
        self.spread = self.compiled_spread(space)
        kernels.GATES.append(self)

    def kernel(self, kind: type) -> Callable:
        """What computes this gate on numbers of type `kind`; remembered."""
        found = kernels.find(kind, self.name, self.body)
        if found is self.body and self.kind == "gate" and (self.floats or kernels.REFERENCE[-1]):
            found = kernels.quiet(kind, found)
        if found is not self.body or self.kind != "composite":  # whose body speaks gates
            found = kernels.rounding(kind, self.name, found)
            found = kernels.written_down(kind, found)
        self.kernels[kind] = found
        return found

    def mask(self, wanting: tuple[bool, ...]) -> tuple[bool, ...]:
        """Which of the output and the inputs to keep when these inputs want a gradient."""
        found = self.masks.get(wanting)
        if found is None:
            rules = [n for n, w in zip(self.inputs, wanting, strict=True) if w and n in self.rules]
            if "all" in self.rules:
                rules = ["all"]
            used = {word for n in rules for word in self.wants[n]}
            found = self.masks[wanting] = tuple([n in used for n in ("z", *self.inputs)])
        return found

    def callable_rules(self) -> dict[str, Callable]:
        """The rules as the code that is generated below calls them.

        Code is generated here and for the loops of `kernels.cpu_pointwise`, nowhere else; a closure
        per rule costs a fifth of backward.
        """
        found = {}
        for n, rule in self.rules.items():
            known = getattr(rule, "gate", None)
            if self.formula and (known is None or not known.formula):
                rule = kernels.at_once(f"{self.name}.{n}", rule)
            found[f"rule_{n}"] = rule
        return found

    def called(self, n: str, places: dict[str, str]) -> str:
        """The call of a rule as text. places: where the words that it may name are to be found."""
        if self.rules[n] is same:
            return places["g"]
        return f"rule_{n}({', '.join([places[word] for word in self.wants[n]])})"

    def compiled_pull(self, space: dict[str, Callable]) -> Callable | None:
        """`pull`: the rules of all inputs in one expression."""
        if not self.rules:
            return None
        places = {word: word for word in ("g", "needs", *self.lent)}
        places |= {word: f"saved[{i}]" for i, word in enumerate(self.words)}
        if "all" in self.rules:
            made = self.called("all", places)
        else:
            calls = [self.called(n, places) if n in self.rules else "None" for n in self.inputs]
            asked = [f"{c} if needs[{i}] is not None else None" for i, c in enumerate(calls)]
            made = f"{', '.join(asked)},"
        lent = "".join(f", {word}=None" for word in self.lent)
        return eval(f"lambda g, needs, saved{lent}: ({made})", space)

    def compiled_spread(self, space: dict[str, Callable]) -> Callable | None:
        """`spread`: all rules of a gate of single numbers, one after the other."""
        known = {"g", "z", *self.inputs, *self.lent}
        words = {word for n in self.rules for word in self.wants[n]}
        if not self.rules or "all" in self.rules or self.many or self.arity > 2 or words - known:
            return None
        parents = dict(zip(self.inputs, "ab", strict=False))
        places = dict.fromkeys(self.lent, "None") | {"g": "g", "z": "v.data"}
        places |= {n: f"{parent}.data" for n, parent in parents.items()}
        lines = ["def spread(v):", "g = v.grad"]
        lines += [f"{parent} = v.{parent}" for parent in parents.values()]
        lines += [f"{parents[n]}.grad += {self.called(n, places)}" for n in self.rules]
        eval(compile("\n    ".join(lines), __file__, "exec"), space)
        return space["spread"]


def gate(
    *,
    floats: bool = False,
    many: bool = False,
    z_if: str | None = None,
    autocast: str | None = None,
    formula: bool = False,
    **rules: Callable,
) -> Callable:
    """The decorator of a primitive.

    floats: integers become the default float type first (exp, div). many: the one input is a
    sequence of any length (cat), kept and handed to the joint rule as a tuple. z_if: the setting
    without which the rules have no use for the output, so that it is not kept. autocast: the dtype
    of the gate within `tg.autocast`, as recorder.autocasted has it; None for that of the inputs.
    formula: whether body and rules compute numbers one by one, so that a kernel can be made of them
    that sweeps over memory once; then they speak gates and settings only.
    """
    return lambda body: build(body, rules, "gate", floats, many, z_if, autocast, formula)


def composite(body: Callable | None = None, *, formula: bool = False) -> Callable:
    """The decorator of a derived function, whose body speaks gates only. formula: as for `gate`."""
    if body is None:
        return functools.partial(composite, formula=formula)
    return build(body, {}, "composite", formula=formula)


def flat(body: Callable) -> Callable:
    """The decorator of a locally constant function."""
    return build(body, {}, "flat")


def build(
    body: Callable,
    rules: dict,
    kind: str,
    floats: bool = False,
    many: bool = False,
    z_if: str | None = None,
    autocast: str | None = None,
    formula: bool = False,
) -> Callable:
    """The recording function, with its record at `.gate`.

    `.operator` is its form as an operator, where it takes two inputs and nothing else; `.full`,
    where the body has a second result, returns both.
    """
    record = Gate(body, rules, kind, floats, many, z_if, autocast, formula)
    wide = record.settings or record.shapes or record.aux or many or not all(record.ruled)
    recorder = nary if wide else {1: unary, 2: binary}.get(record.arity, nary)
    call = recorder(record, refuse)
    forms = [call]
    if recorder is binary:
        call.operator = binary(record, leave)
        forms.append(call.operator)
    if formula:
        kernels.add_formula(record.name, call)
    if record.aux:
        call.full = nary(record, refuse, full=True)
    signature = inspect.signature(body)  # settings may also be given by position
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    each = [p.replace(kind=positional) for p in signature.parameters.values()]
    signature = signature.replace(parameters=each)
    if recorder is not nary:
        forms += [f.on_values for f in forms]
    for f in forms:
        f.__name__ = f.__qualname__ = record.name
        f.__module__ = body.__module__
        f.__doc__ = body.__doc__
        f.__signature__ = signature
        f.gate = record
    return call
