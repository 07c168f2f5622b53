"""What the tests of ONNX files need: the packages, and a network as ONNX Runtime computes it."""

import numpy as np
import pytest

import tinygrad_cnn as tg


@pytest.fixture(scope="session")
def onnx():
    """The package onnx. The name of its part keeps this folder from being taken for it."""
    pytest.importorskip("onnx.checker", reason="ONNX files need the package onnx")
    return pytest.importorskip("onnx")


@pytest.fixture(scope="session")
def runtime(onnx):
    """A function: what ONNX Runtime computes from a file and arrays; the file is checked first."""
    runtime = pytest.importorskip(
        "onnxruntime", reason="ONNX Runtime is an extra oracle: install onnxruntime"
    )
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1

    def run(path, *arrays):
        onnx.checker.check_model(path, full_check=True)
        session = runtime.InferenceSession(path, options)
        names = [entry.name for entry in session.get_inputs()]
        return session.run(None, dict(zip(names, arrays, strict=True)))

    return run


@pytest.fixture
def agrees(runtime, tmp_path):
    """A function: exports a model, and compares it with itself in ONNX Runtime and loaded again.

    shape: of the input. batches: how many samples are in what it is then run on.
    """

    def check(model, shape, batches=(2, 5), draw=None, tolerance=1e-5, **settings):
        path = tmp_path / "model.onnx"
        tg.onnx.export(model, tg.zeros(*shape), path, **settings)
        again = tg.onnx.load(path).eval()
        model.eval()
        rng = np.random.default_rng(0)
        for batch in batches:
            size = (batch, *shape[1:])
            x = (rng.standard_normal(size) if draw is None else draw(rng, size)).astype("float32")
            with tg.no_grad():
                want = model(tg.tensor(x)).numpy()
                loaded = again(tg.tensor(x)).numpy()
            scale = max(1.0, float(abs(want).max()))
            (found,) = runtime(path, x)
            assert found.shape == loaded.shape == want.shape
            assert abs(found - want).max() <= tolerance * scale
            assert abs(loaded - want).max() <= tolerance * scale
        return path

    return check
