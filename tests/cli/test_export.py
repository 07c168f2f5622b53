"""`export`: a trained model as an ONNX file that says what the model says."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.train.setup import trained


def test_the_file_says_what_the_model_says(command, run_folder, tmp_path):
    pytest.importorskip("onnx.checker", reason="ONNX files need the package onnx")
    path = tmp_path / "lenet5.onnx"
    code, out, err = command("export", run_folder, path)
    assert (code, err) == (0, "")
    assert out == f"lenet5 is in {path}; its input is (batch, 1, 32, 32)\n"
    model, _ = trained(run_folder / "checkpoint.safetensors")
    x = tg.tensor(np.random.default_rng(0).standard_normal((3, 1, 32, 32), "float32"))
    assert abs(tg.onnx.load(path).eval()(x) - model(x)).max().item() < 1e-5


def test_what_is_refused(command, run_folder, tmp_path):
    pytest.importorskip("onnx.checker", reason="ONNX files need the package onnx")
    code, _, err = command("export", tmp_path / "nothing", tmp_path / "model.onnx")
    assert (code, "there is no such file" in err) == (2, True)
    code, _, err = command("export", run_folder, tmp_path / "no" / "model.onnx")
    assert (code, "there is no folder" in err) == (2, True)
    code, _, err = command("export", run_folder, tmp_path)
    assert (code, err) == (
        2,
        f"tinygrad-cnn: {tmp_path} is a folder; give a file in it, {tmp_path / 'model.onnx'}\n",
    )
    assert command("export", run_folder, ".")[2].endswith("give a file in it, model.onnx\n")
