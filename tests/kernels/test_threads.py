"""The number of threads is a setting; the pool is one, and a forked child does without."""

import os
import subprocess
import sys

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import cpu

CODE = """
import os
import sys
import numpy as np
import tinygrad_cnn as tg
from tinygrad_cnn.ops.conv import conv
x, w = np.ones((4, 16, 8, 8), "f4"), np.ones((16, 16, 3, 3), "f4")
def convolved():
    z = conv(x, w, None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1)
    assert (z == 144).all()
"""


def started(code, **environment):
    """A fresh Python that has run `code`."""
    done = subprocess.run(
        [sys.executable, "-c", CODE + code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done


def python(code, **environment):
    """What a fresh Python prints that runs `code`."""
    return started(code, **environment).stdout


@pytest.fixture
def kept():
    before = tg.get_num_threads()
    yield
    tg.set_num_threads(before)


def test_the_setting(kept):
    tg.set_num_threads(3)
    assert tg.get_num_threads() == 3


@pytest.mark.parametrize("count, error", [(0, RuntimeError), ("2", TypeError), (True, TypeError)])
def test_what_is_no_number_of_threads(count, error, kept):
    with pytest.raises(error, match="thread"):
        tg.set_num_threads(count)


def test_the_environment_says_how_many_at_first():
    assert python("print(tg.get_num_threads())", OMP_NUM_THREADS="1") == "1\n"


needs_numba = pytest.mark.skipif(not cpu.NUMBA, reason="Numba is not installed")

SPINS = "GOMP_SPINCOUNT = '"
POOLED = """
tg.set_num_threads(2)
convolved()
import numba
print(numba.threading_layer(), os.environ.get("GOMP_SPINCOUNT"))
"""


@needs_numba
@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP is Linux's")
@pytest.mark.parametrize("asked", [None, "77"])
def test_idle_threads_soon_sleep(asked):
    """Lest two trainings at once take the processors from each other; a user's setting holds."""
    settings = {} if asked is None else {"GOMP_SPINCOUNT": asked}
    done = started(POOLED, OMP_DISPLAY_ENV="VERBOSE", NUMBA_NUM_THREADS="2", **settings)
    if done.stdout.split()[0] != "omp" or SPINS not in done.stderr:
        pytest.skip("Numba's pool is not of GNU's OpenMP here")
    assert f"{SPINS}{asked or '3000'}'" in done.stderr
    assert done.stdout.split()[1] == str(asked)


@needs_numba
def test_more_threads_than_cores():
    assert python("tg.set_num_threads(7); convolved(); print('done')") == "done\n"


@needs_numba
def test_one_thread_starts_no_pool_and_two_hold_numpy_s_own():
    code = """
import threadpoolctl
def threads(): return {p["num_threads"] for p in threadpoolctl.threadpool_info()
                       if p["user_api"] == "blas"}
tg.set_num_threads(1)
before = threads()
convolved()
assert threads() == before
from tinygrad_cnn.kernels import workers
assert workers.together.cache_info().currsize == 0
tg.set_num_threads(2)
convolved()
print(threads() <= {1})
"""
    assert python(code) == "True\n"


@needs_numba
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_child_computes_alone(threads):
    """Whatever it asks for; and so do its children."""
    code = f"""
tg.set_num_threads({threads})
convolved()
for generation in range(2):
    child = os.fork()
    if child:
        break
    convolved()
    tg.set_num_threads(3)
    convolved()
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else 10 + tg.get_num_threads()
if generation or not child:
    os._exit(code)
convolved()
print(code, tg.get_num_threads())
"""
    assert python(code) == f"11 {threads}\n"


@needs_numba
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_fork_while_another_thread_computes():
    code = """
import threading
tg.set_num_threads(2)
convolved()
done = threading.Event()
def compute():
    while not done.is_set():
        convolved()
thread = threading.Thread(target=compute)
thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        convolved()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done.set()
thread.join()
print("done")
"""
    assert python(code) == "done\n"


@needs_numba
def test_the_number_changes_while_others_compute():
    """In any order, from several threads, and results stay right."""
    code = """
import threading
failed = []
def compute(seed):
    try:
        for count in np.random.default_rng(seed).integers(1, 6, 40):
            tg.set_num_threads(int(count))
            convolved()
            assert (tg.relu(tg.ones(50_000)) == 1).all()
            assert (tg.tensor(x).sigmoid() > 0.7).all()
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=compute, args=(seed,)) for seed in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(failed)
"""
    assert python(code) == "[]\n"
