"""What all tests share: hypothesis profiles, the device double, and the tally of comparisons."""

import collections
import os
import types

# Tests run in one process per core, and two pools of threads on one core wait for each other. NumPy
# reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # what our own kernels read

import domains
import oracles
import pytest
from hypothesis import HealthCheck, settings

from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import cpu

# The same examples every time: a suite that passes today passes tomorrow. `--hypothesis-profile
# search` looks for new ones.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=10,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.register_profile(
    "search", parent=settings.get_profile("ci"), derandomize=False, max_examples=200
)
settings.load_profile("ci")

TALLY = collections.Counter()  # of all processes of the run


@pytest.fixture(scope="session")
def double():
    """The module of the device double, known to the library as the device "double"."""
    module = pytest.importorskip("double", reason="the device double takes CuPy's names from CuPy")
    namespace = types.SimpleNamespace(
        xp=module.xp,
        asarray=module.asarray,
        to_host=module.asnumpy,
        uniform=lambda *draw: module.asarray(cpu.uniform(*draw)),
        device="double",
    )
    kernels.add_backend(module.DArray, namespace)
    return module


@pytest.fixture(scope="session")
def torch():
    """PyTorch, where it is installed: an extra oracle."""
    return pytest.importorskip("torch", reason="PyTorch is an extra oracle: install torch")


def pytest_sessionfinish(session):
    """A worker hands its tally to the process that started it."""
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        TALLY.update(oracles.COUNTS)
    else:
        output["comparisons"] = dict(oracles.COUNTS)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A worker of pytest-xdist has ended."""
    TALLY.update(getattr(node, "workeroutput", {}).get("comparisons", {}))


def pytest_terminal_summary(terminalreporter):
    """Print how many arrays were compared with what."""
    mutants, caught = TALLY.pop("mutants", 0), TALLY.pop("mutants, caught", 0)
    if mutants:
        terminalreporter.section(f"{caught} of {mutants} mutants of gates caught")
    if TALLY:
        terminalreporter.section(f"{len(domains.ROWS)} gates, {TALLY.total()} comparisons")
        for oracle, count in sorted(TALLY.items()):
            terminalreporter.write_line(f"{count:8d}  {oracle}")
