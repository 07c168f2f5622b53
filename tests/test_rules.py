"""What rules and composite bodies are written with, read from their bytecode.

Rules run on Python floats, on arrays and on recorded numbers alike. On floats `/` and `**` raise
where IEEE arithmetic gives inf or nan, so rules say `div` and `pow`; methods and functions of an
array module exist for arrays only, so composite bodies speak gates.
"""

import dis
import types

import pytest
from probes import FUNCTIONS, codes, own_records, rules_of, written

import tinygrad_cnn as tg

RECORDS = {record.name: record for record in own_records()}
RULED = [record for record in RECORDS.values() if record.rules]
COMPOSITES = [record for record in RECORDS.values() if record.kind == "composite"]

# By version of Python: BINARY_OP with a sign, or an operation of its own.
SIGNS = {"/", "**", "/=", "**="}
OPERATIONS = {
    "BINARY_TRUE_DIVIDE",
    "BINARY_POWER",
    "INPLACE_TRUE_DIVIDE",
    "INPLACE_POWER",
}

LOADS = {"LOAD_ATTR", "LOAD_METHOD"}

# What an operand of any kind has, and what is not an operand at all.
ATTRIBUTES = {"shape", "ndim", "dtype", "prod", "nan", "inf"}


def instructions(function) -> list[dis.Instruction]:
    return [step for code in codes(function.__code__) for step in dis.get_instructions(code)]


def divides(function) -> list[str]:
    """The divisions and powers in a function's code."""
    return [
        step.argrepr or step.opname
        for step in instructions(function)
        if step.opname in OPERATIONS or (step.opname == "BINARY_OP" and step.argrepr in SIGNS)
    ]


@pytest.mark.parametrize("record", RULED, ids=lambda record: record.name)
def test_rules_neither_divide_nor_raise_to_powers(record):
    for function in written(record):
        assert divides(function) == [], f"{record.name}: {function.__qualname__}"


def test_the_reader_of_bytecode_sees_divisions():
    assert divides(lambda g, x: g / x) != []
    assert divides(lambda g, x: g**x) != []
    assert divides(lambda g, x: [y / g for y in x]) != []
    assert divides(lambda g, x: g // x * x % g @ g) == []

    def in_place(g, x):
        g /= x
        x **= g
        return g, x

    assert len(divides(in_place)) == 2


@pytest.mark.parametrize("record", RULED, ids=lambda record: record.name)
def test_rules_capture_nothing_and_set_nothing(record):
    """What a node keeps is in the words of a rule, so that nothing is kept in secret."""
    for rule in rules_of(record):
        assert rule.__closure__ is None
        assert rule.__defaults__ is None
    for function in written(record):
        assert not {"STORE_GLOBAL", "STORE_ATTR"} & {s.opname for s in instructions(function)}


@pytest.mark.parametrize("record", COMPOSITES, ids=lambda record: record.name)
def test_composite_bodies_speak_gates(record):
    """No array module, and of an operand only what numbers, arrays and tensors all have."""
    names = {name for code in codes(record.body.__code__) for name in code.co_names}
    assert not names & {"xp", "np", "kernels"}
    used = {step.argval for step in instructions(record.body) if step.opname in LOADS}
    assert used <= ATTRIBUTES


def test_the_reader_of_bytecode_sees_methods():
    used = {s.argval for s in instructions(lambda x: x.sum().shape) if s.opname in LOADS}
    assert used - ATTRIBUTES == {"sum"}


def test_every_public_gate_is_one_of_these():
    for name, made in vars(tg).items():
        if isinstance(made, types.FunctionType) and hasattr(made, "gate"):
            assert FUNCTIONS[made.gate.name] is made, name
