"""`tinygrad-cnn doctor`: each state of an installation, with its cost and its cure."""

import json

import pytest

from tinygrad_cnn import kernels
from tinygrad_cnn.cli import doctor, findings
from tinygrad_cnn.cli.findings import MISSING, OK, SLOW, UNUSED
from tinygrad_cnn.kernels import cpu, facts, served

MACHINE = {
    "processor": "Some processor",
    "vectors": "AVX512",
    "architecture": "x86_64",
    "cores": 4,
    "quota": None,
    "memory": 16.0,
    "system": "Linux",
}
NUMBA = {"version": "1.0", "why": None, "processor": "znver4", "lanes": 16, "vectors": "AVX512"}
ABSENT = {"version": None, "why": "it is not installed"}
BLAS = {"library": "openblas", "version": "0.3", "core": "SkylakeX", "threads": 4}
GPU = {
    "driver": "CUDA 13.1",
    "devices": [{"name": "GPU of a test", "memory": 80.0}],
    "why": None,
    "cupy": "14.0",
    "cudnn": "1.5",
    "library": 92800,
    "refused": None,
    "flags": {
        "enabled": True,
        "allow_tf32": True,
        "deterministic": False,
        "benchmark": False,
        "matmul.allow_tf32": False,
    },
}


def numpy(**blas):
    return {"version": "2.4", "blas": {**BLAS, **blas}}


def cache(**changed):
    return {"folder": "/somewhere", "writable": True, "files": 3, "megabytes": 1.5, **changed}


def threads(count, **environment):
    return {"kernels": count, "environment": environment}


@pytest.fixture
def whole(monkeypatch):
    """A machine that has everything, and a way to take something away."""
    known = {
        "machine": MACHINE,
        "threads": threads(4),
        "numpy": numpy(),
        "numba": NUMBA,
        "overlays": {"cpu_conv": {"gates": ["conv"], "why": None}},
        "cache": cache(),
        "gpu": GPU,
        "extras": {extra.name: "1.0" for extra in findings.EXTRAS},
        "dot": "/usr/bin/dot",
    }
    monkeypatch.setattr(doctor, "gathered", lambda: known)
    return known


def test_nothing_is_missing(whole, command):
    code, out, err = command("doctor")
    assert (code, err) == (0, "")
    assert "Nothing is missing." in out
    assert "1 gates and steps run compiled: conv" in out
    assert "GPU of a test (80.0 GiB)" in out


def test_what_is_missing_is_told_with_its_cost_and_its_cure(whole, command):
    whole.update(numba=ABSENT, overlays={}, dot=None)
    code, out, _ = command("doctor")
    assert code == 0
    words = " ".join(out.split())
    assert "Numba missing it is not installed" in words
    lenet, resnet18 = (findings.WITHOUT_NUMBA[name] for name in ("lenet", "resnet18"))
    assert f"training takes {lenet} times (lenet), {resnet18} times (resnet18)" in words
    assert "pip install --upgrade numba" in words
    assert "no pictures of graphs; drawings are text" in words
    assert "Nothing is missing" not in out
    assert "kernel cache" not in out


def test_as_json(whole, command):
    whole["numba"] = ABSENT
    code, out, _ = command("doctor", "--json")
    data = json.loads(out)
    assert code == 0
    assert data["facts"]["machine"] == MACHINE
    states = {f["name"]: f["state"] for rows in data["findings"].values() for f in rows}
    assert states["Numba"] == MISSING
    assert set(states.values()) == {OK, MISSING}


def test_brackets_in_reasons_are_no_markup(whole, command):
    whole["gpu"] = {**GPU, "why": "needs pip install 'tinygrad_cnn[cuda12]'", "cupy": None}
    _, out, _ = command("doctor")
    assert "tinygrad_cnn[cuda12]" in out
    assert "pip install 'tinygrad_cnn[cuda13]'" in out  # what fits the driver


def test_on_this_machine(command):
    code, out, err = command("doctor")
    assert (code, err) == (0, "")
    assert "NumPy" in out
    code, out, _ = command("doctor", "--json")
    assert code == 0
    assert json.loads(out)["facts"]["numpy"]["version"]


# --- each finding ---------------------------------------------------------------------------------


