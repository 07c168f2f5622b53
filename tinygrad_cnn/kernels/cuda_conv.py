"""Convolution on a GPU: who serves which case. The rules stand here, the layouts in `cuda_plan`.

First cuDNN, where it is installed, allowed, and has a plan; then products of matrices, where they
move fewer numbers than the gate's body, which gathers the windows as columns; else the body. A case
that cuDNN refuses is in `tg.kernels.report()` with cuDNN's reason.

Not yet confirmed on a GPU.
"""

import functools
import math

from . import cuda_gemm, cuda_plan, xp
from . import cuda_runtime as runtime
from .capture import rely
from .cuda_plan import ALIGNMENT, DTYPES, READ, WRITTEN, B, W, X, Y
from .flags import CUDNN
from .served import converted, refused, served_by
from .shapes import out_size

FLOATS = {*DTYPES, "float64"}
TAKEN = (
    "shapes that fit, with one to three axes of space and no axis of size 0, and one dtype of "
    "float16, bfloat16, float32 and float64 are taken"
)
COLUMNS = "so few channels: it moves fewer numbers to gather the windows as columns"


# --- what is asked for ----------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def results(images: tuple, weights: tuple, settings: tuple, groups: int) -> tuple | None:
    """The shape of a convolution of images and weights of these shapes; None where kernels do not
    take them."""
    if not 3 <= len(images) <= 5 or len(weights) != len(images) or 0 in (*images, *weights):
        return None
    if images[1] != weights[1] * groups or weights[0] % groups:
        return None
    axes = zip(images[2:], weights[2:], *settings, strict=True)
    sizes = [out_size(*axis) for axis in axes]
    return (images[0], weights[0], *sizes) if min(sizes) > 0 else None


def are_taken(*raws) -> bool:
    """Whether arrays have one dtype that kernels are for."""
    dtypes = {raw.dtype for raw in raws}
    return len(dtypes) == 1 and name_of(*dtypes) in FLOATS


@functools.cache
def name_of(dtype) -> str:
    """The name of a dtype, which NumPy spells anew each time."""
    return dtype.name


def moves_less(gate: str, weights: tuple, groups: int) -> bool:
    """Whether products place by place move fewer numbers than gathering windows does.

    By numbers at each place of an image and of the window: the products read and write sums, K of
    them forward and C backward; the columns are written, read, and before it read or after it
    summed.
    """
    if math.prod(weights[2:]) == 1:
        return True
    k, c = weights[0] // groups, weights[1]
    products = {"conv": c + 2 * k, "conv_dx": k + 2 * c, "conv_dw": c + k}
    columns = {"conv": 3 * c, "conv_dx": 4 * c, "conv_dw": 3 * c}
    return products[gate] <= columns[gate]


# --- cuDNN ----------------------------------------------------------------------------------------


def key_of(gate: str, dtype: str, shapes: dict, settings: tuple, bias=False, relu=False):
    """The key of a plan; a single axis of space is the second of two."""
    if len(settings[0]) == 1:
        shapes = {uid: (*shape[:2], 1, *shape[2:]) for uid, shape in shapes.items()}
        settings = tuple([(neutral, *s) for neutral, s in zip((1, 0, 1), settings, strict=True)])
    return cuda_plan.Key(
        gate,
        dtype,
        shapes[X],
        shapes[W],
        shapes[Y],
        *settings,
        rows=cuda_plan.channels_last(dtype),
        bias=bias,
        relu=relu,
        strict=dtype == "float32" and not CUDNN.allow_tf32,
        deterministic=CUDNN.deterministic,
        benchmark=CUDNN.benchmark,
        device=runtime.current(),
        version=cuda_plan.version(),
    )


def flags() -> tuple:
    """What the user has set: a recorded step holds as long as that stays."""
    return tuple(vars(CUDNN).values())


