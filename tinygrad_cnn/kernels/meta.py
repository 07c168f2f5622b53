"""Shapes without numbers: the backend "meta".

Its raw type `Meta` is a shape and a dtype. A whole network runs on it, forward and backward, in no
memory and hardly any time: that is how sizes are counted before a number is made.

NumPy itself says what comes out: shapes are worked out on `blank` arrays, whose elements are
records of no fields, dtypes on arrays of no elements. Elementwise gates have no kernels here: their
bodies run as they are, since NumPy hands its elementwise functions to `Meta.__array_ufunc__`. A
structured gate has one row under its name, a function of inputs and settings that returns the
shape.
"""

import functools
import math
from types import SimpleNamespace

import numpy as np

from .shapes import averaged, axes_of, check_matmul, counted, joined_shape, out_size, reduced_axes

device = "meta"
NOTHING = np.dtype([])


def blank(shape):
    """An array of that shape without memory: its elements are records of no fields."""
    return np.empty(shape, NOTHING)


class Meta(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of which nothing is known but its shape and dtype."""

    __slots__ = ("__weakref__", "dtype", "shape")
    base = flags = None  # it lies in nobody's memory

    def __init__(self, shape, dtype):
        self.shape = blank(shape).shape
        self.dtype = np.dtype(dtype)

    @property
    def ndim(self):
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """The number of elements."""
        return math.prod(self.shape)

    def reshape(self, shape):
        """The same numbers in another shape."""
        return Meta(blank(self.shape).reshape(shape).shape, self.dtype)

    def transpose(self, dims):
        """The axes in another order."""
        return Meta(blank(self.shape).transpose(dims).shape, self.dtype)

    def diagonal(self, offset, axis1, axis2):
        """The diagonals of two axes."""
        return Meta(blank(self.shape).diagonal(offset, axis1, axis2).shape, self.dtype)

    def __getitem__(self, key):
        return Meta(blank(self.shape)[chosen(key)].shape, self.dtype)

    def astype(self, dtype, copy=True):
        """The same shape in another dtype."""
        return Meta(self.shape, dtype)

    def copy(self, order="C"):
        """Another one of the same shape and dtype."""
        return Meta(self.shape, self.dtype)

    def __array_ufunc__(self, ufunc, method, *xs, out=None):
        if method != "__call__" or ufunc.signature is not None:
            return NotImplemented
        z = elementwise(ufunc, *xs)
        if out is None:
            return z
        out[0][...] = z
        return out[0]

    def __array_function__(self, function, types, args, settings):
        if function is np.array2string:
            return f"..., shape={self.shape}, device='meta'"
        return self.item()

    def __setitem__(self, key, value):
        blank(self.shape)[chosen(key)] = blank(getattr(value, "shape", ()))

    def item(self, *_, **__):
        """Nothing.

        Raises: RuntimeError, always.
        """
        raise RuntimeError(
            f"a meta tensor has no numbers: of this one only the shape {self.shape} and the dtype "
            f"{self.dtype} are known; make it on another device to compute with numbers"
        )

    tolist = __array__ = __bool__ = __int__ = __float__ = __index__ = item


def asarray(raw):
    """The shape and dtype of an array or a number."""
    if isinstance(raw, Meta):
        return raw
    array = np.asarray(raw)
    return Meta(array.shape, array.dtype)


to_host = asarray  # whoever then reads a number is told that there is none


# --- elementwise gates and creation ---------------------------------------------------------------


def dtype_of(f, *xs):
    """The dtype of f(*xs); numbers among xs stay numbers, which widen nothing."""
    return f(*[np.empty((1, 0), x.dtype) if isinstance(x, Meta) else x for x in xs]).dtype


def elementwise(f, *xs):
    """f(*xs) for a function of NumPy that works element by element: shapes broadcast."""
    shape = np.broadcast_shapes(*[getattr(x, "shape", ()) for x in xs])
    return Meta(shape, dtype_of(f, *xs))


where = functools.partial(elementwise, np.where)


def erf(x):
    """x, as a float."""
    return elementwise(np.exp, x)


erfc = erf


def lerp(x, end, weight):
    """The three shapes broadcast."""
    return elementwise(lambda *xs: np.add(np.add(*xs[:2]), xs[2]), x, end, weight)


def row(shape_of):
    """The kernel of a gate whose result has the first input's dtype and this shape."""

    def kernel(x, *more, **settings):
        first = x[0] if isinstance(x, (list, tuple)) else x
        return Meta(shape_of(x, *more, **settings), first.dtype)

    return kernel


alike = row(lambda x, *_, **__: x.shape)
nan_to_num = alike


def arange(start, stop, step):
    """The numbers from start up to, but not including, stop."""
    dtype = np.result_type(*map(np.asarray, (start, stop, step)))
    return Meta(max(0, math.ceil((stop - start) / step)), dtype)


xp = SimpleNamespace(
    **{name: f for name, f in vars(np).items() if isinstance(f, np.ufunc)},
    asarray=asarray,
    full=lambda shape, value, dtype: Meta(shape, dtype),
    empty=Meta,
    eye=lambda n, m, dtype: Meta((n, n if m is None else m), dtype),
    arange=arange,
    linspace=lambda start, stop, steps: Meta(steps, float),
    unique=Meta.item,  # how many different numbers there are decides the shape
    bincount=Meta.item,
    zeros_like=alike,
    argwhere=Meta.item,
    ones_like=alike,
    broadcast_to=row(lambda x, shape: np.broadcast_to(blank(x.shape), shape).shape),
)

# Stands where a NumPy generator would, with its methods.
draws = SimpleNamespace(
    random=lambda size, dtype=float: Meta(size, dtype),
    uniform=lambda low, high, size: Meta(size, float),
    standard_normal=lambda size: Meta(size, float),
    normal=lambda mean, std, size: Meta(size, float),
    integers=lambda low, high, size: Meta(size, int),
    permutation=lambda n: Meta(n, int),
)


def uniform(shape, key, counter):
    """The shape of a draw."""
    return Meta(shape, np.float32)


# --- reductions and contractions ------------------------------------------------------------------


def reduction(f, axes_of=reduced_axes):
    """The kernel of the reduction that NumPy calls f."""
    along = functools.partial(f, axis=0)

    def kernel(x, *, dim=None, keepdim=False, dtype=None):
        axes = axes_of(x.ndim, dim)
        kept = [1 if i in axes else s for i, s in enumerate(x.shape)]
        rest = [s for i, s in enumerate(x.shape) if i not in axes]
        return Meta(kept if keepdim else rest, dtype or dtype_of(along, x))

    return kernel


sum = reduction(lambda x, axis: np.sum(x, axis, dtype=counted(x.dtype)))
mean = reduction(lambda x, axis: np.sum(x, axis, dtype=averaged(x.dtype)))
amax = reduction(np.max)
amin = reduction(np.min)
argmax = reduction(np.argmax)
argmin = reduction(np.argmin)
any = reduction(np.any, axes_of)
all = reduction(np.all, axes_of)
euclidean_norm = logsumexp = reduction(np.sum)


def cumsum(x, *, dim, dtype=None):
    """x, in the dtype of a sum."""
    axes_of(x.ndim, dim)
    return Meta(x.shape, dtype or counted(x.dtype))


def argsort(x, **settings):
    """One place for each element."""
    return Meta(x.shape, np.int64)


argmedian = argmax


def median_of_all(x):
    """One element."""
    return Meta((), x.dtype)


@row
def linear(x, w, b):
    """Shape: (..., I) and (O, I) -> (..., O)."""
    return *x.shape[:-1], w.shape[0]


@row
def matmul(x, y):
    """Shape: (..., I, J) and (..., J, K) -> (..., I, K); a vector's axis is left out."""
    check_matmul(x, y)
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return *stack, *x.shape[-2:-1], *(y.shape[-1:] if y.ndim > 1 else ())


@row
def contract(xs, terms, out):
    """Each letter of `out` has its size in the operands, whose sizes of 1 broadcast."""
    sizes = dict.fromkeys("".join(terms), ())
    for x, term in zip(xs, terms, strict=True):
        for letter, size in zip(term, x.shape, strict=True):
            sizes[letter] = np.broadcast_shapes(sizes[letter], (size,))
    return [size for letter in out for size in sizes[letter]]


# --- shapes and indices ---------------------------------------------------------------------------

flip = roll = tril = triu = alike
pad_constant = row(
    lambda x, pads, value: [lo + s + hi for s, (lo, hi) in zip(x.shape, pads, strict=True)]
)
put_along = row(lambda x, indices, dim, shape: shape)


def sum_to(x, *, shape):
    """A shape that broadcasts to x's."""
    np.broadcast_to(blank(shape), x.shape)
    return Meta(shape, dtype_of(np.sum, x))


join = row(lambda xs, dim: joined_shape([x.shape for x in xs], dim))


def place(part):
    """A part of a key, or one like it: whichever places it names, the shape is the same.

    Raises: RuntimeError for a mask without truth values: how many are true decides the shape.
    """
    if not isinstance(part, Meta):
        return part
    return part.item() if part.dtype.kind == "b" else np.broadcast_to(np.intp(0), part.shape)


def chosen(key):
    """A key that chooses as many elements as `key`."""
    return tuple(map(place, key)) if isinstance(key, tuple) else place(key)


take_along = row(lambda x, indices, dim: indices.shape)
set_along = row(lambda x, indices, values, dim: x.shape)
put_diagonal = row(lambda x, shape, **_: shape)


@row
def put_at(x, key, shape):
    """The given shape; x must fit what the key takes of it."""
    z = Meta(shape, x.dtype)
    z[key] = x
    return shape


# --- windows, norms and losses --------------------------------------------------------------------


@row
def conv(x, w, b, stride, padding, dilation, groups):
    """Shape: x (N, C, *space), w (K, C/groups, *window), b (K,) -> (N, K, *out)."""
    if x.shape[1] != w.shape[1] * groups:
        raise RuntimeError(
            f"conv: x {x.shape} has {x.shape[1]} channels, but weights {w.shape} in {groups} "
            f"groups take {w.shape[1] * groups}"
        )
    settings = zip(x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
    out = [out_size(*s) for s in settings]
    if min(out) < 1:
        raise RuntimeError(
            f"conv: a window of weights {w.shape} does not fit into x {x.shape} with padding "
            f"{padding} and dilation {dilation}"
        )
    return x.shape[0], w.shape[0], *out


conv_relu = conv


def conv_norm(x, w, b, mean, variance, weight, bias, residual, eps, relu, **settings):
    """The shape of the convolution."""
    return conv(x, w, b, **settings)


@row
def unfold(x, window, stride, padding, dilation):
    """Shape: x (N, C, *space) -> (N, C * prod(window), prod(out))."""
    out = [out_size(*s) for s in zip(x.shape[2:], window, stride, padding, dilation, strict=True)]
    return x.shape[0], x.shape[1] * math.prod(window), math.prod(out)


conv_dx = row(lambda u, w, space, groups, **_: (u.shape[0], w.shape[1] * groups, *space))
conv_dx_onto = row(lambda u, w, onto, **_: onto.shape)
put_onto = row(lambda x, onto, **_: onto.shape)
conv_dw = row(lambda u, x, window, groups, **_: (u.shape[1], x.shape[1] // groups, *window))
fold = row(lambda u, space, window, **_: (u.shape[0], u.shape[1] // math.prod(window), *space))
unpool = row(lambda u, indices, space: (*u.shape[:2], *space))
pick = row(lambda x, indices: indices.shape)
window_sum = row(lambda x, out, **_: (*x.shape[:2], *out))
window_mean = window_sum
window_sum_dx = row(lambda u, space, **_: (*u.shape[:2], *space))
window_mean_dx = window_sum_dx
resample = row(lambda x, dim, taps: (*x.shape[:dim], taps.shape[0], *x.shape[dim:][1:]))
softmax = log_softmax = alike


def max_pool(x, **settings):
    """The shape of the windows' sums, and the same of whole numbers."""
    z = window_sum(x, **settings)
    return z, z.astype(int)


def drawn_places(x, out, **_):
    """A whole number for every window."""
    return Meta((*x.shape[:2], *out), int)


def batch_norm(x, weight, bias, residual, *, eps, relu):
    """The shape of x, and twice one number per channel."""
    statistic = Meta((1, x.shape[1], *[1] * (x.ndim - 2)), x.dtype)
    return alike(x), (statistic, statistic.copy())


running_norm = layer_norm = affine = alike


def one_hot(target, *, classes, dim, like):
    """A new axis `dim` of as many places as there are classes."""
    return Meta((*target.shape[:dim], classes, *target.shape[dim:]), like)


def class_shares(target, weight, *, classes, like, **_):
    """The second axis has a place for each class."""
    return Meta((target.shape[0], classes, *target.shape[1:]), like)


@row
def nll(x, target, weight, reduction, **_):
    """Shape: x (N, classes, *rest), target (N, *rest) -> (), or (N, *rest) without reduction."""
    rest = (x.shape[0], *x.shape[2:])
    if target.shape != rest:
        raise RuntimeError(
            f"scores (N, classes, *) of shape {x.shape} go with targets (N, *) of shape {rest}, "
            f"got {target.shape}"
        )
    return rest if reduction == "none" else ()


cross_entropy = nll


@row
def soft_cross_entropy(x, target, weight, reduction, **_):
    """Shape: x, target (N, classes, *rest) -> (), or (N, *rest) without reduction."""
    np.broadcast_to(blank(target.shape), x.shape)
    return (x.shape[0], *x.shape[2:]) if reduction == "none" else ()
