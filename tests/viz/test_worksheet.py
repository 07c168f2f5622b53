"""Worksheets: what is on them, and that the check finds every wrong number and nothing else."""

import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worked_graphs import fork, neuron

import tinygrad_cnn as tg
from tinygrad_cnn import viz
from tinygrad_cnn.viz.exercise import lines_of, program_of, reseeded, run
from tinygrad_cnn.viz.latex import HEAD, latex
from tinygrad_cnn.viz.number import short
from tinygrad_cnn.viz.worksheet import FORMS, form_of, right, written

ROOT = Path(__file__).parents[2]
UNARY = (tg.tanh, tg.exp, tg.relu, tg.sigmoid, tg.neg, tg.square)
BINARY = (tg.add, tg.sub, tg.mul, tg.maximum, tg.minimum)
NAMES = ("x", "w_1", "a*b", "∂ # $ % & {", "\\[", " ", "(1)")
FILES = pytest.mark.parametrize("suffix", sorted(FORMS))


def product():
    """f = (x + y) z at -2, 5, -4."""
    x, y, z = tg.Value(-2, "x"), tg.Value(5, "y"), tg.Value(-4, "z")
    q = x + y
    q.label = "q"
    f = q * z
    f.label = "f"
    return f


@st.composite
def graphs(draw, names=NAMES):
    """A random scalar graph, with odd names and constants."""
    values = [tg.Value(draw(st.floats(-2, 2)), draw(st.sampled_from(names))) for _ in range(3)]
    for _ in range(draw(st.integers(1, 8))):
        gate = draw(st.sampled_from([*UNARY, *BINARY]))
        x = draw(st.sampled_from(values))
        y = draw(st.sampled_from([*values, 0.5]))
        values.append(gate(x) if gate in UNARY else gate(x, y))
    return values[-1]


def answers(text, form):
    """The places of the numbers behind the last `=` signs and in products: (start, end)."""
    spans = []
    at = 0
    for row in text.splitlines(keepends=True):
        if re.match(r"(- |\\quad )\(\d+\) ", row):
            head = row.index(") ") + 2
            for found in re.finditer(r"(?<![\w.])(\$-\$|−)?\d+(\.\d+)?(?![\w.])", row[head:]):
                spans.append((at + head + found.start(), at + head + found.end()))
        at += len(row)
    return spans


# --- what is on a sheet ---------------------------------------------------------------------------


@FILES
def test_the_sheet_of_the_hand_example(tmp_path, suffix):
    path = viz.worksheet(product(), tmp_path / "new" / f"sheet{suffix}", seed=None)
    assert path == tmp_path / "new" / f"sheet{suffix}"
    form = form_of(path)
    sheet = path.read_text(encoding="utf-8")
    solution = path.with_suffix(f".solution{suffix}").read_text(encoding="utf-8")
    asked = sheet.count(form.blank) - (suffix == ".tex")  # which also says what a blank is
    assert asked == 2 + 4 * 3
    assert solution.count(form.blank) == (suffix == ".tex")
    words = solution.replace(r"$\cdot$", "·").replace(r"$\times$", "×").replace("$-$", "−")
    assert "(1) x = −2" in words
    assert "(4) q = x + y = 3" in words
    assert "(5) f = q · z = −12" in words
    assert "Mul switches: Each input gets the upstream gradient times the other input." in words
    assert "to q: upstream × local (z) = 1 × −4 = −4" in words
    assert "to z: upstream × local (q) = 1 × 3 = 3" in words
    assert "to y: upstream × local = −4 × 1 = −4" in words
    assert viz.check(path).startswith("Line (4) has a blank: q = x + y = ")
    assert viz.check(path.with_suffix(f".solution{suffix}")) == ""


def test_gradients_that_meet_are_added():
    x = tg.Value(3.0, "x")
    solution = written(program_of(x * x + x), FORMS[".md"], True)
    assert "gradient of x = 1 + 3 + 3 = 7" in solution


@given(graphs())
def test_the_numbers_are_those_of_the_graph(root):
    program = program_of(root)
    values = run(program)
    assert values[-1].data == root.data
    root.backward()
    values[-1].backward()
    assert values[-1].grad == root.grad
    _, lines = lines_of(program)
    sums = [line.parts for line in lines if "gradient of " in line.parts[0]]
    for parts in sums[1:]:
        terms = [p for p in parts if isinstance(p, float)]
        assert terms[-1] == pytest.approx(math.fsum(terms[:-1]), abs=1e-9)
    steps = [line.parts for line in lines if "upstream × local" in line.parts[0]]
    for _, upstream, _, local, _, sent in steps:
        assert sent == upstream * local


