"""The kernels of NumPy alone, held against the gates' bodies at the rows of the table.

Without Numba they serve their gates wherever these are called; where Numba is they are asked here.
"""

import importlib

import numpy as np
import pytest
from domains import ROWS
from hypothesis import given
from hypothesis import strategies as st
from probes import FUNCTIONS

from tinygrad_cnn.kernels import (
    cpu,
    cpu_array_norm,
    cpu_gather,
    cpu_gemm_winograd,
    layout,
    portions,
    threads,
)

TOLERANCE = {"f": 1e-4, "d": 1e-12}  # of numbers and sums that are about 1


def placed(x, dtype, rows):
    """An input in this dtype, if it holds floats, its channels innermost if that is asked for."""
    if x is None:
        return None
    x = x.astype(dtype) if x.dtype.kind == "f" else x
    if not rows or x.ndim < 2:
        return x
    return layout.outermost(np.ascontiguousarray(layout.innermost(x)))


def tupled(z):
    """The arrays of a result, which may be nested, without what is None."""
    if isinstance(z, tuple):
        return [a for part in z for a in tupled(part)]
    return [] if z is None else [z]


def is_the_body(name, data):
    """Whether the kernel covers what is drawn; if so, that it computes what the body does."""
    case = data.draw(ROWS[name].cases)
    dtype, rows = data.draw(st.sampled_from("fd")), data.draw(st.booleans())
    record = FUNCTIONS[name].gate
    home = importlib.import_module(f"tinygrad_cnn.kernels.{cpu.WITHOUT_NUMBA[name]}")
    inputs = [placed(x, dtype, rows) for x in case.inputs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "THREADS", [data.draw(st.sampled_from([1, 3]))])
        patch.setattr(portions, "LEAST", 1)
        patch.setattr(cpu_array_norm, "ALONE", data.draw(st.sampled_from([1, 10**6])))
        patch.setattr(cpu_array_norm, "BLOCK", 1)
        patch.setattr(cpu_gather, "LIMIT", data.draw(st.sampled_from([1, 30, 10**6])))
        patch.setattr(cpu_gemm_winograd, "WORTH", data.draw(st.sampled_from([0, 1.25])))
        found = getattr(home, name)(*inputs, **case.settings)
    if found is NotImplemented:
        return False
    exact = [x if x is None or x.dtype.kind != "f" else x.astype("d") for x in inputs]
    with np.errstate(all="ignore"):
        want = record.body(*exact, **case.settings)
    for a, b in zip(tupled(found), tupled(want), strict=True):
        assert a.shape == b.shape
        assert a.dtype == (dtype if b.dtype.kind == "f" else b.dtype)
        np.testing.assert_allclose(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    return True


@pytest.mark.parametrize("name", cpu.WITHOUT_NUMBA)
def test_a_kernel_is_the_body(name):
    covered = []

    @given(data=st.data())
    def run(data):
        covered.append(is_the_body(name, data))

    run()
    assert any(covered)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_relu_lets_through_is_a_matter_of_bits(dtype):
    special = np.array([0.0, -0.0, 1.0, -1.0, 1e-40, np.inf, -np.inf, np.nan, -np.nan], dtype)
    g, z = (np.tile(a.ravel(), cpu.LARGE) for a in np.meshgrid(special, special))
    want = np.where(z <= 0, 0, g)
    found = cpu.relu_dx(g, z)
    assert found.base is None
    np.testing.assert_array_equal(found, want)
    assert np.array_equal(np.signbit(found), np.signbit(want))
    gaps = cpu.relu_dx(g[::2], z[::2])
    np.testing.assert_array_equal(gaps, want[::2])
