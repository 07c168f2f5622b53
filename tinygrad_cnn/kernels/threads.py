"""On how many threads the CPU's kernels run: a setting of the process."""

import functools
import os


def cores() -> int:
    """On how many cores the process may run."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def available() -> int:
    """How many threads the process may run at once: OMP_NUM_THREADS, at most the cores it has."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(int(asked), cores()) if asked.isdigit() and int(asked) else cores()


THREADS = [available()]
ALONE = [False]  # whether this process can have no pool of threads


def set_num_threads(count: int) -> None:
    """Make the CPU's kernels run on so many threads, in the whole process.

    Results are bit-equal for the same number of threads.

    Raises: TypeError for what is no int, RuntimeError for less than 1.
    """
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(f"the number of threads is an int, got {type(count).__name__}")
    if count < 1:
        raise RuntimeError(f"kernels need at least 1 thread, got {count}")
    THREADS[0] = count


def get_num_threads() -> int:
    """On how many threads the CPU's kernels run: at first on as many as the process has cores, or
    on OMP_NUM_THREADS; in a forked child on one."""
    return 1 if ALONE[0] else THREADS[0]


@functools.cache
def hold_blas() -> object:
    """From now on NumPy's matrix products run on one thread: two pools wait for each other."""
    import threadpoolctl

    return threadpoolctl.threadpool_limits(1, user_api="blas")


def stay_alone() -> None:
    """In a forked child the threads of the pool are missing, and a new pool cannot be made."""
    ALONE[0] = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=stay_alone)
