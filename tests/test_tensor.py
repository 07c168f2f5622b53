"""Tensor mode: what a Tensor is, dtypes, in-place writes, ownership of gradients."""

import copy
import operator
import pickle

import numpy as np
import pytest
from calls import check
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad

DTYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
SCALARS = [True, 2, 2.5, np.float32(2.5), np.float64(2.5), np.int64(2), np.bool_(True)]


def leaf(*shape, dtype="float64"):
    """A leaf with random numbers."""
    return tg.randn(*shape, dtype=dtype, requires_grad=True)


# --- what it is -----------------------------------------------------------------------------------


def test_raw_is_always_an_array():
    x = leaf()
    kind = type(tg.zeros(1).raw)
    for t in (x * x, x + 1.0, x.exp(), x.sum(), x.relu(), -x, tg.maximum(x, x), x.mean(), x[()]):
        assert type(t.raw) is kind
    x.tanh().backward()
    assert type(x.grad.raw) is kind
    assert x.grad is x.grad


LOOKS = """\
x.shape
x.size()
x.size(-1)
x.size(5)
x.size(-3)
x.dim(), x.ndim, x.ndimension()
x.numel(), x.nelement(), T.numel(x)
x.stride()
x.stride(-1)
x.stride(5)
x.T.stride()
x.T.is_contiguous()
x.T.contiguous().is_contiguous()
x.contiguous() is x
T.zeros(2, 1, 3).stride()
T.zeros(0, 3).stride()
x.element_size(), x.itemsize, x.nbytes
x.get_device(), x.is_cuda
x.is_floating_point(), i.is_floating_point()
T.is_floating_point(3)
T.is_tensor(x), T.is_tensor(3)
x.numpy(force=True)
leaf.numpy()
y.numpy(force=True)
y.tolist()
i[0].tolist()
y.item()
i[1].item()
float(i)
float(i[0])
int(x)
int(x[0, 1])
bool(x)
bool(T.tensor([]))
bool(T.tensor([0.0]))
float(T.tensor([]))
[1, 2][T.tensor(1.0)]
[1, 2][T.tensor([1])]
[1, 2][T.tensor(True)]
[1, 2][i]
len(x)
len(T.tensor(1))
list(T.tensor(1))
[row.tolist() for row in x]
2.0 in x
9 in x
"a" in x
None in x
T.tensor([1.0, 2.0]) in x
format(T.tensor(1.5), ".3f")
format(T.tensor(1.5))
format(x, ".3f")
"%d" % i[0]
complex(x[0, 0]).real
hash(x) == hash(x)
copy.deepcopy(y)
copy.deepcopy(leaf).requires_grad
copy.copy(leaf).requires_grad
leaf.requires_grad = False; leaf.requires_grad
i.requires_grad = True; i
y.requires_grad = False; y
leaf.grad = T.ones(3); leaf
leaf.grad = T.ones(2, dtype=T.float64); leaf
leaf.grad = 1.0; leaf
leaf.grad = T.ones(2); leaf.grad
x.retain_grad()
leaf.retain_grad(); leaf.retains_grad
y.retain_grad(); y.retains_grad
y.retains_grad
y.retain_grad(); y.sum().backward(); y.grad
x.register_hook(lambda g: g)
y.detach_().requires_grad
leaf.detach_().requires_grad
leaf.detach().requires_grad
leaf.data.requires_grad
y.is_leaf, y.detach().is_leaf, (i * 2).is_leaf
y.grad_fn is None, x.grad_fn is None
y.__dlpack__()
y.__array__()
np.asarray(y)
np.asarray(x)
x.shape = (4,); x
x.device"""


def looks():
    """The lines; some speak of the CPU."""
    there = pytest.mark.host("of a tensor that is on the CPU")
    special = ("np.asarray(x)", "x.device")
    return [pytest.param(k, marks=there) if k in special else k for k in LOOKS.splitlines()]


@pytest.mark.parametrize("line", looks())
def test_looking_is_pytorchs(torch, line):
    check(torch, line)


