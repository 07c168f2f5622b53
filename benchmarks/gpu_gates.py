"""The section of `gpu_day` that computes every gate on the GPU and on the CPU in float64.

Inputs are drawn anew each time, from the table of gates of the tests, and are small; of a gate with
a CUDA kernel there is a large case too. Fresh memory of the GPU is filled with nan first, so that
what a kernel forgets to write shows. Not yet run on a GPU.
"""

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .gpu_checks import importing_tests

CASES = 4  # for each gate
WORSE = 4.0  # how much worse than the CPU in the same dtype a gate may be that loses digits


class Kind(NamedTuple):
    """A way to compute: the dtype, whether as TF32, and the relative error that is allowed."""

    dtype: str
    tf32: bool
    bound: float


KINDS = {
    "float32": Kind("float32", False, 1e-5),
    "TF32": Kind("float32", True, 1e-3),
    "bfloat16": Kind("bfloat16", False, 1e-2),
}
MULTIPLYING = ("conv", "matmul", "linear", "einsum", "outer", "dot")  # what TF32 is for


@contextlib.contextmanager
def poisoned() -> Iterator[None]:
    """A context in which fresh memory of the GPU holds nan, or the number -1."""
    import cupy

    pool = cupy.get_default_memory_pool()

    def malloc(size: int) -> Any:
        memory = pool.malloc(size)
        memory.memset(255, size)
        return memory

    with cupy.cuda.using_allocator(malloc):
        yield


