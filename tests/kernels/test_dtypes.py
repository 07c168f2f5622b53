"""Dtypes and devices by name, and bfloat16."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from calls import check, outcome

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.nn import functional as F

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")

NAMES = """\
T.device("cuda", 1)
T.device("cuda:1")
T.device("cuda:1") == T.device("cuda", 1)
T.device("cuda:1") == T.device("cuda:0")
T.device("cpu") == T.device("cpu:0")
T.device("cpu") == "cpu"
T.device("cpu:0").index
T.device("cpu:0").type
str(T.device("cpu:0"))
hash(T.device("cuda:1")) == hash(T.device("cuda", 1))
T.device(T.device("cpu"))
T.device(type="cuda", index=1)
T.device("tpu")
T.device("foo:0")
T.device("cuda:x")
T.device("cuda:-1")
T.device("cuda:1", 2)
T.device(1.5)
T.device("cpu", -1)
T.device("")
T.half is T.float16, T.float is T.float32, T.double is T.float64
T.short is T.int16, T.int is T.int32, T.long is T.int64
T.promote_types(T.uint8, T.int8)
T.promote_types(3, T.float32)
T.can_cast(T.float64, T.int64)
T.can_cast(T.int64, T.uint8)
T.can_cast(T.int64, T.bool)
T.can_cast(T.bool, T.int64)
T.finfo(T.float64).max, T.finfo(T.float16).bits
T.finfo(T.int32)
T.iinfo(T.float32)
T.iinfo(T.int64).max, T.iinfo(T.uint8).min"""


@pytest.mark.parametrize("line", NAMES.splitlines())
def test_names_are_pytorchs(torch, line):
    check(torch, line)


def test_dtypes_without_tensors_are_refused():
    for name in ("complex64", "longdouble", "U3", "datetime64[s]", "object"):
        with pytest.raises(TypeError):
            tg.zeros(2, dtype=name)


# --- bfloat16 -------------------------------------------------------------------------------------


@pytest.fixture
def bf16():
    """The dtype bfloat16, in kernels that are ready for it."""
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs the package ml_dtypes")
    return tg.bfloat16


def test_without_ml_dtypes_a_sentence_names_it():
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import tinygrad_cnn as tg\n"
        "for use in (lambda: tg.bfloat16, lambda: tg.zeros(2, dtype='bfloat16')):\n"
        "    try: use()\n"
        "    except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("bfloat16 needs the package ml_dtypes: pip install ml_dtypes") == 2


def test_importing_does_not_load_ml_dtypes():
    code = "import sys, tinygrad_cnn; print('ml_dtypes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", DTYPES)
def test_promotion_with_bfloat16_is_pytorchs(torch, bf16, name):
    for line in (
        f"T.promote_types(T.bfloat16, T.{name})",
        f"T.promote_types(T.{name}, T.bfloat16)",
        f"(T.ones(2, dtype=T.bfloat16) * T.ones(2, dtype=T.{name})).dtype",
        f"(T.ones(2, dtype=T.{name}) + T.ones((), dtype=T.bfloat16)).dtype",
        f"T.ones(2, dtype=T.{name}).to(T.bfloat16).dtype",
        f"T.ones(2, dtype=T.bfloat16).to(T.{name}).dtype",
    ):
        assert str(outcome(tg, line)) == str(outcome(torch, line)), line


LINES = """\
z * 2.5
2 - z
z / 3
z**2
z @ z.T
z.sum()
z.mean(dim=1)
z.exp()
z.max(dim=0)[0]
z.clamp(0, 1)
z.maximum(T.zeros_like(z))
T.where(z > 0, z, 0.0)
T.cat([z, z])
T.einsum("ij,kj->ik", z, z)
z.sum(dtype=T.float32)
z.abs().sqrt().relu()
z[1:, ::2].T
z.var()
F.linear(z, z)
F.conv2d(z.reshape(1, 1, 3, 3), z[:2, :2].reshape(1, 1, 2, 2))
F.max_pool2d(z.reshape(1, 1, 3, 3), 2)"""


@pytest.mark.parametrize("line", LINES.splitlines())
def test_bfloat16_is_float32_rounded(torch, bf16, line):
    """Values and gradients have PyTorch's dtype and its numbers to bfloat16's three digits."""
    numbers = np.linspace(-1, 2, 9, dtype=np.float32).reshape(3, 3)
    found = []
    for library, functions in ((tg, F), (torch, torch.nn.functional)):
        z = library.tensor(numbers).to(library.bfloat16).requires_grad_()
        out = eval(line, {"T": library, "F": functions, "z": z})
        out.sum().backward()
        parts = (out.detach(), z.grad)
        assert z.grad.dtype == library.bfloat16
        found.append([str(out.dtype).removeprefix("torch.")])
        found[-1] += [np.asarray(t.to(library.float32)) for t in parts]
    assert found[0][0] == found[1][0]
    for ours, theirs in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0.02, atol=0.02)


def test_bfloat16_views_stay_views(bf16):
    x = tg.zeros(2, 3, dtype=bf16)
    x.T[0] = 1.0
    x.reshape(3, 2)[2] = 5.0
    x += 1.5
    assert x.tolist() == [[2.5, 1.5, 1.5], [2.5, 6.5, 6.5]]
    assert x.dtype == bf16


def test_bfloat16_looks_like_any_tensor(torch, bf16):
    x = tg.tensor([1.0, 2.5], dtype=bf16, requires_grad=True)
    assert repr(x) == "tensor([1.0000, 2.5000], dtype=bfloat16, requires_grad=True)"
    assert x.is_floating_point() and type(x[0].item()) is float
    assert pickle.loads(pickle.dumps(x)).dtype == copy.deepcopy(x).dtype == bf16
    assert tg.finfo(bf16).bits == torch.finfo(torch.bfloat16).bits
    with pytest.raises(BufferError, match=r"use x.float\(\)"):
        x.detach().__dlpack__()
    assert tg.tensor(np.ones(2, bf16)).dtype == bf16


def test_bfloat16_to_second_order_and_through_an_optimiser(bf16):
    x = tg.tensor([1.0, 2.0], dtype=bf16, requires_grad=True)
    (g,) = tg.autograd.grad((x * x * x).sum(), x, create_graph=True)
    (h,) = tg.autograd.grad(g.sum(), x)
    assert (h.dtype, h.tolist()) == (bf16, [6.0, 12.0])
    x.grad = tg.ones_like(x)
    tg.optim.SGD([x], lr=0.5).step()
    assert (x.dtype, x.tolist()) == (bf16, [0.5, 1.5])


def test_other_kernels_are_as_before(bf16):
    assert kernels.find(float, "add", None) is kernels.scalar.add
    x = tg.ones(2, requires_grad=True)
    assert (x * 2.5).dtype == np.float32


HALVES = {
    "mean": lambda x: x.mean(),
    "mean over axes": lambda x: x.reshape(2, 5, 7, -1).mean((0, 3)),
    "norm": lambda x: (x * 100).norm(),
    "cumsum": lambda x: x.cumsum(0),
    "softmax": lambda x: x.softmax(0) * 1e3,
    "layer_norm": lambda x: tg.nn.functional.layer_norm(x * 300, (len(x),)),
    "avg_pool1d": lambda x: tg.nn.functional.avg_pool1d(x[None] * 1e4, 35),
}


@pytest.mark.parametrize("name", HALVES)
def test_float16_is_added_up_in_float32(name):
    """What a result has in float16 depends on its own rounding, not on sums on the way to it."""
    x = 3 + np.random.default_rng(0).standard_normal(3500).astype("f2")
    found = HALVES[name](tg.tensor(x))
    exact = HALVES[name](tg.tensor(x.astype("f8")))
    assert found.dtype == tg.float16
    np.testing.assert_allclose(found.numpy(), exact.numpy(), rtol=4e-3, atol=2e-3)


def test_a_dtype_that_is_told_holds_for_sums_of_float16():
    x = tg.full((70_000,), 2.0, dtype=tg.float16)
    z = x.sum(dtype=tg.float32)
    assert (z.dtype, z.item()) == (tg.float32, 140_000.0)
    assert x.sum().isinf()