def test_looking():
    x = leaf(2, 3, dtype="float32")
    assert (x.shape, x.ndim, x.dim(), x.numel()) == ((2, 3), 2, 2, 6)
    assert (x.size(), x.size(-1), len(x)) == ((2, 3), 3, 2)
    assert x.device == tg.get_default_device()
    assert x.is_leaf and x.grad_fn is None
    y = x * 2
    assert not y.is_leaf and y.grad_fn.gate.name == "mul"
    assert y.detach().raw is y.raw
    assert x.data.raw is x.raw
    assert x.T.shape == (3, 2)
    assert [row.shape for row in x] == [(3,), (3,)]
    with pytest.raises(RuntimeError, match="only a tensor of one element"):
        x.item()
    with pytest.raises(RuntimeError, match="requires grad"):
        x.numpy()
    with pytest.raises(RuntimeError, match=r"shape \(2, 3\) is neither true nor false"):
        bool(x)
    with pytest.raises(TypeError, match="no len"):
        len(tg.tensor(1.0))
    assert [10, 20, 30][tg.tensor(1)] == 20
    assert float(tg.tensor(2.5)) == 2.5
    assert host(y).shape == (2, 3)


def test_repr_shows_numbers_and_what_is_unusual():
    assert repr(tg.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tg.tensor([1, 2])) == "tensor([1, 2])"
    x = tg.tensor(1.0, dtype="float64", requires_grad=True)
    assert repr(x) == "tensor(1., dtype=float64, requires_grad=True)"
    assert repr(x * 2) == "tensor(2., dtype=float64, grad_fn=<mul>)"
    assert repr((x * 2).grad_fn) == "<mul>"
    assert repr(tg.zeros(2, 3, device="meta")) == "tensor(..., shape=(2, 3), device='meta')"


SHOWN = """\
T.tensor([])
T.zeros(2, 0)
T.zeros(0, dtype=T.int64)
T.tensor([True])
T.tensor([True, False])
T.tensor([1e10, 1.0])
T.tensor([1.5, float("nan"), float("inf")])
T.tensor([1.0, float("nan"), -float("inf")])
T.tensor([1e-8, 1.0])
T.tensor([1e-8, 2e-8])
T.tensor([0.0, -0.5])
T.tensor([100.0, -2.0])
T.tensor(3)
T.tensor(1.23456789)
T.tensor(-1.5)
T.tensor([0.1, 100.0])
T.tensor([1, -20])
T.eye(2)
T.arange(5000.0)
T.arange(1200).reshape(2, 600)
T.linspace(0, 1, 40)
T.ones(2, 2, 2) / 3
T.tensor([1.5], requires_grad=True)
T.tensor(0.25)"""


@pytest.mark.parametrize("line", SHOWN.splitlines())
def test_repr_is_pytorchs(torch, line):
    check(torch, f"repr({line})")


def test_copies_and_pickles_of_leaves():
    x = leaf(3)
    x.grad = tg.ones(3, dtype="float64")
    y = copy.deepcopy(x)
    assert np.array_equal(host(x), host(y)) and not np.shares_memory(x.raw, y.raw)
    assert y.requires_grad and np.array_equal(host(y.grad), np.ones(3))
    z = pickle.loads(pickle.dumps(x))
    assert z.requires_grad and np.array_equal(host(z), host(x))
    with pytest.raises(RuntimeError, match="only leaves"):
        copy.deepcopy(x * 2)


def test_requires_grad_only_for_floats():
    with pytest.raises(
        RuntimeError, match="only floating tensors can require gradients, got int64"
    ):
        tg.tensor([1, 2], requires_grad=True)
    x = leaf(2)
    assert not x.requires_grad_(False).requires_grad
    with pytest.raises(RuntimeError, match="use detach"):
        (leaf(2) * 2).requires_grad_(False)


@pytest.mark.host("memory of the host, shared")
def test_dlpack_hands_memory_over():
    a = tg.ones(3)
    assert np.shares_memory(np.from_dlpack(a), a.raw)


