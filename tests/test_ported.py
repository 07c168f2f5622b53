"""Scripts as users of PyTorch write them run here when one line of each import is changed.

`ported/` holds them as they are for PyTorch. Both libraries start from the same weights and get the
same data; over STEPS steps in float64 every number that a script reports is the same.
"""

import re
import types
from pathlib import Path

import numpy as np
import oracles
import pytest
from oracles import host

import tinygrad_cnn as tg

STEPS = 20
FOLDER = Path(__file__).parent / "ported"


def numbers(*shape):
    return lambda rng: rng.standard_normal(shape)


def labels(count, classes):
    return lambda rng: rng.integers(0, classes, count)


SCRIPTS = {  # what `train` of each script takes between its model and the number of steps
    "sequential": (numbers(16, 1, 28, 28), labels(16, 24)),
    "residual": (numbers(6, 3, 8, 8), labels(6, 5)),
    "two_optimizers": (numbers(8, 6), numbers(8, 4)),
    "gradient_penalty": (numbers(5, 1, 8), numbers(5, 1, 8), lambda rng: rng.random((5, 1, 1))),
    "custom_function": (numbers(9, 5), numbers(9)),
    "schedulers": (numbers(10, 6), labels(10, 3)),
}


def script(name: str, library: str) -> types.ModuleType:
    """A script, with the library's name for `torch` in its imports."""
    text = (FOLDER / f"{name}.py").read_text()
    text = re.sub(r"^import torch$", f"import {library} as torch", text, flags=re.M)
    text = re.sub(r"^(from|import) torch\b", rf"\1 {library}", text, flags=re.M)
    module = types.ModuleType(name)
    exec(compile(text, f"{name} for {library}", "exec"), vars(module))
    return module


HOST = pytest.mark.host("the script sends its model to the CPU itself")


@pytest.mark.parametrize(
    "name", [pytest.param(s, marks=HOST) if s == "sequential" else s for s in SCRIPTS]
)
def test_the_script_reports_the_same_numbers(name, torch):
    rng = np.random.default_rng(7)
    data = [draw(rng) for draw in SCRIPTS[name]]
    theirs = script(name, "torch")
    torch.manual_seed(3)
    model = theirs.build()
    start = {key: host(value.detach()).copy() for key, value in model.state_dict().items()}
    expected = theirs.train(model, *map(torch.from_numpy, data), STEPS)

    ours = script(name, "tinygrad_cnn")
    model = ours.build()
    model.load_state_dict({key: tg.from_numpy(value) for key, value in start.items()})
    found = ours.train(model, *map(tg.tensor, data), STEPS)

    assert len(found) >= STEPS
    assert len(set(found)) > STEPS // 2  # something happens
    oracles.agree("PyTorch scripts", np.array(found), np.array(expected), 1e-9)
