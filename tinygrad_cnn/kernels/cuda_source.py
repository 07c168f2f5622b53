"""Families of CUDA C kernels: what they share, how they are compiled, how they are launched.

A family is one source text with several kernels. It is compiled at its first launch, once for each
dtype and width of indices: T is what numbers are stored as, A what they are computed in (float for
16 bits), Index is int, or long long where an array reaches too far. A kernel takes arrays by their
address, one structure of whole numbers (sizes, strides) by value, and floats as double.

Kernels assume no contiguity: they read strides. Where several axes are seen as one, `reshape` makes
them one, and copies only what cannot be seen so. No result depends on the order in which threads
run: there are no atomic operations, and the grid follows from the shapes alone. Products and sums
are not contracted to one operation, so that they round as NumPy's do.

The text uses no header and no warp, so that it also compiles as C++ for the CPU, where tests run
it.

Not yet confirmed on a GPU.
"""

import functools

import numpy as np

THREADS = 256  # in a block
BLOCKS = 1 << 16  # in a grid, at most; threads then take several turns
NARROW = 1 << 30  # numbers up to which indices are 32 bits wide
TAKEN = "it is compiled for arrays of one dtype: float32, float64, float16 or bfloat16"
OPTIONS = ("-fmad=false",)

WINDOWS = ("window_sum", "window_sum_dx", "window_mean", "window_mean_dx", "fold")
POOLING = ("max_pool", "max_pool_dx", "unpool", *WINDOWS)
NORMS = ("batch_norm", "batch_norm_dx", "running_norm", "layer_norm", "layer_norm_dx")
SOFTMAX = ("softmax", "softmax_dx", "log_softmax", "log_softmax_dx")
LOSSES = ("cross_entropy", "class_cross_entropy_dx")
POINTWISE = ("sigmoid", "erf", "erfc", "sigmoid_dx", "tanh_dx", "relu_dx")
# Gate, or step of an optimiser -> the module of this package with its kernel.
OVERLAYS = dict.fromkeys(POOLING, "cuda_pool") | dict.fromkeys(NORMS, "cuda_norm")
OVERLAYS |= dict.fromkeys(SOFTMAX, "cuda_softmax") | dict.fromkeys(LOSSES, "cuda_loss")
OVERLAYS |= dict.fromkeys(POINTWISE, "cuda_pointwise") | {"dropped": "cuda_random"}
OVERLAYS |= dict.fromkeys(("sgd_step", "adam_step"), "cuda_optim")

# --- numbers of each dtype: T, A, and the way from one to the other -------------------------------

PLAIN = r"""
typedef %s T;
typedef %s A;
__device__ inline A wide(T x) { return x; }
__device__ inline T narrow(A x) { return x; }
"""

FLOAT16 = r"""
struct T { unsigned short bits; };
typedef float A;

__device__ inline A wide(T x)
{
    unsigned sign = (x.bits & 0x8000u) << 16;
    unsigned rest = x.bits & 0x7fffu;
    if (rest >= 0x7c00u) return __uint_as_float(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    // The exponent's bias differs by 112, also of numbers too small to be normal.
    float size = __uint_as_float(rest << 13) * 5.192296858534828e33f;
    return __uint_as_float(sign | __float_as_uint(size));
}

__device__ inline T narrow(A x)
{
    unsigned bits = __float_as_uint(x);
    unsigned sign = bits >> 16 & 0x8000u;
    unsigned rest = bits & 0x7fffffffu;
    T z;
    if (rest > 0x7f800000u) {
        z.bits = sign | 0x7e00u;  // nan
    } else if (rest >= 0x477ff000u) {
        z.bits = sign | 0x7c00u;  // infinite once rounded
    } else if (rest < 0x38800000u) {
        // Too small to be normal: adding a half lets the addition round.
        z.bits = sign | (__float_as_uint(__uint_as_float(rest) + 0.5f) - 0x3f000000u);
    } else {
        z.bits = sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1u)) >> 13;
    }
    return z;
}
"""

BFLOAT16 = r"""
struct T { unsigned short bits; };
typedef float A;

__device__ inline A wide(T x) { return __uint_as_float((unsigned)x.bits << 16); }

__device__ inline T narrow(A x)
{
    unsigned bits = __float_as_uint(x);
    T z;
    z.bits = x != x ? 0x7fc0u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return z;
}
"""

NUMBERS = {
    "float32": PLAIN % ("float", "float"),
    "float64": PLAIN % ("double", "double"),
    "float16": FLOAT16,
    "bfloat16": BFLOAT16,
}

# --- what all families share ----------------------------------------------------------------------

