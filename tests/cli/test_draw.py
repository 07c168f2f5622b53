"""`tinygrad-cnn draw`: expressions are parsed right, and only expressions."""

import errno
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn import Value, viz
from tinygrad_cnn.cli import main
from tinygrad_cnn.cli.draw import FUNCTIONS, graph, numbers
from tinygrad_cnn.ops import activation

MATHS = {"tanh": math.tanh, "sin": math.sin, "max": max, "min": min, "relu": lambda x: max(x, 0.0)}


def run(capsys, *words):
    """The exit code, what was printed, and the errors."""
    code = main(["draw", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def expressions():
    """Expressions in Python's own syntax that both sides understand."""
    numbers = st.sampled_from(["2", "0.5", "1e-1", "-3"])
    names = st.sampled_from(["x", "y"])
    return st.recursive(
        names | numbers,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
            st.builds("{} - {}".format, inner, inner),
            st.builds("-{}".format, inner.map("({})".format)),
            st.builds("{}({})".format, st.sampled_from(["tanh", "sin", "relu"]), inner),
            st.builds("{}({}, {})".format, st.sampled_from(["max", "min"]), inner, inner),
        ),
        max_leaves=8,
    ).map("{} + 0*x*y".format)


@given(expressions(), st.floats(-3, 3), st.floats(-3, 3))
def test_an_expression_has_the_value_python_gives_it(expression, x, y):
    wanted = eval(expression, MATHS, {"x": x, "y": y})
    assert graph(expression, {"x": x, "y": y}).data == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_can_be_drawn(name):
    two = FUNCTIONS[name].gate.arity == 2
    result = graph(f"{name}(x, y) + 0*y" if two else f"{name}(x) + 0*y", {"x": 0.4, "y": 0.3})
    result.backward()
    viz.draw(result)


def test_powers_and_quotients_follow_the_rules_of_floats():
    assert graph("x**2", {"x": -3.0}).data == 9
    assert graph("-x**2", {"x": 3.0}).data == -9
    assert graph("1/x", {"x": 0.0}).data == math.inf
    assert math.isnan(graph("x**0.5", {"x": -1.0}).data)
    assert graph("10**400*x", {"x": 1.0}).data == math.inf
    assert graph("+x", {"x": 3.0}).data == 3


def test_numbers_of_an_expression_are_constants():
    result = graph("2*x - 3", {"x": 1.0})
    result.backward()
    assert "#2 = 2 × x" in viz.draw_text(result)
    assert "#3 = #2 − 3" in viz.draw_text(result)


def test_the_command(capsys):
    code, out, _ = run(capsys, "(x+y)*z", "x=-2", "y=5", "z=-4")
    assert code == 0
    assert out.startswith("(x+y)*z = −12\n")
    assert "z                −4      3" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x[0]+1", "x=1"], "only numbers, names, + - * / ** and calls are understood"),
        (["x.real", "x=1"], "only numbers"),
        (["x if x else y", "x=1", "y=2"], "only numbers"),
        (["x*True", "x=1"], "only numbers"),
        (["x*3j", "x=1"], "only numbers"),
        (["x % 2", "x=1"], "only numbers"),
        (["(lambda: x)()", "x=1"], "no function of that name"),
        (["__import__('os')"], "no function of that name; there are abs, "),
        (["tanh(x, x)", "x=1"], "tanh takes 1 input"),
        (["max(x)", "x=1"], "max takes 2 inputs"),
        (["tanh(x=3)"], "tanh takes 1 input"),
        (["tanh(*x)", "x=1"], "only numbers"),
        (["x+", "x=1"], "this cannot be read: "),
        (["((x", "x=1"], "this cannot be read: "),
        (["", "x=1"], "this cannot be read: "),
        (["x; y", "x=1"], "this cannot be read: "),
        (["x+y", "x=1"], "y has no number; add y=NUMBER"),
        (["x", "x=1", "y=2", "z=3"], "y, z: given, but not in the expression x"),
        (["2*3"], "2*3 holds no name"),
        (["x", "x=a"], "'x=a' gives no name a number; write it like x=-2"),
        (["x", "x"], "'x' gives no name a number"),
        (["x", "=2"], "'=2' gives no name a number"),
        (["x", "x=1", "x=2"], "x is given twice, as 1 and 2"),
        (["x*1" + "0" * 400, "x=1"], "this number is too large"),
        (["x", "x=1", "--output", "f.bmp"], "--output f.bmp must end in one of .svg, .png"),
        (["x", "x=1", "--output", "f"], "--output f must end in one of"),
    ],
)
def test_errors(capsys, words, message):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert not out
    assert err.startswith(f"tinygrad-cnn: {message}")


