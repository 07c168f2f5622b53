"""Which convolution on a GPU is served by whom, and that cuDNN is asked for the right thing."""

import cudnn_double
import numpy as np
import pytest
from drawing import convolution
from hypothesis import assume, given, settings

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import capture, cuda_conv, cuda_gemm, cuda_plan, served
from tinygrad_cnn.kernels.flags import CUDNN
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx, conv_relu

GATES = {f.gate.name: f for f in (conv, conv_dx, conv_dw)}
HOW = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
RNG = np.random.default_rng(0)


@pytest.fixture
def library(double, monkeypatch):
    with cudnn_double.installed(monkeypatch, double.asarray) as made:
        yield made


def arrays(double, *shapes, dtype="f4"):
    """Arrays of the device double with random numbers."""
    return [double.asarray(RNG.standard_normal(s).astype(dtype)) for s in shapes]


def said():
    """Who served the last kernel, or why none did."""
    return served.SAID.words.rpartition(".")[2]


# --- cuDNN ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", GATES)
def test_cudnn_gets_what_the_gate_means(name, dtype, strict, library, double):
    @settings(max_examples=25)
    @given(convolution(name))
    def agree(case):
        inputs = [None if a is None else a.astype(dtype) for a in case.inputs]
        assume(all(a is None or a.size for a in inputs))
        device = [None if a is None else double.asarray(a) for a in inputs]
        with CUDNN.flags(allow_tf32=not strict), double.counting_syncs() as seen:
            z = getattr(cuda_conv, name)(*device, **case.settings)
        assert not seen and said() == "cuda_plan"
        exact = [None if a is None else a.astype("f8") for a in inputs]
        wanted = GATES[name].gate.body(*exact, **case.settings)
        assert z.dtype == dtype and z.shape == wanted.shape
        close = 1e-5 if dtype == "float32" else 4e-3
        np.testing.assert_allclose(z.get(), wanted, rtol=close, atol=close * 10)

    agree()


