"""Overlays: imported late, optional, counted, and out of the way where they cannot help."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import cpu, served
from tinygrad_cnn.ops.conv import conv

SETTINGS = "stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1"
USE = f"""
import sys
import numpy as np
import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.ops.conv import conv
assert "numba" not in sys.modules or sys.modules["numba"] is None
x, w = np.ones((2, 1, 4, 4), "f4"), np.ones((3, 1, 2, 2), "f4")
assert (conv(x, w, None, {SETTINGS}) == 4).all()
"""

numba_needed = pytest.mark.skipif(not cpu.NUMBA, reason="Numba is not installed")


def python(code, **environment):
    """What a fresh Python prints that runs `code`, with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 6, 6), dtype=np.float32)
    return x, rng.standard_normal((4, 3, 3, 3), dtype=np.float32)


def convolved(x, w):
    return conv(x, w, None, stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1)


def counts(name):
    row = kernels.report().get(name)
    return (row.calls, row.fallbacks) if row else (0, 0)


@numba_needed
def test_numba_is_imported_at_the_first_call_and_not_before():
    assert python(USE + "print('numba' in sys.modules)") == "True\n"


@numba_needed
def test_a_gate_without_overlay_imports_nothing():
    code = "import sys, tinygrad_cnn as tg; (tg.randn(3) * 2).exp(); print('numba' in sys.modules)"
    assert python(code) == "False\n"


def test_everything_works_without_numba():
    code = "import sys; sys.modules['numba'] = None\n" + USE
    out = python(code + "print(kernels.report()['conv'], kernels.UNUSABLE)")
    assert out == "Served(kernel='cpu_gemm.conv', calls=1, fallbacks=0) {}\n"


@numba_needed
@pytest.mark.parametrize("error", ["ImportError", "TypeError"])
def test_a_numba_that_cannot_be_used_leaves_numpy_and_is_reported(tmp_path, error):
    (tmp_path / "numba.py").write_text(f"raise {error}('Numba is not what it was')\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + USE
    out = python(code + "print(kernels.report())")
    assert "cpu_conv cannot be used: Numba is not what it was" in out
    row = next(line for line in out.splitlines() if line.startswith("conv "))
    assert row.split() == ["conv", "cpu_conv.conv", "1", "0"]
    assert "cpu_gemm.conv" in out


@numba_needed
def test_kernels_that_cannot_be_compiled_leave_numpy_and_are_reported():
    code = """
import tinygrad_cnn as tg
from tinygrad_cnn.kernels.compiled import CFunc
def compile(self):
    raise AttributeError("no such pass")
CFunc.compile = compile
"""
    train = """
model = tg.nn.Sequential(tg.nn.Conv2d(3, 16, 3), tg.nn.BatchNorm2d(16), tg.nn.ReLU())
images = tg.randn(16, 3, 20, 20)
for _ in range(2):
    model(images).square().mean().backward()
assert model[0].weight.grad.isfinite().all()
print(kernels.report())
"""
    out = python(code + USE.replace('assert "numba"', '"numba"') + train)
    assert "cpu_conv cannot be used: " in out
    assert " cannot be compiled: no such pass\n" in out
    row = next(line for line in out.splitlines() if line.startswith("conv "))
    assert row.split()[1:] == ["cpu_conv.conv", "3", "0"]
    assert "cpu_gemm.conv" in out
    assert "cpu_norm cannot be used: " in out


@numba_needed
def test_the_environment_chooses_the_reference():
    code = USE + "print('numba' in sys.modules, kernels.report() == {})"
    assert python(code, TINYGRAD_CNN_KERNELS="reference") == "False True\n"
    assert python(code, TINYGRAD_CNN_KERNELS="") == "True False\n"


def test_an_unknown_choice_is_an_error():
    with (
        pytest.raises(ValueError, match="kernels are 'reference' or 'fast', got 'quick'"),
        kernels.use("quick"),
    ):
        pass
    code = "try:\n import tinygrad_cnn\nexcept ValueError as error:\n print(error)"
    out = python(code, TINYGRAD_CNN_KERNELS="quick")
    assert out == "kernels are 'reference' or 'fast', got 'quick'\n"


@numba_needed
def test_no_folder_for_the_cache(tmp_path):
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "below")
    locator = "numba.core.caching._UserProvidedCacheLocator"
    environment = {"NUMBA_CACHE_DIR": nowhere, "NUMBA_CACHE_LOCATOR_CLASSES": locator}
    code = USE + "print(kernels.report()['conv'].calls)"
    assert python(code, **environment) == "1\n"


@numba_needed
def test_use_switches_and_switches_back(images):
    before = counts("conv")
    fast = convolved(*images)
    assert counts("conv") == (before[0] + 1, before[1])
    with kernels.use("reference"):
        reference = convolved(*images)
        with kernels.use("fast"):
            assert np.array_equal(convolved(*images), fast)
        assert np.array_equal(convolved(*images), reference)
    assert counts("conv") == (before[0] + 2, before[1])
    assert np.array_equal(convolved(*images), fast)


@numba_needed
def test_a_graph_is_computed_by_the_kernels(images):
    before = [counts(name)[0] for name in ("conv", "conv_dx", "conv_dw")]
    x, w = (tg.tensor(raw, requires_grad=True) for raw in images)
    z = convolved(x, w)
    z.sum().backward()
    after = [counts(name)[0] for name in ("conv", "conv_dx", "conv_dw")]
    assert [a - b for a, b in zip(after, before, strict=True)] == [1, 1, 1]
    assert x.grad.shape == x.shape and w.grad.shape == w.shape


@numba_needed
def test_threads_share_the_kernels(images):
    x, w = images
    expected = convolved(x, w)
    before = counts("conv")
    wrong = []

    def work(scale):
        for _ in range(50):
            if not np.array_equal(convolved(x * scale, w), expected * scale):
                wrong.append(scale)

    threads = [threading.Thread(target=work, args=(2.0**i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert counts("conv") == (before[0] + 300, before[1])


@numba_needed
def test_the_report_is_a_copy_and_reads_as_a_table(images):
    convolved(*images)
    report = kernels.report()
    calls = report["conv"].calls
    convolved(*images)
    assert report["conv"].calls == calls
    head, *rows = str(report).splitlines()
    assert head.split() == ["gate", "kernel", "calls", "fallbacks"]
    assert ["conv", "cpu_conv.conv"] in [row.split()[:2] for row in rows]


def test_a_backend_s_own_kernel_stands_below_its_overlay(monkeypatch):
    """What an overlay does not cover is computed by the backend's kernel, not by the body."""
    monkeypatch.setitem(cpu.OVERLAYS, "log2", "cpu_conv" if cpu.OVERLAYS else "absent")
    monkeypatch.setattr(served, "KERNELS", {})
    monkeypatch.setattr(served, "CASES", {})
    found = kernels.find(np.ndarray, "log2", None)
    assert found(np.ones(3)).tolist() == [0.0, 0.0, 0.0]
    assert kernels.report()["log2"].fallbacks == 1


@pytest.mark.parametrize("name", list(cpu.OVERLAYS))
def test_every_overlaid_name_is_a_gate_a_rule_or_a_step_and_has_a_kernel(name):
    rules = [f"{gate.name}.{n}" for gate in kernels.GATES if gate.formula for n in gate.rules]
    assert name in [*(gate.name for gate in kernels.GATES), *rules, *cpu.STEPS]
    assert callable(getattr(kernels.overlay(cpu.OVERLAYS[name]), name))