@pytest.mark.parametrize("core", ["Haswell", "Zen"])
def test_openblas_that_leaves_wide_vectors_alone(core):
    found = findings.of_numpy(numpy(core=core), "AVX512")
    assert (found.state, core in found.detail) == (SLOW, True)
    assert "OPENBLAS_CORETYPE=SkylakeX" in found.mend


@pytest.mark.parametrize(
    ("blas", "vectors"),
    [
        ({"core": "SkylakeX"}, "AVX512"),
        ({"core": "Haswell"}, "AVX2"),
        ({"core": None}, "DEFAULT"),
        ({"library": "mkl", "core": None}, "AVX512"),
    ],
)
def test_a_blas_that_does_what_it_can(blas, vectors):
    assert findings.of_numpy(numpy(**blas), vectors).state == OK


def test_a_blas_without_a_name():
    assert findings.of_numpy({"version": "2.4", "blas": None}, "AVX512").state == OK


def test_a_numba_that_does_not_work():
    found = findings.of_numba({"version": "0.61", "why": "its import fails: needs an older NumPy"})
    assert found.state == MISSING
    assert found.detail == "0.61 its import fails: needs an older NumPy"


def test_numba_on_a_plain_processor():
    found = findings.of_numba({**NUMBA, "vectors": "DEFAULT", "lanes": 4})
    assert found.detail == "1.0, compiles for znver4: 4 float32 numbers in a vector"


def test_kernels_that_are_not_used():
    overlays = {"cpu_conv": {"gates": ["conv"], "why": None}}
    found = findings.of_kernels(overlays, NUMBA, {"TINYGRAD_CNN_KERNELS": "reference"})
    assert (found.state, found.mend) == (SLOW, "unset TINYGRAD_CNN_KERNELS")
    assert findings.of_kernels(overlays, ABSENT, {}) is None


def test_an_overlay_that_cannot_be_imported():
    overlays = {"cpu_a": {"gates": ["f"], "why": None}, "cpu_b": {"gates": ["g"], "why": "broken"}}
    found = findings.of_kernels(overlays, NUMBA, {})
    assert found.state == SLOW
    assert found.detail == "1 gates and steps run compiled: f; not usable: cpu_b (broken)"
    assert "cpu_b" in found.cost


@pytest.mark.parametrize("changed", [{"folder": None}, {"writable": False}])
def test_a_cache_that_cannot_be_written(changed):
    found = findings.of_cache(cache(**changed), NUMBA)
    assert found.state == SLOW
    assert "NUMBA_CACHE_DIR" in found.mend


def test_an_empty_cache():
    assert findings.of_cache(cache(files=0), NUMBA).state == UNUSED
    assert findings.of_cache(cache(), NUMBA).detail == "/somewhere, 3 files, 1.5 MB"
    assert findings.of_cache(cache(), ABSENT) is None


def test_threads():
    assert findings.of_threads(threads(4), MACHINE).state == OK
    found = findings.of_threads(threads(1, OMP_NUM_THREADS="1"), MACHINE)
    assert (found.state, found.cost) == (SLOW, "3 of the cores stand idle")
    assert found.detail == "kernels run on 1 of 4 cores; OMP_NUM_THREADS=1"
    found = findings.of_threads(threads(4), {**MACHINE, "quota": 1.5})
    assert found.state == SLOW
    assert "granted the time of 1.5" in found.detail
    assert found.mend.startswith("OMP_NUM_THREADS=1 ")
    assert findings.of_threads(threads(4), {**MACHINE, "quota": 4.0}).state == OK


def test_the_allocator():
    assert findings.of_allocator({}) is None
    assert findings.of_allocator({"TINYGRAD_CNN_MALLOC": "system"}).state == SLOW


def test_no_driver():
    nothing = {"driver": None, "devices": [], "why": "there is no NVIDIA driver", "cupy": None}
    [found] = findings.of_gpu({**nothing, "cudnn": None})
    assert (found.state, found.detail) == (UNUSED, "there is no NVIDIA driver")
    [found] = findings.of_gpu({**nothing, "cupy": "14.0", "cudnn": None})
    assert found.detail.endswith("; CuPy 14.0 is installed")


