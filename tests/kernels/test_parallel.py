"""Kernels of arrays: what they are handed, and how their work is shared among threads."""

import numpy as np
import pytest

import tinygrad_cnn as tg

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels")
from tinygrad_cnn.kernels import workers
from tinygrad_cnn.kernels.parallel import ALONE, arguments, shared


@pytest.fixture(autouse=True)
def kept():
    before = tg.get_num_threads()
    yield
    tg.set_num_threads(before)


@shared
def tell(task, first, last, part):
    """Which part does an item."""
    parts, whole = arguments(task)
    for i in range(first, last):
        parts[i] = part
        whole[i] += 1


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("items", [0, 1, 2, 7, 100])
def test_every_item_is_done_once_in_even_parts(threads, items):
    tg.set_num_threads(threads)
    parts, whole = np.full(items, -1), np.zeros(items, np.int64)
    tell(ALONE + 1, items, parts, whole)
    assert np.all(whole == 1)
    counts = np.bincount(parts, minlength=1) if items else np.zeros(1)
    assert len(counts) == max(1, min(items, threads))
    assert counts.max() - counts.min() <= 1
    assert np.all(np.diff(parts) >= 0)


def test_little_work_is_done_alone():
    tg.set_num_threads(4)
    parts, whole = np.full(8, -1), np.zeros(8, np.int64)
    tell(ALONE, 8, parts, whole)
    assert np.all(parts == 0)


@shared
def handed(task, first, last, part):
    """What lies in arrays of several kinds, and what single numbers are."""
    whole, real, yes, no, pair, cube, flags, nothing, z = arguments(task)
    n, rows, columns = cube.shape
    z[0] = whole + pair[1]
    z[1] = real
    z[2] = yes and not no
    z[3] = pair[0]
    z[4] = cube[1, 2, 3] + cube[n - 1, rows - 1, columns - 1]
    z[5] = flags.sum()
    z[6] = nothing.size
    flags[0] = False


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_what_is_handed_over(dtype):
    cube, flags, z = np.arange(24).reshape(2, 3, 4).astype(dtype), np.ones(3, bool), np.zeros(7)
    nothing = np.zeros((0, 4), "f4")
    handed(1, 1, -5, -2.5, True, False, (3, np.int64(9)), cube, flags, nothing, z)
    assert z.tolist() == [4, -2.5, 1, 3, 46, 3, 0]
    assert flags.tolist() == [False, True, True]


@pytest.mark.parametrize("wrong", [np.zeros((4, 4)).T, np.zeros(8)[::2], np.float32(1), "text"])
def test_what_a_kernel_does_not_take(wrong):
    with pytest.raises(TypeError):
        tell(1, 1, wrong, np.zeros(4, np.int64))


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
def test_the_address_of_an_array(shape):
    for x in (np.ones(shape, "f4"), np.ones((4, *shape))[1:], np.broadcast_to(1.0, shape)):
        assert workers.address(x) == x.ctypes.data