def test_bfloat16(library):
    bfloat16 = pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes").bfloat16
    x, w = (RNG.standard_normal(s).astype(bfloat16) for s in ((2, 3, 5, 5), (4, 3, 3, 3)))
    z = cuda_conv.conv(x, w, None, **HOW)
    assert z.dtype == x.dtype and said() == "cuda_plan"
    wanted = conv.gate.body(x.astype("f8"), w.astype("f8"), None, **HOW)
    np.testing.assert_allclose(z.astype("f8"), wanted, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("refuses", [False, True])
def test_what_follows_the_sums_is_part_of_the_plan_or_comes_after_it(
    bias, refuses, library, double, monkeypatch
):
    if refuses:
        monkeypatch.setattr(cudnn_double.Graph, "check_support", refuse_what_follows)
    x, w, b = arrays(double, (2, 3, 6, 6), (4, 3, 3, 3), (4,))
    for gate, kernel in ((conv, cuda_conv.conv), (conv_relu, cuda_conv.conv_relu)):
        z = kernel(x, w, b if bias else None, **HOW)
        wanted = gate.gate.body(x, w, b if bias else None, **HOW)
        assert np.allclose(z.get(), wanted.get(), atol=1e-5)
        assert said() == "cuda_plan"


def refuse_what_follows(graph):
    """As check_support, with no plans but for convolutions alone."""
    graph.reach("supported", "planned")
    if graph.after:
        raise cudnn_double.NotSupported("nothing may follow")


@pytest.mark.parametrize(
    "dtype, strict, rows",
    [("f4", False, True), ("f4", True, False), ("f2", False, True), ("f2", True, True)],
)
def test_layouts(dtype, strict, rows, library, double):
    """Channels innermost for tensor cores, planes for float32 as it is; the gradient of weights
    always as weights lie."""
    x, w, u = arrays(double, (2, 4, 6, 6), (8, 4, 3, 3), (2, 8, 6, 6), dtype=dtype)
    with CUDNN.flags(allow_tf32=not strict):
        z = cuda_conv.conv(x, w, None, **HOW)
        gx = cuda_conv.conv_dx(u, w, space=(6, 6), **HOW)
        gw = cuda_conv.conv_dw(u, x, window=(3, 3), **HOW)
    assert said() == "cuda_plan"
    for made in (z, gx):
        assert made.transpose(0, 2, 3, 1).flags.c_contiguous is rows
        assert made.flags.c_contiguous is not rows
    assert gw.flags.c_contiguous


def test_a_net_converts_its_images_and_weights_alone(library, double):
    x, w = arrays(double, (2, 4, 6, 6), (4, 4, 3, 3))
    z = cuda_conv.conv(x, w, None, **HOW)
    before = kernels.report().conversions
    cuda_conv.conv(z, w, None, **HOW)
    assert kernels.report().conversions == before + 1  # the weights


def test_arrays_at_odd_addresses_and_with_gaps_are_copied(library, double):
    flat = double.asarray(RNG.standard_normal(1 + 2 * 3 * 6 * 6).astype("f4"))
    (w,) = arrays(double, (4, 3, 3, 3))
    with CUDNN.flags(allow_tf32=False):
        for x in (flat[1:].reshape(2, 3, 6, 6), flat[1:].reshape(2, 3, 6, 6)[:, :, ::2, ::-1]):
            z = cuda_conv.conv(x, w, None, **HOW)
            assert np.allclose(z.get(), conv.gate.body(x, w, None, **HOW).get(), atol=1e-5)
            assert said() == "cuda_plan"


def test_a_plan_is_made_once_for_all_that_it_depends_on(library, double):
    x, w, u = arrays(double, (2, 4, 6, 6), (8, 4, 3, 3), (2, 8, 6, 6))

    def plans():
        before = len(library.graphs)
        cuda_conv.conv(x, w, None, **HOW)
        cuda_conv.conv_dx(u, w, space=(6, 6), **HOW)
        cuda_conv.conv_dw(u, x, window=(3, 3), **HOW)
        return len(library.graphs) - before

    assert [plans(), plans()] == [3, 0]
    with CUDNN.flags(allow_tf32=False):
        assert [plans(), plans()] == [3, 0]
    with CUDNN.flags(deterministic=True):
        assert [plans(), plans()] == [3, 0]
    x, u = x[:1], u[:1]
    assert [plans(), plans()] == [3, 0]
    x, w, u = (a.astype("f2") for a in (x, w, u))
    assert [plans(), plans()] == [3, 0]
    assert len(cuda_plan.PLANS) == 15


def test_deterministic_and_strict_plans_alone(library, double):
    x, w = arrays(double, (2, 4, 6, 6), (8, 4, 3, 3))
    for flags, plan in [({}, 0), ({"allow_tf32": False}, 3), ({"deterministic": True}, 0)]:
        with CUDNN.flags(**flags):
            cuda_conv.conv(x, w, None, **HOW)
        assert library.ran[-1] == ("conv", f"eng{plan}_k2={plan}")
    with CUDNN.flags(allow_tf32=False, deterministic=True):
        cuda_conv.conv(x, w, None, **HOW)
    assert library.ran[-1] == ("conv", "eng4_k2=4")


def test_a_stream_is_told_when_it_changes(library, double):
    x, w = arrays(double, (2, 4, 6, 6), (8, 4, 3, 3))
    for stream in (7, 7, 9, 9, 7):
        library.stream = stream
        cuda_conv.conv(x, w, None, **HOW)
    assert library.switches == 3 and len(library.handles) == 1


def test_a_recorded_step_is_recorded_anew_when_a_flag_changes(library, double, monkeypatch):
    recording = type("Recording", (), {"relied": []})()
    monkeypatch.setattr(capture.HERE, "recording", recording, raising=False)
    x, w = arrays(double, (2, 4, 6, 6), (8, 4, 3, 3))
    cuda_conv.conv(x, w, None, **HOW)
    read, value = recording.relied[0]
    assert read() == value
    with CUDNN.flags(deterministic=True):
        assert read() != value


# --- without it -----------------------------------------------------------------------------------


def test_what_cudnn_refuses_goes_to_products_and_says_why(library, double):
    library.refuses.add("conv")
    x, w = arrays(double, (2, 5, 6, 6), (4, 5, 3, 3))
    for _ in range(2):
        z = cuda_conv.conv(x, w, None, **HOW)
        assert said() == "cuda_gemm"
    assert np.allclose(z.get(), conv.gate.body(x, w, None, **HOW).get(), atol=1e-5)
    assert len(library.graphs) == 1  # it is not asked again
    why = kernels.report().unusable["cuDNN for conv 2x5x6x6 by 4x5x3x3 float32 rows"]
    assert why == "NotSupported: No valid engine configs"


@pytest.mark.parametrize("flags, dtype", [({"enabled": False}, "f4"), ({}, "f8")])
def test_what_cudnn_is_not_for(flags, dtype, library, double):
    x, w, u = arrays(double, (2, 4, 6, 6), (4, 4, 3, 3), (2, 4, 6, 6), dtype=dtype)
    with CUDNN.flags(**flags):
        for run in (
            lambda: cuda_conv.conv(x, w, None, **HOW),
            lambda: cuda_conv.conv_dx(u, w, space=(6, 6), **HOW),
            lambda: cuda_conv.conv_dw(u, x, window=(3, 3), **HOW),
        ):
            assert run().dtype == dtype and said() == "cuda_gemm"
    assert not library.graphs


def test_without_cudnn_everything_is_computed(double, monkeypatch):
    monkeypatch.setattr(cuda_plan, "cudnn", lambda: None)
    x, w = arrays(double, (2, 4, 6, 6), (4, 4, 3, 3))
    cuda_conv.conv(x, w, None, **HOW)
    assert said() == "cuda_gemm"


@pytest.mark.parametrize(
    "gate, weights, groups, products",
    [
        ("conv", (64, 3, 7, 7), 1, False),
        ("conv", (64, 3, 1, 1), 1, True),
        ("conv", (64, 64, 3, 3), 1, True),
        ("conv", (128, 64, 3, 3), 1, False),
        ("conv", (64, 1, 3, 3), 64, True),
        ("conv_dx", (128, 64, 3, 3), 1, True),
        ("conv_dx", (256, 64, 3, 3), 1, False),
        ("conv_dw", (128, 64, 3, 3), 1, True),
        ("conv_dw", (64, 3, 7, 7), 1, False),
    ],
)
def test_products_or_columns(gate, weights, groups, products):
    assert cuda_conv.moves_less(gate, weights, groups) is products


def test_what_is_left_to_the_body(double, monkeypatch):
    monkeypatch.setattr(cuda_plan, "cudnn", lambda: None)
    x, w, u, b = arrays(double, (2, 4, 6, 6), (4, 4, 3, 3), (2, 4, 6, 6), (4,))
    wide = arrays(double, (16, 4, 3, 3))[0]
    cases = [
        (cuda_conv.TAKEN, cuda_conv.conv, (x, w[:, :3], None), {}),
        (cuda_conv.TAKEN, cuda_conv.conv, (x, w, b[:3]), {}),
        (cuda_conv.TAKEN, cuda_conv.conv, (x, w.astype("f8"), None), {}),
        (cuda_conv.TAKEN, cuda_conv.conv, (x.astype("i4"), w.astype("i4"), None), {}),
        (cuda_conv.TAKEN, cuda_conv.conv, (x[:0], w, None), {}),
        (cuda_conv.TAKEN, cuda_conv.conv_relu, (x[:, :, :0], w, None), {}),
        (cuda_conv.TAKEN, cuda_conv.conv_dx, (u, w), {"space": (7, 6)}),
        (cuda_conv.TAKEN, cuda_conv.conv_dw, (u, x), {"window": (2, 2)}),
        (cuda_conv.TAKEN, cuda_conv.conv_dw, (u[:1], x), {"window": (3, 3)}),
        (cuda_conv.COLUMNS, cuda_conv.conv, (x, wide, None), {}),
    ]
    for reason, kernel, inputs, more in cases:
        assert kernel(*inputs, **HOW, **more) is NotImplemented
        assert served.SAID.words == reason


def test_through_the_library_and_in_the_report(library, double, monkeypatch):
    """Gates of tensors, forward and backward, as on a GPU: by name, counted, with their rules."""
    space = kernels.backend(double.DArray)
    overlays = dict.fromkeys(("conv", "conv_relu", "conv_dx", "conv_dw"), "cuda_conv")
    monkeypatch.setattr(space, "OVERLAYS", overlays, raising=False)
    kernels.forget()
    host = [RNG.standard_normal(s).astype("f4") for s in ((2, 4, 6, 6), (4, 4, 3, 3), (4,))]

    def gradients(convert):
        x, w, b = (tg.Tensor(convert(a), requires_grad=True) for a in host)
        z = conv_relu(x, w, b, **HOW)
        (z * z).sum().backward()
        return [t.raw for t in (z, x.grad, w.grad, b.grad)]

    try:
        before = kernels.report().get("conv_dw")
        found = [a.get() for a in gradients(double.asarray)]
        after = kernels.report()["conv_dw"]
        assert after.calls == (before.calls if before else 0) + 1
        assert any(case.kernel == "cuda_plan.conv_dw" for case in kernels.report().cases)
    finally:
        monkeypatch.undo()
        kernels.forget()
    for a, b in zip(found, gradients(np.asarray), strict=True):
        assert a.dtype == b.dtype and np.allclose(a, b, atol=1e-4)


def test_nothing_is_taken_that_the_products_do_not_compute():
    assert cuda_gemm.TYPES.keys() == cuda_conv.FLOATS