def test_a_gpu_without_cupy():
    why = "the device 'cuda' needs CuPy"
    [found] = findings.of_gpu({**GPU, "driver": "CUDA 12.4", "cupy": None, "why": why})
    assert found.state == MISSING
    assert found.mend == "pip install 'tinygrad_cnn[cuda12]'"
    assert why in found.detail


def test_a_gpu_with_all_or_nearly():
    assert [f.state for f in findings.of_gpu(GPU)] == [OK, OK, OK]
    assert [f.state for f in findings.of_gpu({**GPU, "cudnn": None})] == [OK, MISSING, OK]
    why = "ImportError: no libcudnn.so.9"
    _, found, _ = findings.of_gpu({**GPU, "library": None, "refused": why})
    assert (found.state, found.detail) == (MISSING, f"front end 1.5, which finds no cuDNN: {why}")
    off = {**GPU, "flags": {**GPU["flags"], "enabled": False}}
    _, found, _ = findings.of_gpu(off)
    assert (found.state, found.mend) == (SLOW, "tg.backends.cudnn.enabled = True")


def test_flags_of_a_gpu():
    *_, found = findings.of_gpu(GPU)
    assert "TF32 in convolutions (cudnn.allow_tf32): yes; in matrix products" in found.detail
    assert "(cuda.matmul.allow_tf32): no" in found.detail


def test_extras():
    versions = {extra.name: None for extra in findings.EXTRAS}
    assert {f.state for f in findings.of_extras(versions)} == {MISSING}
    assert all(f.cost and f.mend for f in findings.of_extras(versions))


# --- the facts ------------------------------------------------------------------------------------


def test_facts_of_this_machine_are_data():
    json.dumps(doctor.gathered())


def test_why_cudnn_cannot_be_used_is_what_kernels_say(monkeypatch):
    monkeypatch.setitem(served.UNUSABLE, "cudnn", "ImportError: no libcudnn.so.9")
    assert doctor.gathered()["gpu"]["refused"] == "ImportError: no libcudnn.so.9"


def test_a_driver_that_finds_nothing(monkeypatch):
    class Driver:
        def cuInit(self, flags):
            return 100

        def cuDriverGetVersion(self, version):
            version._obj.value = 12040
            return 0

    monkeypatch.setattr(facts, "library", Driver)
    found = facts.driver()
    assert (found["driver"], found["devices"]) == ("CUDA 12.4", [])
    assert found["why"] == "the driver finds no device (its error 100)"


def test_a_driver_with_a_device(monkeypatch):
    class Driver:
        def cuInit(self, flags):
            return 0

        def cuDriverGetVersion(self, version):
            version._obj.value = 13010

        def cuDeviceGetCount(self, count):
            count._obj.value = 1

        def cuDeviceGet(self, handle, index):
            handle._obj.value = index

        def cuDeviceGetName(self, name, size, handle):
            name.value = b"GPU of a test"

        def cuDeviceTotalMem_v2(self, size, handle):
            size._obj.value = 80 << 30

    monkeypatch.setattr(facts, "library", Driver)
    found = facts.driver()
    assert found["devices"] == [{"name": "GPU of a test", "memory": 80.0}]
    assert (found["driver"], found["why"]) == ("CUDA 13.1", None)


def test_no_driver_s_library(monkeypatch):
    monkeypatch.setattr(facts, "library", lambda: None)
    assert facts.gpu()["why"] == "there is no NVIDIA driver"


def test_versions():
    assert facts.version("no-such-package", "numpy") == facts.numpy()["version"]
    assert facts.version("no-such-package") is None


def test_numba_that_is_absent(monkeypatch):
    monkeypatch.setattr(facts.importlib.util, "find_spec", lambda name: None)
    assert facts.numba() == ABSENT
    assert facts.cache()["folder"] is None


@pytest.mark.skipif(not cpu.NUMBA, reason="Numba is not installed")
def test_an_overlay_s_reason(monkeypatch):
    monkeypatch.setattr(kernels, "overlay", lambda home: None)
    monkeypatch.setattr(kernels.served, "UNUSABLE", dict.fromkeys(cpu.OVERLAYS.values(), "broken"))
    assert {row["why"] for row in facts.overlays().values()} == {"broken"}
