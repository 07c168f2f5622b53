"""Convolution as sums of matrix products, on the device double and through raw addresses."""

import cudnn_double
import numpy as np
import pytest
from drawing import convolution
from hypothesis import assume, given, settings

from tinygrad_cnn.kernels import cuda_gemm, cuda_runtime
from tinygrad_cnn.kernels.flags import CUDNN
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx, conv_relu

GATES = {f.gate.name: f for f in (conv, conv_dx, conv_dw)}
ROUNDING = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}


def numbers(case, dtype):
    """The inputs of a case, none of them empty."""
    inputs = [None if a is None else a.astype(dtype) for a in case.inputs]
    assume(all(a is None or a.size for a in inputs))
    return inputs


def truth(name, inputs, how):
    """The gate's body, in float64."""
    return GATES[name].gate.body(*[None if a is None else a.astype("f8") for a in inputs], **how)


def agrees(got, wanted, dtype):
    """Whether numbers agree up to the rounding of their dtype, which they have."""
    assert got.dtype == dtype and got.shape == wanted.shape
    scale = np.abs(wanted).max() + 1
    np.testing.assert_allclose(got.astype("f8") / scale, wanted / scale, atol=ROUNDING[str(dtype)])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("name", GATES)
def test_on_the_device_double(name, dtype, double):
    @settings(max_examples=25)
    @given(convolution(name))
    def agree(case):
        inputs = numbers(case, dtype)
        device = [None if a is None else double.asarray(a) for a in inputs]
        with double.counting_syncs() as seen:
            z = getattr(cuda_gemm, name)(*device, **case.settings)
        assert not seen
        agrees(z.get(), truth(name, inputs, case.settings), np.dtype(dtype))

    agree()


@pytest.fixture
def gpu(monkeypatch):
    """Arrays of NumPy taken for CuPy's, and cuBLAS on their addresses."""
    monkeypatch.setattr(cuda_runtime, "on_gpu", lambda x: True)
    monkeypatch.setattr(cuda_runtime, "address", cudnn_double.host_address)
    monkeypatch.setattr(cuda_runtime, "cublas", lambda: (cudnn_double.cublas, "cublas"))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", GATES)
def test_through_cublas(name, dtype, gpu):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")

    @settings(max_examples=25)
    @given(convolution(name))
    def agree(case):
        inputs = numbers(case, dtype)
        z = getattr(cuda_gemm, name)(*inputs, **case.settings)
        agrees(z, truth(name, inputs, case.settings), np.dtype(dtype))

    agree()


@pytest.mark.parametrize("allowed, compute", [(True, cuda_gemm.TF32), (False, cuda_gemm.EXACT)])
def test_tensor_cores_only_where_they_are_allowed(allowed, compute, gpu, monkeypatch):
    library, handle = cuda_runtime.cublas()
    seen = []

    def gemm(*arguments):
        seen.append(arguments[-2])
        library.gemmEx(*arguments)

    recorder = type("cublas", (), {"gemmEx": staticmethod(gemm)})
    monkeypatch.setattr(cuda_runtime, "cublas", lambda: (recorder, handle))
    x, w = np.ones((1, 2, 3, 3), "f4"), np.ones((2, 2, 1, 1), "f4")
    how = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    with CUDNN.flags(allow_tf32=allowed):
        cuda_gemm.conv(x, w, None, **how)
    assert seen == [compute]


def test_relu_and_bias_follow(double):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s) for s in ((2, 3, 5, 5), (4, 3, 3, 3), (4,)))
    how = {"stride": (1, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    z = cuda_gemm.conv(*map(double.asarray, (x, w, b)), relu=True, **how)
    assert np.allclose(z.get(), conv_relu.gate.body(x, w, b, **how), atol=1e-12)


def test_a_window_of_one_place_copies_no_image_that_lies_in_rows(double):
    """Its images are the matrix; the products read them where they lie."""
    rows = double.asarray(np.ones((2, 4, 4, 3), "f4"))
    x = rows.transpose(0, 3, 1, 2)
    ones = (1, 1)
    frames = cuda_gemm.Frames(x.shape, (5, 3, 1, 1), ones, (0, 0), ones, 1)
    matrix = cuda_gemm.framed(frames, x, (0, 0), x.dtype)
    assert matrix.shape == (1, 32, 3)
    assert np.shares_memory(matrix._host, rows._host)
    z = cuda_gemm.conv(
        x, double.asarray(np.ones((5, 3, 1, 1), "f4")), None,
        stride=ones, padding=(0, 0), dilation=ones, groups=1,
    )  # fmt: skip
    assert z.transpose(0, 2, 3, 1).flags.c_contiguous


def test_numbers_that_no_window_reaches_stay_out(double):
    """Rows between images are computed with the others: what is in them must not get out."""
    x = np.ones((2, 1, 4, 4))
    x[:, :, 3, :] = np.nan
    w = np.ones((1, 1, 2, 2))
    how = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    z = cuda_gemm.conv(double.asarray(x), double.asarray(w), None, **how).get()
    assert np.array_equal(np.isnan(z), np.isnan(conv.gate.body(x, w, None, **how)))