# --- dtypes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["add", "mul", "div"])
def test_promotion_is_pytorchs(name):
    torch = pytest.importorskip("torch", reason="the oracle extra (torch) is not installed")
    ours = getattr(tg, name)
    theirs = getattr(torch, name)
    for p in DTYPES:
        for shape in ((), (2,)):
            a = np.ones(shape, p)
            for s in SCALARS:
                plain = s.item() if isinstance(s, np.generic) else s
                want = str(theirs(torch.tensor(a), plain).dtype)[6:]
                assert ours(tg.tensor(a), s).dtype == want, (p, shape, s)
                assert ours(s, tg.tensor(a)).dtype == want, (p, shape, s)
            for q in DTYPES:
                for other in ((), (2,)):
                    b = np.ones(other, q)
                    want = str(theirs(torch.tensor(a), torch.tensor(b)).dtype)[6:]
                    assert ours(tg.tensor(a), tg.tensor(b)).dtype == want, (p, shape, q, other)


def test_float32_stays_float32():
    x = leaf(2, dtype="float32")
    for s in (2, 2.0, np.float64(2), np.float32(2), np.int64(2), np.array(2.0)):
        s = tg.tensor(s) if isinstance(s, np.ndarray) else s
        for t in (s * x, x * s, s - x, x / s, s / x, s + x, x**s, x.mean(), x.var(), x.std()):
            assert type(t) is tg.Tensor
            assert t.dtype == np.float32


def test_the_walk_casts_to_the_receivers_dtype():
    x = leaf(3, dtype="float32")
    y = leaf(3)
    (x * y).sum().backward()
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float64
    (g,) = grad((x * y * x).sum(), x, create_graph=True)
    (h,) = grad(g.sum(), x)
    assert h.dtype == np.float32
    assert np.allclose(host(h), 2.0 * host(y))


def test_foreign_operands():
    x = leaf(2)
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(TypeError, match="add: takes Tensors"):
        tg.add(x, "a")
    with pytest.raises(TypeError, match=r"mul: takes .*got Tensor and list"):
        tg.mul(x, [1.0, 2.0])


OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
ORDER = ("eq", "ne", "lt", "le", "gt", "ge")


@pytest.mark.host("arrays of NumPy lie on the CPU")
@pytest.mark.parametrize("name", [*OPERATORS, *ORDER])
def test_an_array_of_numpy_beside_a_tensor_is_a_tensor(name):
    x, array = leaf(3), np.array([0.5, 2.0, -1.0])
    join = getattr(operator, name)
    for got, want in (
        (join(x, array), join(x, tg.tensor(array))),
        (join(array, x), join(tg.tensor(array), x)),
    ):
        assert type(got) is tg.Tensor
        np.testing.assert_array_equal(host(got), host(want))
        assert got.requires_grad == want.requires_grad


@pytest.mark.host("arrays of NumPy lie on the CPU")
def test_arrays_of_numpy_keep_their_dtype_and_their_place():
    x = tg.ones(2)
    assert (x + np.ones(2)).dtype == "float64"
    alias = x
    x += np.ones(2)
    assert alias is x and x.tolist() == [2.0, 2.0] and x.dtype == "float32"
    x = tg.tensor([True, False])
    assert (x & np.array([True, True])).tolist() == (np.array([True, True]) & x).tolist()
    with pytest.raises(TypeError, match="holds numbers"):
        x == np.array(["a", "b"])  # noqa: B015
    with pytest.raises(RuntimeError, match=r"add: shapes \(3,\) and \(2,\)"):
        np.ones(3) + x


# --- writing --------------------------------------------------------------------------------------


def test_a_leaf_under_no_grad_is_written_and_aliases_see_it():
    w = leaf(3)
    alias = w.detach()
    column = w.detach().reshape(3, 1)
    raw = w.raw
    with tg.no_grad():
        w -= 1.0
        w.mul_(2.0)
        w[0] = 7.0
    assert w.raw is raw
    assert raw[0] == 7.0
    assert np.array_equal(host(alias), host(raw))
    assert np.array_equal(host(column)[:, 0], host(raw))
    w.data.zero_()
    assert not raw.any()


def test_constants_are_written_freely():
    c = tg.zeros(3)
    c += 1.0
    c.mul_(3.0).clamp_(max=2.0)
    c[1:] = tg.tensor([5.0, 6.0])
    assert c.tolist() == [2.0, 5.0, 6.0]
    c.copy_(tg.ones(3))
    c.fill_(4.0)
    c /= 2.0
    assert c.tolist() == [2.0, 2.0, 2.0]