@pytest.mark.parametrize(
    ("expression", "marked"),
    [
        ("é + é[0]", "é[0]"),
        ("é*(1 if é else 2)", "1 if é else 2"),
        ("foo(é) + é", "foo"),
        ("é + unknown", "unknown"),
        ("  é +\n unknown", "unknown"),
        ("é + é)", ")"),
    ],
)
def test_errors_point_at_the_spot(expression, marked):
    with pytest.raises(ValueError, match=r"\^") as caught:
        graph(expression, {"é": 1.0})
    _, shown, marks = str(caught.value).split("\n")
    assert shown[marks.index("^") : len(marks)] == marked


@given(st.text(alphabet="xy0123.+-*/()[]{}'\",:=<>!&|^%~@# lambda_if", max_size=30))
def test_whatever_is_typed_there_is_a_value_or_a_sentence(text):
    try:
        graph(text, {"x": 1.0})
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize("deep", ["+".join(["x"] * 20_000), "(" * 5_000 + "x" + ")" * 5_000])
def test_too_deep(deep):
    with pytest.raises(ValueError, match=r"too deeply|this cannot be read"):
        graph(deep, {"x": 1.0})


def test_numbers_are_floats():
    assert numbers(["x=-2", "y=1e3", "ä=inf"]) == {"x": -2.0, "y": 1000.0, "ä": math.inf}


@pytest.mark.skipif(bool(viz.missing_dot()), reason="images need the program `dot` of Graphviz")
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot", "txt"])
def test_output(capsys, tmp_path, suffix):
    path = tmp_path / f"f.{suffix}"
    code, out, _ = run(capsys, "x*x", "x=3", "--output", path)
    assert code == 0
    assert f"wrote {path}" in out
    assert path.stat().st_size > 0


@pytest.mark.parametrize("option", ["--output", "--step"])
def test_an_older_file_outlives_a_full_disk(capsys, tmp_path, monkeypatch, option):
    path = tmp_path / ("f.html" if option == "--step" else "f.txt")
    path.write_text("older")

    def write_text(self, *args, **named):
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)
    code, _, err = run(capsys, "x*x", "x=3", option, path)
    assert (code, err) == (2, "tinygrad-cnn: No space left on device\n")
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_output_without_dot(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, out, _ = run(capsys, "x*x", "x=3", "--output", tmp_path / "f.png")
    assert code == 0
    assert viz.missing_dot() in out
    assert f"wrote its source instead: {tmp_path / 'f.dot'}" in out
    assert (tmp_path / "f.dot").read_text(encoding="utf-8").startswith("digraph")
    assert not (tmp_path / "f.png").exists()


def test_a_page_that_plays_the_expression(capsys, tmp_path):
    path = tmp_path / "pages" / "trace.html"
    code, out, _ = run(capsys, "(x+y)*z", "x=-2", "y=5", "z=-4", "--step", path)
    assert code == 0
    assert f"wrote {path}" in out
    assert "tg.viz.step/2" in path.read_text(encoding="utf-8")
    code, _, err = run(capsys, "x*2", "x=1", "--step", tmp_path / "trace.svg")
    assert code == 2
    assert "must end in .html" in err
    assert list(tmp_path.iterdir()) == [path.parent]


@pytest.mark.parametrize("name", [n for n in sorted(vars(activation)) if hasattr(Value, n)])
def test_every_activation_of_one_number_is_known(name):
    function = getattr(activation, name)
    try:
        expected = function(Value(0.7)).data
    except (TypeError, RuntimeError):  # it takes more than one number, or none
        return
    assert graph(f"{name}(x)", {"x": 0.7}).data == expected
    assert name in FUNCTIONS