def planned(gate: str, arrays: dict, shapes: dict, settings: tuple, relu=False):
    """The gate by cuDNN, or None.

    arrays: by uid what is read, and the bias where there is one. shapes: of images, weights and
    results.
    """
    rely(flags)
    first = arrays[READ[gate][0]]
    dtype = name_of(first.dtype)
    if not CUDNN.enabled or dtype not in DTYPES or cuda_plan.cudnn() is None:
        return None
    key = key_of(gate, dtype, shapes, settings, B in arrays, relu)
    if cuda_plan.is_refused(key):
        return None
    out = empty(xp(first), shapes[WRITTEN[gate]], first.dtype, key.rows)
    held = {uid: laid(raw, key.rows) for uid, raw in arrays.items()} | {WRITTEN[gate]: out}
    addresses = {uid: runtime.address(raw) for uid, raw in held.items()}
    plan = cuda_plan.plan_for(key, addresses)
    if plan is None:
        return None
    plan.run(addresses)
    served_by(cuda_plan)
    return out


def empty(module, shape: tuple, dtype, rows: bool):
    """A new array (N, C, *space) in rows or in planes."""
    if not rows:
        return module.empty(shape, dtype)
    made = module.empty((shape[0], *shape[2:], shape[1]), dtype)
    return made.transpose(0, made.ndim - 1, *range(1, made.ndim - 1))


def laid(raw, rows: bool):
    """raw as cuDNN takes it: without gaps, in rows or in planes, at an even address. Copied only
    where it does not lie so."""
    if raw.ndim == 1:
        rows = False
    seen = raw.transpose(0, *range(2, raw.ndim), 1) if rows else raw
    if not seen.flags.c_contiguous:
        converted()
        seen = xp(raw).ascontiguousarray(seen)
    elif runtime.address(seen) % ALIGNMENT:
        seen = seen.copy()
    return seen


# --- the gates ------------------------------------------------------------------------------------


def conv(x, w, b, *, relu=False, stride, padding, dilation, groups):
    """The kernel of conv, and with relu of conv_relu."""
    settings = (stride, padding, dilation)
    shape = results(x.shape, w.shape, settings, groups)
    given = [raw for raw in (x, w, b) if raw is not None]
    if shape is None or not are_taken(*given) or (b is not None and b.shape != w.shape[:1]):
        return refused(TAKEN)
    arrays, shapes = {X: x, W: w}, {X: x.shape, W: w.shape, Y: shape}
    fused = {B: b} if b is not None else {}
    z = planned("conv", arrays | fused, shapes, settings, relu)
    if z is not None:
        return z
    z = planned("conv", arrays, shapes, settings) if relu or fused else None
    if z is not None:
        if b is not None:
            z += b.reshape(-1, *[1] * len(stride))
        return xp(z).maximum(z, 0, out=z) if relu else z
    if not moves_less("conv", w.shape, groups):
        return refused(COLUMNS)
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return served_by(cuda_gemm).conv(x, w, b, relu=relu, **how)


def conv_relu(x, w, b, **settings):
    """The kernel of conv_relu."""
    return conv(x, w, b, relu=True, **settings)


def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """The kernel of conv_dx."""
    settings = (stride, padding, dilation)
    images = (u.shape[0], math.prod(w.shape[1:2]) * groups, *space)
    if not are_taken(u, w) or results(images, w.shape, settings, groups) != u.shape:
        return refused(TAKEN)
    z = planned("conv_dx", {Y: u, W: w}, {X: images, W: w.shape, Y: u.shape}, settings)
    if z is not None:
        return z
    if not moves_less("conv_dx", w.shape, groups):
        return refused(COLUMNS)
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return served_by(cuda_gemm).conv_dx(u, w, space=space, **how)


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The kernel of conv_dw. The result lies in planes, as weights do."""
    settings = (stride, padding, dilation)
    if u.ndim != x.ndim or u.ndim < 3 or x.shape[1] % groups or not are_taken(u, x):
        return refused(TAKEN)
    weights = (u.shape[1], x.shape[1] // groups, *window)
    if results(x.shape, weights, settings, groups) != u.shape:
        return refused(TAKEN)
    z = planned("conv_dw", {X: x, Y: u}, {X: x.shape, W: weights, Y: u.shape}, settings)
    if z is not None:
        return xp(z).ascontiguousarray(z)
    if not moves_less("conv_dw", weights, groups):
        return refused(COLUMNS)
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return served_by(cuda_gemm).conv_dw(u, x, window=window, **how)