# --- numbers --------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_numbers_again_in_another_process(tmp_path):
    texts = [viz.worksheet(product(), tmp_path / f"{i}.md", seed=7).read_text() for i in range(2)]
    assert texts[0] == texts[1]
    assert viz.worksheet(product(), tmp_path / "2.md", seed=8).read_text() != texts[0]
    code = (
        "import sys, tinygrad_cnn as tg\n"
        "x, y, z = tg.Value(1, 'x'), tg.Value(1, 'y'), tg.Value(1, 'z')\n"
        "q = x + y; q.label = 'q'; f = q * z; f.label = 'f'\n"
        "tg.viz.worksheet(f, sys.argv[1], seed=7)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "3.md")], check=True, cwd=ROOT)
    assert (tmp_path / "3.md").read_text() == texts[0]


@given(st.integers(0, 1000))
def test_seeded_numbers_are_nice(seed):
    values = run(reseeded(program_of(product()), seed))
    values[-1].backward()
    assert all(v.data == int(v.data) and v.grad == int(v.grad) for v in values)
    assert all(v.grad for v in values)


def test_seeded_numbers_keep_logarithms_and_roots_finite_and_gates_open():
    x, y = tg.Value(1.0, "x"), tg.Value(1.0, "y")
    values = run(reseeded(program_of((x.log() * y.sqrt()).tanh() + (x - y).relu()), 1))
    values[-1].backward()
    assert all(math.isfinite(v.data) and v.grad for v in values)


def test_constants_and_settings_stay():
    x = tg.Value(1.0, "x")
    root = tg.leaky_relu(x * 3.0, negative_slope=0.25) ** 2
    values = run(reseeded(program_of(root), 5))
    assert [v.data for v in values if v.label == ""] == [3.0, 2.0]
    assert values[-2].rest == (0.25,) or values[-3].rest == (0.25,)


def test_no_numbers():
    with pytest.raises(ValueError, match="no numbers were found"):
        reseeded(program_of((tg.Value(1.0, "x") * 0.0).log()), 0)


# --- the check ------------------------------------------------------------------------------------


@FILES
@given(graphs())
def test_a_solution_is_right(tmp_path_factory, suffix, root):
    path = viz.worksheet(root, tmp_path_factory.mktemp("sheet") / f"s{suffix}", seed=None)
    assert viz.check(path.with_suffix(f".solution{suffix}")) == ""


@FILES
@given(graphs(names=("x", "w", "b")), st.data())
def test_any_changed_number_is_found_and_its_line_named(tmp_path_factory, suffix, root, data):
    form = FORMS[suffix]
    program = reseeded(program_of(root), 3)
    text = written(program, form, True)
    start, end = data.draw(st.sampled_from(answers(text, form)))
    old = text[start:end]
    number = float(old.replace("$-$", "-").replace("−", "-"))
    new = data.draw(st.sampled_from([number + 1, -number - 0.3, number * 1.002 + 0.001, 77.7]))
    path = tmp_path_factory.mktemp("sheet") / f"s{suffix}"
    path.write_text(text[:start] + short(new) + text[end:], encoding="utf-8")
    line = re.findall(r"\((\d+)\)", text[: start + 1].splitlines()[-1])[0]
    if short(new) != short(number):
        assert viz.check(path).startswith(f"Line ({line}) ")


@given(st.floats(-1e5, 1e5), st.integers(1, 400))
def test_a_number_is_right_to_four_digits_and_not_with_fewer(answer, off):
    form = FORMS[".md"]
    assert right(short(answer).replace("−", "-"), answer, form)
    assert right(repr(answer), answer, form)
    if abs(answer) > 1e-300:
        unit = 10.0 ** (math.floor(math.log10(abs(answer))) - 3)
        assert not right(repr(answer + (0.51 + off) * unit), answer, form)


@pytest.mark.parametrize("written", ["0.3333", "1/3", " 0.33333 ", "`0.3333`", "3333e-4"])
def test_ways_to_write_a_number(written):
    assert right(written.strip(), 1 / 3, FORMS[".md"])


@pytest.mark.parametrize("written", ["0.333", "1/0", "a third", "", "0.3334", "--1", "nan"])
def test_what_is_no_third(written):
    assert not right(written, 1 / 3, FORMS[".md"])


def filled(tmp_path, change):
    """The solution of the hand example after a change of its text."""
    path = viz.worksheet(product(), tmp_path / "sheet.md", seed=None)
    path.write_text(change(path.with_suffix(".solution.md").read_text("utf-8")), "utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("- (4) q = x + y = 3\n", "", "Line (4) is missing."),
        ("x + y = 3", "x - y = 3", "Line (4) is no longer what the sheet asked for"),
        ("(1) x = −2", "(1) x = −3", "Line (1) is no longer what the sheet asked for: x = -3"),
        ("= q · z = −12", "= q · z = 12", "Line (5) has a wrong number, 12: f = q · z = 12"),
        ("= q · z = −12", "= q · z = ", "Line (5) has a blank: "),
        ("1 × −4 = −4", "1 × -4 = - 4", ""),
        ("1 × −4 = −4", "−4 × 1 = −4", "Line (7) has a wrong number, -4: "),
        ("## Forward", "## Forward, with my notes\n\nIt is easy.", ""),
        ("q = x + y = 3", "q  =  x+y = **3**", ""),
    ],
)
def test_what_a_check_says(tmp_path, old, new, found):
    path = filled(tmp_path, lambda text: text.replace(old, new, 1))
    said = viz.check(path)
    assert said.startswith(found) if found else said == ""