def test_an_interior_tensor_is_rebound_and_a_leaf_refuses():
    w = leaf(3)
    x = w * 1.0
    y = x
    x += 1.0
    assert x is not y
    x.sum().backward()
    assert np.array_equal(host(w.grad), np.ones(3))
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        w += 1.0
    with pytest.raises(RuntimeError, match=r"x = x \+ y"):
        y.add_(1.0)
    with pytest.raises(RuntimeError, match="item assignment would overwrite"):
        y[0] = 1.0
    with pytest.raises(RuntimeError, match="would lose a gradient"):
        tg.zeros(3).add_(w)


def test_a_constant_joins_the_graph_by_rebinding():
    w = leaf(3)
    total = tg.zeros(3, dtype="float64")
    alias = total
    total += w
    assert total.requires_grad
    assert not alias.requires_grad


def test_writes_keep_dtype_and_shape():
    with pytest.raises(RuntimeError, match="can't be cast to int64"):
        tg.ones(3, dtype="int64").add_(0.5)
    with pytest.raises(RuntimeError, match=r"result of shape \(2, 3\) for a tensor of \(3,\)"):
        tg.ones(3).add_(tg.ones(2, 3))


# --- gradients that leaves keep -------------------------------------------------------------------


def test_leaf_gradients_are_owned_and_writable():
    a, b = leaf(3), leaf(3)
    (a + b).backward(tg.ones(3, dtype="float64"))
    assert not np.shares_memory(a.grad.raw, b.grad.raw)
    c = leaf(2, 3)
    c.sum().backward()
    c.grad.zero_()
    assert not host(c.grad).any()


def test_the_seed_is_not_written_to():
    a = leaf(3)
    seed = tg.ones(3, dtype="float64")
    for _ in range(2):
        (a * 1.0).backward(seed)
        (a + 0.0).backward(seed)
    assert np.array_equal(host(seed), np.ones(3))
    assert np.array_equal(host(a.grad), np.full(3, 4.0))


def test_a_second_backward_adds_into_the_same_memory():
    a = leaf(3)
    a.sum().backward()
    held = a.grad
    a.sum().backward()
    assert held is a.grad
    assert np.array_equal(host(held), np.full(3, 2.0))


def test_a_gradient_is_laid_out_like_its_parameter():
    w = leaf(4, 3)
    (w.T @ leaf(4, 2)).sum().backward()
    assert w.grad.raw.flags.c_contiguous


def test_setting_a_gradient():
    x = leaf(3)
    x.grad = tg.ones(3, dtype="float64")
    x.grad = None
    assert x.grad is None
    with pytest.raises(RuntimeError, match=r"gradient of shape \(2,\) for a tensor of \(3,\)"):
        x.grad = tg.ones(2)
    with pytest.raises(RuntimeError, match="only a leaf"):
        tg.ones(3).grad = tg.ones(3)


def test_a_gradient_lies_where_its_tensor_lies():
    x = leaf(3)
    elsewhere = tg.zeros(3, dtype="float64", device="meta")
    with pytest.raises(RuntimeError, match=r"gradient is on meta, the output on .*; move it"):
        (x * 2).backward(elsewhere)
    with pytest.raises(RuntimeError, match="a gradient on meta for a tensor on"):
        x.grad = elsewhere


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("hook", "error", "words"),
    [
        (lambda g: g[:1], RuntimeError, r"of shape \(1,\) and float64 .* of shape \(3,\)"),
        (lambda g: g.float(), RuntimeError, r"float32 on .* float64 on"),
        (lambda g: g.to("meta"), RuntimeError, "on meta; it has to be"),
        (lambda g: 2.0, TypeError, "the hook <lambda> returns a Tensor .* got float"),
        (lambda g: g.tolist(), TypeError, "got list"),
    ],
)
def test_what_a_hook_returns_fits_in_the_gradients_place(hook, error, words, create_graph):
    x = leaf(3)
    y = x * 2.0
    y.register_hook(hook)
    with pytest.raises(error, match=words):
        y.sum().backward(create_graph=create_graph)
    assert x.grad is None
