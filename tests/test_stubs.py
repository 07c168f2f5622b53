"""The stubs say what the live classes are, and type checkers understand them."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import stubs

ROOT = Path(__file__).parents[1]
MADE = stubs.stubs()

SAMPLE = """\
from typing_extensions import assert_type

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, Value
from tinygrad_cnn.ops.reduce import Selected
from tinygrad_cnn.tensor import Device

x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
assert_type(2.0 * x + x @ x.T - np.float32(1.0), Tensor)
assert_type(x > 0, Tensor)
assert_type(x == x, Tensor)
assert_type(x.sum(dim=(0, 1), keepdim=True), Tensor)
assert_type(x.max(), Tensor)
assert_type(x.max(dim=1), Selected)
assert_type(x.sort().values, Tensor)
assert_type(x.split(1), tuple[Tensor, ...])
assert_type(x.reshape(4, 1).tanh().float(), Tensor)
assert_type(x[0, :].shape, tuple[int, ...])
assert_type(x.device, Device)
assert_type(x.grad, Tensor | None)
x += 1
x.nonsense  # type: ignore[attr-defined]
x.sum(dim="rows")  # type: ignore[arg-type]

v = Value(2.0, label="v")
assert_type((1 - v / 3) ** 2, Value)
assert_type(v.relu().tanh(), Value)
assert_type(v < 2, bool)
assert_type(v.isnan(), bool)
assert_type(v.data, float)
v.backward()
v @ v  # type: ignore[operator]
v.nonsense  # type: ignore[attr-defined]
"""


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_a_stub_says_what_the_live_classes_are(path):
    on_disk = path.read_text(encoding="utf-8") if path.exists() else ""
    assert on_disk == MADE[path], f"{path.name} is stale; `python -m tests.stubs` rewrites it"


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_a_stub_names_every_public_method(path):
    cls = {"tensor": stubs.tinygrad_cnn.Tensor, "value": stubs.tinygrad_cnn.Value}[path.stem]
    named = set(re.findall(r"(?m)^    (?:def )?(\w+)[(:]", MADE[path]))
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)}  # typed where they stand
    assert {name for name in dir(cls) if not name.startswith("_")} <= named | inherited


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "tinygrad_cnn" / "py.typed").exists()


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_a_type_checker_understands_the_stubs(tmp_path):
    sample = tmp_path / "sample.py"
    sample.write_text(SAMPLE, encoding="utf-8")
    settings = ["--follow-imports=silent", "--warn-unused-ignores", f"--cache-dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *settings, str(sample), *map(str, MADE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
