"""Random numbers on a GPU: the CPU's, bit by bit, without a copy from the host.

Number j of a draw is half of a word of block j // 8 of Philox, whatever thread asks for it.

Source: Salmon, Moraes, Dror and Shaw (2011), section 4 (Philox4x64-10). Not yet confirmed on a GPU.
"""

import math

import numpy as np

from . import xp
from .cuda_source import TAKEN, Family, Struct, covered, per_thread, strides
from .served import refused

SOURCE = r"""
typedef unsigned long long Word;
#define EIGHT 8  // numbers in the four words of one block

// The name of a draw: where `state` is null key and counter, else what is found there on the
// device, with `counter` counted from there.
__device__ inline void find_name(const Word *state, Word &key, Word &counter)
{
    if (!state) return;
    key = state[0];
    counter += state[1];
}

// Block `number` of the draw (key, counter): ten rounds of Philox.
__device__ inline void draw(Word number, Word key, Word counter, Word *words)
{
    Word a = number + 1, b = 0, c = counter, d = 0, first = key, second = 0;
    for (int turn = 0; turn < 10; ++turn) {
        Word high = __umul64hi(0xD2E7470EE14C6C93ULL, a), low = 0xD2E7470EE14C6C93ULL * a;
        Word high2 = __umul64hi(0xCA5A826395121157ULL, c), low2 = 0xCA5A826395121157ULL * c;
        a = high2 ^ b ^ first;
        b = low2;
        c = high ^ d ^ second;
        d = low;
        first += 0x9E3779B97F4A7C15ULL;
        second += 0xBB67AE8584CAA73BULL;
    }
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
}

// Number j of a block, in [0, 1): the 24 upper bits of half a word.
__device__ inline float number(const Word *words, int j)
{
    unsigned bits = (unsigned)(words[j / 2] >> (j % 2 ? 32 : 0));
    return (bits >> 8) * (1.0f / 16777216.0f);
}

// Uniform numbers: a thread writes a block of them.
extern "C" __global__ void uniform(float *z, const Word *state, Draw s, Word key, Word counter)
{
    find_name(state, key, counter);
    for (EACH(i, (s.count + EIGHT - 1) / EIGHT)) {
        Word words[4];
        draw(i, key, counter, words);
        for (int j = 0; j < EIGHT && i * EIGHT + j < s.count; ++j)
            z[i * EIGHT + j] = number(words, j);
    }
}

// x (n, c, space) times `scale` where the draw is not below p, times 0 elsewhere.
extern "C" __global__ void dropped(
    const T *x, T *z, const Word *state, Draw s, Word key, Word counter, double p, double scale)
{
    find_name(state, key, counter);
    A kept = wide(narrow((A)scale));
    for (EACH(i, (s.count + EIGHT - 1) / EIGHT)) {
        Word words[4];
        draw(i, key, counter, words);
        for (int j = 0; j < EIGHT && i * EIGHT + j < s.count; ++j) {
            Index place = i * EIGHT + j, inner = place % s.space, outer = place / s.space;
            Index c = outer % s.c, n = outer / s.c;
            A factor = number(words, j) >= (float)p ? kept : 0;
            Index from = n * s.x[0] + c * s.x[1] + inner * s.x[2];
            z[n * s.z[0] + c * s.z[1] + inner * s.z[2]] = narrow(wide(x[from]) * factor);
        }
    }
}
"""

DRAW = Struct("Draw", count=1, c=1, space=1, x=3, z=3)
RANDOM = Family("random", SOURCE, uniform=DRAW, dropped=DRAW)
EIGHT = 8  # numbers that one thread draws
NOWHERE = (0, 0, 0)


def named(key, counter):
    """The name of a draw as kernels take it: a state on the device or None, and two numbers.

    A step that is recorded draws by such a state in place of a key: each replay finds key and
    counter there, and `counter` is how many draws come before this one.
    """
    if hasattr(key, "dtype") and key.ndim:
        return key, np.uint64(0), np.uint64(counter)
    return None, np.uint64(key), np.uint64(counter)


def uniform(module, shape, key, counter):
    """The draw (key, counter) as a new array of the array module `module`."""
    z = module.empty(shape, "float32")
    state, *name = named(key, counter)
    values = (z.size, 1, 1, NOWHERE, NOWHERE)
    blocks = per_thread(-(-z.size // EIGHT))
    RANDOM.launch(module, "uniform", z.dtype, blocks, (z, state), values, *name)
    return z


def dropped(x, *, p, scale, shape, seed, counter):
    """The kernel of dropped where every number has a draw of its own."""
    if not covered(x):
        return refused(TAKEN)
    if tuple(shape) != x.shape:
        return refused("it is compiled for a draw for each number")
    n, c, *space = x.shape if x.ndim > 1 else (1, 1, x.size)
    seen = x.reshape(n, c, math.prod(space))
    z = xp(x).empty_like(seen)
    state, *name = named(seed, counter)
    values = (x.size, c, seen.shape[2], strides(seen), strides(z))
    blocks = per_thread(-(-x.size // EIGHT))
    numbers = (*name, np.float64(p), np.float64(scale))
    RANDOM.launch(xp(x), "dropped", x.dtype, blocks, (seen, z, state), values, *numbers)
    return z.reshape(x.shape)
