"""The register tile: a matrix product, on every width of vectors."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="Numba has no wheel here: there is nothing to compile with")
from tinygrad_cnn.kernels import cpu_tile, simd
from tinygrad_cnn.kernels.compiled import compiled


@compiled
def called(address, rows, vectors, a, between, step, runs, count, length, b, pitch, start, initial,
           z, line):  # fmt: skip
    """The tile at an address, as kernels call it."""
    simd.call_tile(
        address, rows, vectors, a, between, step, runs, count, length, b, pitch, start, initial, z,
        line,
    )  # fmt: skip


@st.composite
def products(draw):
    """Sizes and distances of a tile."""
    length, step = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    return {
        "rows": draw(st.integers(1, simd.ROWS)),
        "vectors": draw(st.integers(1, simd.VECTORS)),
        "count": draw(st.integers(1, 4)),
        "length": length,
        "step": step,
        "between": draw(st.integers(1, 40)),
        "spare": draw(st.integers(0, 3)),  # numbers between rows of B, of C, and of the start
        "apart": draw(st.booleans()),  # whether each row of C begins with its own numbers
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


def check(rows, vectors, count, length, step, between, spare, apart, seed):
    """z = start + A B, and nothing else is written."""
    rng = np.random.default_rng(seed)
    width = vectors * simd.LANES
    runs = rng.permutation(8)[:count] * 30
    source = rng.standard_normal(300 + 40 * simd.ROWS + 30, dtype=np.float32)
    places = (runs[:, None] + step * np.arange(length)).ravel()
    a = source[places + between * np.arange(rows)[:, None]]
    b = rng.standard_normal((count * length, width + spare), dtype=np.float32)
    start = rng.standard_normal((rows, width + spare), dtype=np.float32)
    z = np.full((rows + 1, width + spare), 7, np.float32)
    table = 4 * runs.astype(np.int64)
    called(
        cpu_tile.tile_address(), rows, vectors, source.ctypes.data, between, step,
        table.ctypes.data, count, length, b.ctypes.data, width + spare, start.ctypes.data,
        (width + spare) * apart, z.ctypes.data, width + spare,
    )  # fmt: skip
    first = (start if apart else start[:1])[:, :width]
    exact = a.astype(float) @ b[:, :width] + first
    sizes = np.abs(a).astype(float) @ np.abs(b[:, :width]) + np.abs(first)
    eps = np.finfo(np.float32).eps
    assert np.all(np.abs(z[:rows, :width] - exact) <= (count * length + 1) * eps * sizes)
    assert np.all(z[rows:] == 7)
    assert np.all(z[:, width:] == 7)


@given(products())
def test_a_tile_is_a_matrix_product(product):
    check(**product)


def test_every_size_of_tile():
    for rows in range(1, simd.ROWS + 1):
        for vectors in range(1, simd.VECTORS + 1):
            check(rows, vectors, 2, 5, 1, 11, 1, True, rows)


@pytest.mark.parametrize(
    "triple, features, found",
    [
        ("x86_64-linux-gnu", "+avx2,+fma,+avx512f", (16, 14)),
        ("x86_64-linux-gnu", "+avx2,+fma,-avx512f", (8, 6)),
        ("x86_64-linux-gnu", "+avx2,-fma", (4, 6)),
        ("x86_64-linux-gnu", "", (4, 6)),
        ("arm64-apple-darwin", "+neon", (4, 12)),
    ],
)
def test_registers_follow_the_processor(triple, features, found):
    assert simd.registers(triple, features) == found


@pytest.mark.parametrize(
    "name, features, lanes", [("haswell", "+avx,+avx2,+fma", 8), ("x86-64", "", 4)]
)
def test_narrower_processors(name, features, lanes):
    """The tests of the tile and of convolution pass for a processor with narrower vectors."""
    if lanes >= simd.LANES:
        pytest.skip(f"this processor has vectors of {simd.LANES}: they are what is tested anyway")
    here = os.path.dirname(__file__)
    tests = ["simd.py::test_every_size_of_tile", "cpu_tile.py", "cpu_winograd.py::test_both_ways"]
    tests += [
        "cpu_columns.py",
        "cpu_depthwise.py",
        "cpu_linear.py",
        "cpu_join.py",
        "kept.py",
        "cpu_pool.py::test_max_pool_is_the_body",
    ]
    tests += [f"cpu_norm.py::test_batch_norm{end}_is_the_body" for end in ("", "_dx")]
    tests = [f"{here}/test_{test}" for test in tests]
    code = f"from tinygrad_cnn.kernels import simd; assert simd.LANES == {lanes}"
    environment = {**os.environ, "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    for command in (["-c", code], ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]):
        done = subprocess.run(
            [sys.executable, *command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
