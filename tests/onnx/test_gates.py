"""Every gate that has a form in ONNX: what ONNX Runtime and our own reader make of it."""

import contextlib
import re

import numpy as np
import pytest
from domains import ROWS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from probes import FUNCTIONS, outputs

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.onnx.gates import TRANSLATORS

COMPOSITES = {name for name in ROWS if FUNCTIONS[name].gate.kind == "composite"}
# Derived functions for losses and gradients, which no network has in its forward.
ELSEWHERE = {
    "batch_norm_dx",
    "class_cross_entropy_dx",
    "cross_entropy_dx",
    "soft_cross_entropy_dt",
    "max_pool_dx",
    "window_mean_dx",
}
NAMES = sorted((TRANSLATORS.keys() & ROWS.keys()) | (COMPOSITES - ELSEWHERE))
REFUSALS = (
    "a tensor that has none",
    "without elements",
    "dilated",
    "by a mask or by several arrays",
    "no form of it with input_scale",
    "only arrays of fixed indices",
)


class Network(nn.Module):
    """A gate with the settings of a case, as a network."""

    def __init__(self, name, case):
        self.name = name
        self.case = case

    def forward(self, *xs):
        given = iter(xs)
        inputs = [None if x is None else next(given) for x in self.case.inputs]
        return outputs(self.name, inputs, self.case.settings)[0]


@contextlib.contextmanager
def refusals_apart():
    """An example that cannot be written, for a reason that is known, does not count."""
    try:
        yield
    except RuntimeError as error:
        assume(not any(reason in str(error) for reason in REFUSALS))
        raise


def test_every_translation_is_of_a_gate_with_a_row():
    assert TRANSLATORS.keys() <= ROWS.keys()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6)
@given(data=st.data())
def test_in_onnx_runtime_and_loaded_again(name, runtime, tmp_path_factory, data):
    case = data.draw(ROWS[name].cases)
    arrays = [x for x in case.inputs if x is not None]
    assume(all(x.size and (abs(x * 1.0) < 1e30).all() for x in arrays))
    arrays = [np.asarray(x, "float32") if x.dtype.kind == "f" else x for x in arrays]
    network = Network(name, case)
    path = tmp_path_factory.getbasetemp() / "gate.onnx"
    tensors = tuple(map(tg.tensor, arrays))
    with refusals_apart():
        tg.onnx.export(network, tensors, path, dynamic_axes={})
    want = network(*tensors).numpy()
    (found,) = runtime(path, *arrays)
    for other in (found, tg.onnx.load(path)(*tensors).numpy()):
        assert other.shape == want.shape
        assert other.dtype == want.dtype
        np.testing.assert_allclose(other, want, rtol=1e-5, atol=1e-5)


def test_a_gate_without_a_form_is_named_with_its_module(onnx, tmp_path):
    class Rolled(nn.Module):
        def forward(self, x):
            return x.roll(1, 0)

    model = nn.Sequential(nn.Linear(3, 3), Rolled())
    said = "the gate roll, which ran in 1 (Rolled), cannot be written as ONNX"
    with pytest.raises(RuntimeError, match=re.escape(said)):
        tg.onnx.export(model, tg.zeros(2, 3), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
