"""Functions that only compiled code calls are optimised and translated with what calls them.

What is compiled computes what Python does.
"""

import itertools
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba has no wheel here: nothing is compiled")
from numba import config, types
from numba.core.typing import signature

from tinygrad_cnn.kernels.compiled import within
from tinygrad_cnn.kernels.parallel import arguments, shared
from tinygrad_cnn.kernels.pipeline import Known
from tinygrad_cnn.kernels.workers import Worker, address, doubles, record, run


@pytest.fixture
def powers(tmp_path, monkeypatch):
    """A kernel of two functions, one of which calls the other, as a new process has them."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))

    @within
    def squared(x):
        return x * x

    @within
    def cubed(x):
        return squared(x) * x

    @shared
    def kernel(task, first, last, part):
        (z,) = arguments(task)
        for i in range(first, last):
            z[i, 0] = squared(i)
            z[i, 1] = cubed(i)

    return kernel, squared, cubed


def test_a_kernel_computes_with_functions_that_call_each_other(powers):
    z = np.zeros((5, 2))
    powers[0](z.size, 5, z)
    assert z.tolist() == [[i**2, i**3] for i in range(5)]


def test_no_more_than_the_kernel_becomes_machine_code(powers):
    kernel, *parts = powers
    z = np.zeros((1, 2))
    kernel(z.size, 1, z)
    (whole,) = kernel.codes.values()
    assert whole.address
    for part in parts:
        (found,) = part.overloads.values()
        assert found.library.get_pointer_to_function(found.fndesc.llvm_func_name) == 0


NUMBERS = [-np.inf, -1.0, -0.0, 0.0, 2.5, np.nan]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_min_and_max_are_pythons(dtype):
    @shared
    def extremes(task, first, last, part):
        x, y, z = arguments(task)
        for i in range(first, last):
            z[i, 0] = min(x[i], y[i])
            z[i, 1] = max(x[i], y[i])
            z[i, 2] = min(x[i], 1)

    numbers = NUMBERS if dtype != np.int64 else [-3, 0, 2, 2**62]
    x, y = np.array(list(itertools.product(numbers, repeat=2)), dtype).T.copy()
    z = np.empty((len(x), 3), dtype)
    extremes(z.size, len(x), x, y, z)
    expected = [(min(a, b), max(a, b), min(a, dtype(1))) for a, b in zip(x, y, strict=True)]
    assert z.tobytes() == np.array(expected, dtype).tobytes()


class Series(NamedTuple):
    """Addresses of numbers and of their sums, and how many there are."""

    x: int
    z: int
    count: int


def sums(words, first, last, part):
    """z[i] = x[0] + ... + x[i]."""
    s = record(words, Series)
    x, z = doubles(s.x, s.count), doubles(s.z, s.count)
    total = 0.0
    for i in range(s.count):
        total += x[i]
        z[i] = total


@pytest.mark.parametrize("straight", [True, False])
def test_loops_compute_the_same_as_they_are_written_and_otherwise(straight):
    x = np.arange(100.0)
    z = np.zeros(101)
    run(Worker(sums, straight), 1, Series(address(x), address(z), 100))
    assert z.tolist() == [*np.cumsum(x), 0]


def test_a_signature_is_looked_for_once():
    class Kind:
        """Numba's type of a function, which counts how often it is asked."""

        asked = 0

        def get_call_type(self, context, args, kws):
            self.asked += 1
            return signature(types.float64, *args)

        def get_impl_key(self, found):
            return found.args

    kind = Kind()
    context = SimpleNamespace(resolve_value_type=lambda function: kind)
    stand_in = Known(print)
    for args in [(types.int64, types.float64), (types.int64, types.int64)] * 2:
        found = stand_in.get_call_type(context, args, {})
        assert (found.args, stand_in.get_impl_key(found)) == (args, args)
    assert kind.asked == 2
