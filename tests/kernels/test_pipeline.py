"""Functions that only compiled code calls are optimised and translated with what calls them."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba has no wheel here: nothing is compiled")
from numba import config

from tinygrad_cnn.kernels.compiled import within
from tinygrad_cnn.kernels.parallel import arguments, shared


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