def gates(report: Any, poison: Callable = poisoned) -> None:
    """The largest relative error of each gate in each kind; rows for those that are too large.

    poison: another context that fills fresh memory, for a test of this function.
    """
    import tinygrad_cnn as tg

    with importing_tests():
        from probes import FUNCTIONS, NAMES
    names = NAMES[:: len(NAMES) // 6] if report.quick else NAMES
    found: dict[str, dict[str, float]] = {}
    for label, kind in KINDS.items():
        tg.backends.cudnn.allow_tf32 = tg.backends.cuda.matmul.allow_tf32 = kind.tf32
        found[label] = {}
        for name in names:
            if kind.tf32 and not name.startswith(MULTIPLYING):
                continue
            try:
                with poison():
                    error, bound = worst(FUNCTIONS[name], name, kind, 1 if report.quick else CASES)
            except Exception as fault:
                report.add(f"{name} {label}", f"{type(fault).__name__}: {fault}", "values", False)
                continue
            found[label][name] = error
            if not error <= bound:
                report.add(f"{name} {label}", error, bound, False)
    path = report.folder / "gate_errors.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for label, errors in found.items():
        report.add(f"gates asked, {label}", len(errors))
        if errors:
            name = max(errors, key=errors.__getitem__)
            report.add(f"largest relative error, {label}: {name}", errors[name])
    try:
        dropout(report)
    except Exception as fault:
        report.add("dropout in bfloat16", f"{type(fault).__name__}: {fault}", "values", False)


def cases_of(name: str, count: int) -> list[Any]:
    """So many cases of a gate, drawn from its row."""
    with importing_tests():
        from domains import ROWS
    from hypothesis import HealthCheck, Phase, given, settings

    found = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(ROWS[name].cases)
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    return found + large_cases(name)


def large_cases(name: str) -> list[Any]:
    """Of a gate with a CUDA kernel the case that takes more than a block."""
    with importing_tests():
        from drawing import Case
        from kernels.test_cuda_source import LARGE
    return [Case(*LARGE[name])] if name in LARGE else []


def worst(gate: Any, name: str, kind: Kind, count: int) -> tuple[float, float]:
    """The largest relative error over some cases, and what is allowed: the bound of the kind, or
    more where the CPU's own error in this dtype is as large."""
    import numpy as np

    from tinygrad_cnn import kernels
    from tinygrad_cnn.kernels import dtypes

    dtype = np.dtype(dtypes.dtype_of(kind.dtype))
    there = kernels.named("cuda")
    largest, allowed = 0.0, kind.bound
    for case in cases_of(name, count):
        with np.errstate(over="ignore"):
            own = [x if x is None or x.dtype.kind != "f" else x.astype(dtype) for x in case.inputs]
        exact = [x if x is None or x.dtype != dtype else x.astype(np.float64) for x in own]
        with warnings.catch_warnings(), np.errstate(all="ignore"), kernels.use("reference"):
            warnings.simplefilter("ignore")
            wanted = results(gate, exact, case.settings)
            usual = results(gate, own, case.settings)
        moved = [x if x is None else carried(np.asarray(x), there) for x in own]
        given = {n: carried(value, there) for n, value in case.settings.items()}
        found = [there.to_host(z) for z in results(gate, moved, given)]
        for a, b, c in zip(found, usual, wanted, strict=True):
            error = apart(a, c)
            largest = max(largest, error)
            allowed = max(allowed, WORSE * apart(np.asarray(b), c)) if error > allowed else allowed
    return largest, allowed


def carried(value: Any, there: Any) -> Any:
    """An input, or a setting, with the arrays in it on the GPU."""
    import numpy as np

    if isinstance(value, np.ndarray):
        narrow = value.dtype.name == "bfloat16"  # which copies from the host need not know
        return (
            there.asarray(value.astype("f4")).astype(value.dtype)
            if narrow
            else there.asarray(value)
        )
    if isinstance(value, (list, tuple)):
        return type(value)([carried(v, there) for v in value])
    return value


def results(gate: Any, inputs: list[Any], settings: dict[str, Any]) -> list[Any]:
    """What a gate returns, as a list."""
    z = gate(inputs, **settings) if gate.gate.many else gate(*inputs, **settings)
    return [e for e in z if e is not None] if isinstance(z, tuple) else [z]


def apart(found: Any, wanted: Any) -> float:
    """The relative distance of two arrays by their norms; infinite where the forms differ.

    What is not finite in either is left out: it overflows at another place in each dtype.
    """
    import numpy as np

    wanted = np.asarray(wanted)
    if found.shape != wanted.shape:
        return np.inf
    if wanted.dtype.kind in "biu":  # which places are largest may depend on the last digit
        return 0.0
    a, b = (np.asarray(x).astype(np.float64).ravel() for x in (found, wanted))
    if (np.isnan(a) & ~np.isnan(b)).any():
        return np.inf
    both = np.isfinite(a) & np.isfinite(b)
    distance, size = np.linalg.norm(a[both] - b[both]), np.linalg.norm(b[both])
    return float(distance / max(size, 1e-3))


def dropout(report: Any) -> None:
    """Dropout in bfloat16: the dtype, the share that is kept, its values, its gradient, and that
    the mask is the one of the CPU."""
    import tinygrad_cnn as tg

    count = 2**10 if report.quick else 2**20
    masks = []
    for place in ("cuda", "cpu"):
        tg.manual_seed(3)
        x = tg.ones(count, dtype=tg.bfloat16, device=place).requires_grad_()
        z = tg.nn.functional.dropout(x, 0.5)
        z.sum().backward()
        same = bool((x.grad == z.detach()).all())
        masks.append(z.detach().float().cpu().numpy())
    share = float((masks[0] > 0).mean())
    values = sorted({float(v) for v in set(masks[0].tolist())})
    kept = abs(share - 0.5) < 3 / count**0.5
    report.add("dropout in bfloat16: dtype", str(z.dtype), str(tg.bfloat16), z.dtype == tg.bfloat16)
    report.add("dropout in bfloat16: share that is kept", share, 0.5, kept)
    report.add("dropout in bfloat16: values", values, [0.0, 2.0], values == [0.0, 2.0])
    report.add("dropout in bfloat16: gradient is the mask", same, True, same)
    as_cpu = bool((masks[0] == masks[1]).all())
    report.add("dropout in bfloat16: mask of the CPU", as_cpu, True, as_cpu)