SHARED = (
    rf"#define THREADS {THREADS}"
    + r"""
#define INFINITE ((A)__longlong_as_double(0x7ff0000000000000LL))
// Every thread of the grid in turn takes a number below `count`.
#define EACH(i, count) \
    Index i = blockIdx.x * (Index)THREADS + threadIdx.x; \
    i < (count); \
    i += gridDim.x * (Index)THREADS

// A block as slots times lanes, both powers of two. All slots of a lane work on one result; the
// threads of neighbouring lanes, or else of neighbouring slots, are neighbours.
struct Team { int lanes, slots, lane, slot; };

__device__ inline Team team(int lanes, bool across)
{
    Team t;
    t.lanes = lanes;
    t.slots = THREADS / lanes;
    int thread = threadIdx.x;
    t.lane = across ? thread % t.lanes : thread / t.slots;
    t.slot = across ? thread / t.lanes : thread % t.slots;
    return t;
}

// The sum of x over the slots of a lane; `board` has a place for each thread of the block.
template <class S> __device__ inline S added_up(S *board, S x, Team t)
{
    board[t.slot * t.lanes + t.lane] = x;
    __syncthreads();
    for (int half = t.slots / 2; half > 0; half /= 2) {
        if (t.slot < half)
            board[t.slot * t.lanes + t.lane] += board[(t.slot + half) * t.lanes + t.lane];
        __syncthreads();
    }
    S z = board[t.lane];
    __syncthreads();
    return z;
}
"""
)


class Struct:
    """Whole numbers that a kernel takes by value: field -> how many numbers it holds."""

    def __init__(self, name: str, **counts: int) -> None:
        fields = " ".join(f"{f}[{n}];" if n > 1 else f"{f};" for f, n in counts.items())
        fields = fields.replace("; ", "; Index ")
        self.text = f"struct {name} {{ Index {fields} }};\n"
        self.counts = tuple(counts.values())

    @functools.lru_cache(maxsize=1024)  # noqa: B019  structures live as long as the process
    def made(self, values: tuple, wide: bool) -> np.ndarray:
        """The structure with these values, in the order of the fields, as an array of one."""
        numbers = []
        for value, count in zip(values, self.counts, strict=True):
            numbers.extend(value if count > 1 else (value,))
        assert len(numbers) == sum(self.counts), f"{self.text} got {values}"
        flat = np.array(numbers, np.int64 if wide else np.int32)
        return flat.view(np.dtype((np.void, flat.nbytes)))


class Family:
    """Kernels with one source text, and the structure that each of them takes."""

    def __init__(self, name: str, source: str, **structs: Struct) -> None:
        self.name = name
        self.source = source
        self.structs = structs  # by the name of the kernel

    def text(self, dtype: str, wide: bool) -> str:
        """The whole source for one dtype, with indices of 64 bits or of 32."""
        index = f"typedef {'long long' if wide else 'int'} Index;\n"
        declared = dict.fromkeys(s.text for s in self.structs.values())
        return "".join([index, NUMBERS[dtype], SHARED, *declared, self.source])

    def launch(self, xp, name, dtype, blocks, arguments, values, *numbers, far=False) -> None:
        """Run the kernel `name` on `blocks` blocks of THREADS threads.

        arguments: arrays and None; values: of the kernel's structure; numbers: what follows it,
        of NumPy's types. far: whether indices are wide whatever the arrays.
        """
        if not blocks:
            return
        wide = far or any(reach(a) >= NARROW for a in arguments if a is not None)
        settings = self.structs[name].made(values, wide)
        run = compiled(xp, self, dtype.name, wide).get_function(name)
        grid = (min(blocks, BLOCKS),)
        run(grid, (THREADS,), (*arguments, settings, *numbers))


@functools.cache
def compiled(xp, family: Family, dtype: str, wide: bool):
    """The module of a family, compiled at its first launch on each GPU."""
    return xp.RawModule(code=family.text(dtype, wide), options=OPTIONS)


def reach(x) -> int:
    """How many numbers x spans in memory, or holds, if that is more."""
    steps = zip(x.shape, x.strides, strict=True)
    return max(x.size, sum((n - 1) * abs(s) for n, s in steps) // x.itemsize)


def strides(x) -> tuple[int, ...]:
    """How many numbers lie between neighbours along each axis."""
    return tuple([s // x.itemsize for s in x.strides])


def per_thread(count: int) -> int:
    """How many blocks give `count` numbers a thread each."""
    return -(-count // THREADS)


def covered(*xs) -> bool:
    """Whether these arrays, of which some may be None, are of one dtype that there are kernels for.

    The first is never None, and holds a number.
    """
    dtype = xs[0].dtype
    same = all(x is None or x.dtype == dtype for x in xs)
    return same and dtype.name in NUMBERS and xs[0].size > 0


def in_rows(x) -> bool:
    """Whether the channels of x (N, C, *space) lie innermost; not where there is but one."""
    if x.ndim < 3 or x.shape[1] == 1:
        return False
    return x.strides[1] == x.itemsize and x.strides[-1] != x.itemsize


def empty(xp, shape: tuple, dtype, rows: bool):
    """A new array (N, C, *space) whose channels lie innermost, or whose space does."""
    if not rows:
        return xp.empty(shape, dtype)
    z = xp.empty((shape[0], *shape[2:], shape[1]), dtype)
    return z.transpose(0, len(shape) - 1, *range(1, len(shape) - 1))


def power_of_two(count: int) -> int:
    """The smallest power of two that is not below `count`, within a block."""
    return min(1 << max(count - 1, 0).bit_length(), THREADS)
