"""What all tests share: hypothesis profiles, the backend they run on, the tally of comparisons.

`--backend=double` runs the suite on the strict device double, `--backend=cuda` on a GPU: tensors
that name no device are made there. What concerns the host alone is then left out, each with its
reason: whole parts by `HOST`, single tests by `@pytest.mark.host("why")`. The summary counts both.
"""

import collections
import importlib.util
import os
import types
from pathlib import Path

# Tests run in one process per core, and two pools of threads on one core wait for each other. NumPy
# reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # what our own kernels read

import domains
import oracles
import pytest
from hypothesis import HealthCheck, settings

import tinygrad_cnn as tg
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


# --- backends -------------------------------------------------------------------------------------

DEVICES = {"numpy": "cpu", "double": "double", "cuda": "cuda"}

# What a run on another backend leaves out, by its place in tests/, and why.
HOST = {
    "benchmarks/": "benchmarks choose their devices themselves",
    "cli/": "the command line has files and texts for its subject",
    "data/": "datasets and loaders work in the host's memory",
    "demos/": "demos choose their devices themselves",
    "kernels/": "kernels by their names, on arrays that the tests make",
    "viz/": "pictures are drawn by the host",
    "onnx/": "files are written and read by the host",
    "test_architecture.py": "reads the sources",
    "test_backends.py": "settings of the CPU",
    "test_demos.py": "demos choose their devices themselves",
    "capture": "recorded steps of the CPU; test_cuda.py has those of GPUs",
    "test_cuda.py": "brings a double of several devices along",
    "test_backend_option.py": "starts runs of its own",
    "test_double.py": "the double's self-test",
    "test_double_answers.py": "the double's self-test",
    "test_double_streams.py": "the double's self-test",
    "test_kernels.py": "kernels by their names, on arrays that the tests make",
    "test_mutations.py": "its mutants are asked by NumPy",
    "test_rules.py": "reads the sources",
    "test_stubs.py": "reads the sources",
    "test_surface.py": "names and signatures",
    "test_value.py": "scalar mode",
}
LEFT_OUT = "of the host: "  # what the reason of such a skip begins with


def pytest_addoption(parser):
    """The choice of a backend."""
    parser.addoption(
        "--backend",
        choices=list(DEVICES),
        default="numpy",
        help="where tests make tensors: NumPy's arrays (the default), the strict device double of "
        "CuPy, which needs no GPU, or CuPy's arrays on a GPU",
    )


def register_double():
    """The module of the device double, known to the library as the device "double"."""
    import double

    namespace = types.SimpleNamespace(
        xp=double.xp,
        asarray=double.asarray,
        to_host=double.asnumpy,
        uniform=lambda *draw: double.asarray(cpu.uniform(*draw)),
        device="double",
    )
    kernels.add_backend(double.DArray, namespace)
    return double


def missing(backend):
    """Why a backend cannot be used here; None if it can."""
    if backend == "cuda" and not tg.cuda.is_available():
        return "there is no GPU that CuPy can use; --backend=double needs none"
    if backend == "double" and importlib.util.find_spec("cupy") is None:
        return "the device double takes its names from CuPy: install the extra `double`"
    return None


def pytest_configure(config):
    """Make the backend that was asked for the place of tensors that name none."""
    config.addinivalue_line("markers", "host(reason): left out on other backends than NumPy")
    backend = config.getoption("--backend")
    if missing(backend) is None:
        if backend == "double":
            register_double()
        tg.set_default_device(DEVICES[backend])


def pytest_collection_modifyitems(config, items):
    """Leave out what cannot run on the backend, and write on each test where it runs."""
    backend = config.getoption("--backend")
    lacking = missing(backend)
    for item in items:
        item.user_properties.append(("backend", backend))
        if backend == "numpy" and "double" in item.fixturenames:
            item.user_properties.append(("backend", "double"))
        if lacking is not None:
            item.add_marker(pytest.mark.skip(reason=lacking))
        elif backend != "numpy" and (reason := of_the_host(item)) is not None:
            item.add_marker(pytest.mark.skip(reason=f"{LEFT_OUT}{reason}"))


def of_the_host(item):
    """Why a test concerns the host alone; None if it does not."""
    marker = item.get_closest_marker("host")
    if marker is not None:
        return marker.args[0]
    place = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((why for part, why in HOST.items() if place.startswith(part)), None)


@pytest.fixture(scope="session")
def double():
    """The module of the device double, known to the library as the device "double"."""
    pytest.importorskip("double", reason="the device double takes CuPy's names from CuPy")
    return register_double()


# --- oracles --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def torch():
    """PyTorch, where it is installed: an extra oracle."""
    return pytest.importorskip("torch", reason="PyTorch is an extra oracle: install torch")


# --- the summary ----------------------------------------------------------------------------------


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
    """Print how many tests ran on what, what was left out, how many arrays were compared."""
    ran, left = collections.Counter(), collections.Counter()
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if outcome != "skipped":
                ran.update(value for name, value in report.user_properties if name == "backend")
            elif (why := report.longrepr[2].removeprefix("Skipped: ")).startswith(LEFT_OUT):
                left[why.removeprefix(LEFT_OUT)] += 1
    if ran:
        text = ", ".join(f"{count} on {backend}" for backend, count in ran.items())
        terminalreporter.section(f"tests by backend: {text}")
    backend = terminalreporter.config.getoption("--backend")
    if missing(backend) is not None:
        terminalreporter.section(f"nothing ran on {backend}: {missing(backend)}")
    for reason, count in left.most_common():
        terminalreporter.write_line(f"{count:8d}  left out: {reason}")
    mutants, caught = TALLY.pop("mutants", 0), TALLY.pop("mutants, caught", 0)
    if mutants:
        terminalreporter.section(f"{caught} of {mutants} mutants of gates caught")
    if TALLY:
        terminalreporter.section(f"{len(domains.ROWS)} gates, {TALLY.total()} comparisons")
        for oracle, count in sorted(TALLY.items()):
            terminalreporter.write_line(f"{count:8d}  {oracle}")
