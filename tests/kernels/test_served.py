"""The report: which kernel served which gate at which shapes, and why none did."""

import json

import numpy as np
import pytest

from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import served
from tinygrad_cnn.kernels.served import Case, Report, refused


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    """Nothing is counted yet."""
    monkeypatch.setattr(served, "KERNELS", {})
    monkeypatch.setattr(served, "CASES", {})
    monkeypatch.setattr(served, "UNUSABLE", {})
    monkeypatch.setattr(served, "CONVERTED", [0])


def double(x):
    """A kernel for vectors."""
    return 2 * x if x.ndim == 1 else refused("it is for vectors")


def shy(x):
    """A kernel that does not say why."""
    return NotImplemented


def gate(kernel, name="twice"):
    return served.counted(name, f"home.{kernel.__name__}", lambda: kernel, lambda x: x + x)


X = np.ones(3, np.float32)


def test_calls_are_counted_without_their_shapes_until_they_are_asked_for():
    f = gate(double)
    f(X)
    f(X)
    with kernels.by_shape():
        f(X)
        f(X[:2])
    f(X)
    assert kernels.report().cases == [
        Case("twice", "home.twice", calls=3),
        Case("twice", "home.twice", ((3,),), "float32", 1),
        Case("twice", "home.twice", ((2,),), "float32", 1),
    ]
    assert kernels.report()["twice"] == served.Served("home.double", 5, 0)


def test_a_slow_path_has_shapes_and_a_reason():
    f = gate(double)
    assert f(np.ones((2, 3))).tolist() == [[2.0] * 3] * 2
    [case] = kernels.report().cases
    assert case == Case("twice", "body", ((2, 3),), "float64", 1, "it is for vectors")
    assert kernels.report()["twice"] == served.Served("home.double", 0, 1)
    assert "2x3 float64: it is for vectors" in str(kernels.report())


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (X.astype(np.float16), "numbers are float16; kernels are compiled for float32 and float64"),
        (X, "the kernel does not cover these shapes, settings or dtypes"),
        (3.0, "the kernel does not cover these shapes, settings or dtypes"),
    ],
)
def test_a_kernel_that_does_not_say_why(x, reason):
    gate(shy)(x)
    assert kernels.report().cases[0].reason == reason


def test_different_dtypes_are_a_reason():
    served.counted("add", "home.add", lambda: lambda x, y: NotImplemented, np.add)(
        X, X.astype("f8")
    )
    assert kernels.report().cases[0].reason == "dtypes differ: float32 and float64"


def test_an_overlay_that_cannot_be_imported_is_the_reason():
    served.UNUSABLE["home"] = "Numba needs an older NumPy"
    served.counted("twice", "home.twice", lambda: None, lambda x: x + x)(X)
    assert kernels.report().cases[0].reason == "Numba needs an older NumPy"
    assert "home cannot be used: Numba needs an older NumPy" in str(kernels.report())


def test_what_a_kernel_said_that_was_not_counted_is_forgotten():
    f = gate(double)
    double(np.ones((2, 2)))
    f(X)
    assert kernels.report().cases == [Case("twice", "home.twice", calls=1)]


def test_kernels_that_were_chosen_are_named():
    f = gate(lambda x: served.served_by(np.linalg).norm(x))
    f(X)
    assert kernels.report().cases == [Case("twice", "linalg.twice", calls=1)]


def test_beyond_a_limit_shapes_are_not_told_apart(monkeypatch):
    monkeypatch.setattr(served, "LIMIT", 2)
    f = gate(double)
    with kernels.by_shape():
        for count in (1, 2, 3, 4):
            f(np.ones(count))
    assert [(case.shapes, case.calls) for case in kernels.report().cases] == [
        (((1,),), 1),
        (((2,),), 1),
        (None, 2),
    ]
    assert kernels.report()["twice"].calls == 4


def test_as_data():
    gate(double)(np.ones((2, 3)))
    data = json.loads(json.dumps(kernels.report().to_dict()))
    assert data["gates"] == {"twice": {"kernel": "home.double", "calls": 0, "fallbacks": 1}}
    assert data["cases"][0]["shapes"] == [[2, 3]]
    assert (data["conversions"], data["unusable"]) == (0, {})


def test_an_empty_report():
    report = kernels.report()
    assert report == {}
    assert isinstance(report, Report)
    assert str(report) == "No gate was computed by a kernel of an overlay."


def test_the_table_is_aligned():
    f = gate(double)
    for _ in range(12):
        f(X)
    gate(double, "twice_again")(X[:1])
    lines = str(kernels.report()).splitlines()
    assert lines[0].split() == ["gate", "kernel", "calls", "fallbacks"]
    assert lines[1].split() == ["twice", "home.double", "12", "0"]
    assert lines[1].index("12") == lines[2].index(" 1")