def test_the_first_wrong_line_is_named(tmp_path):
    def change(text):
        return text.replace("y = 3", "y = 4").replace("z = −12", "z = −16")

    assert viz.check(filled(tmp_path, change)).startswith("Line (4) has a wrong number, 4")


# --- errors ---------------------------------------------------------------------------------------


def test_errors(tmp_path):
    with pytest.raises(TypeError, match=r"takes a Value, got a Tensor; viz.dive\(y, index\)"):
        viz.worksheet(tg.tensor([1.0], requires_grad=True) * 2.0, tmp_path / "s.md")
    with pytest.raises(TypeError, match="a picture needs a Value or a Tensor, got float"):
        viz.worksheet(3.0, tmp_path / "s.md")
    with pytest.raises(TypeError, match="a picture needs a Value or a Tensor, got NoneType"):
        viz.worksheet(None, tmp_path / "s.md")
    with pytest.raises(ValueError, match=r"s.txt must end in .md or .tex"):
        viz.worksheet(product(), tmp_path / "s.txt")
    with pytest.raises(ValueError, match="this Value is not computed from anything"):
        viz.worksheet(tg.Value(1.0, "x"), tmp_path / "s.md")
    assert not list(tmp_path.iterdir())
    for text in ("# Notes\n", "worksheet: [1]", "worksheet: [[]]", "worksheet: [[null, 3], }]"):
        (tmp_path / "s.md").write_text(text)
        with pytest.raises(ValueError, match=r"s.md is no worksheet of viz.worksheet"):
            viz.check(tmp_path / "s.md")


def test_a_dive_as_a_worksheet(tmp_path):
    x, w = tg.ones(1, 1, 2, 2), tg.ones(1, 1, 2, 2, requires_grad=True)
    with viz.keep():
        y = tg.nn.functional.conv2d(x, w)
    path = viz.worksheet(viz.dive(y, (0, 0, 0, 0)), tmp_path / "pixel.md", seed=2)
    assert "w[0,0,1,1]" in path.read_text("utf-8").replace("\\", "")
    assert viz.check(path.with_suffix(".solution.md")) == ""


# --- LaTeX ----------------------------------------------------------------------------------------

LATEX = shutil.which("pdflatex")
WILD = [
    "a_b^c~\\{x}&%$#",
    "β<θ|λ>Ω’ς",
    "ü–é\"`'«ħ☃日\u0301",
    "x₁ ∂/∂²≈∞√−·×÷",
    "%",
    "\\end{document}",
]


COMMANDS = (
    "begin section subsection medskip quad textbackslash cdot times div surd infty partial approx "
    "sigma beta theta lambda Omega varsigma"
)


def wild_graph():
    values = [tg.Value(1.5 + i, name) for i, name in enumerate(WILD)]
    total = tg.sqrt(values[0]) + tg.sigmoid(values[1]) - tg.maximum(values[2], values[3])
    return total / values[4] ** 2 + tg.exp(-values[5])


def balanced(text):
    """Whether braces and dollars are in pairs, those that are escaped left out."""
    bare = re.sub(r"\\[\\{}$%&#_^~]", "", "\n".join(re.sub(r"(?<!\\)%.*", "", text).splitlines()))
    depth = 0
    for c in bare:
        depth += {"{": 1, "}": -1}.get(c, 0)
        if depth < 0:
            return False
    return depth == 0 and all(line.count("$") % 2 == 0 for line in bare.splitlines())


def test_latex_is_well_formed(tmp_path):
    path = viz.worksheet(wild_graph(), tmp_path / "wild.tex")
    for text in (path.read_text("utf-8"), path.with_suffix(".solution.tex").read_text("utf-8")):
        assert balanced(text)
        body, _, carried = text.partition("% worksheet: ")
        assert body.count(r"\end{document}") == 0
        assert carried.count("\n") == 2  # one comment, and the end
        assert carried.endswith("\\end{document}\n")
        commands = set(re.findall(r"\\([a-zA-Z]+)", body))
        assert commands <= {*re.findall(r"\\([a-zA-Z]+)", HEAD), *COMMANDS.split()}
    assert viz.check(path.with_suffix(".solution.tex")) == ""
    assert "has a blank" in viz.check(path)


@given(st.characters())
def test_every_character_is_written_in_what_fonts_have(c):
    if c in "\\{}":
        return
    assert balanced(latex(c))
    assert all(ord(x) <= 0x17F for x in latex(c))


@pytest.mark.skipif(LATEX is None, reason="sheets are set by pdflatex: install texlive")
@pytest.mark.parametrize("make", [product, fork, neuron, wild_graph])
def test_latex_sets_the_sheet(tmp_path, make):
    path = viz.worksheet(make(), tmp_path / "sheet.tex")
    for sheet in (path, path.with_suffix(".solution.tex")):
        done = subprocess.run(
            [LATEX, "-interaction=nonstopmode", "-halt-on-error", sheet.name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            errors="replace",
        )
        assert done.returncode == 0, done.stdout[-2000:]
        assert sheet.with_suffix(".pdf").exists()
