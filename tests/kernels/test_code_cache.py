"""Compiled code on disk: it is found again, and only where it is still right."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tinygrad_cnn

pytest.importorskip("numba", reason="Numba has no wheel here: nothing is compiled")
from numba import config

from tinygrad_cnn.kernels import code_cache, compiling, cpu_tile, workers
from tinygrad_cnn.kernels.code_cache import CodeCache, digest
from tinygrad_cnn.kernels.parallel import arguments, shared

SOURCE = """
from tinygrad_cnn.kernels.compiled import within
FACTOR = 2
@within
def added(x):
    return x + 1
def kernel(x):
    return added(x) * FACTOR
"""


def digest_of(source):
    """The digest of the function `kernel` in a module with this source."""
    module = ModuleType("tinygrad_cnn.invented")
    exec(source, vars(module))
    return digest(module.kernel)


@pytest.mark.parametrize(
    "old, new, same",
    [
        ("x) * FACTOR", "x) + FACTOR", False),
        ("x + 1", "x - 1", False),  # of what it calls
        ("= 2", "= 3", False),  # of what it is multiplied by
        ("= 2", "= 2.0", False),
        ("@within", "@within\n", True),
        ("def kernel", "# Lines do not count.\nOTHER = 5\ndef kernel", True),
    ],
)
def test_the_digest_tells_what_code_was_compiled_from(old, new, same):
    assert (digest_of(SOURCE) == digest_of(SOURCE.replace(old, new))) == same


def test_the_digest_knows_how_what_is_called_is_compiled():
    assert digest_of(SOURCE) != digest_of(SOURCE.replace("@within", "@within(fastmath=True)"))


def test_the_digest_knows_what_is_enclosed():
    def made(number):
        return lambda x: x * number

    assert digest(made(1)) == digest(made(1))
    assert digest(made(1)) != digest(made(2))
    assert digest(made(1)) != digest(made(1.0))
    assert digest(made(np.ones(2))) != digest(made(np.zeros(2)))
    assert digest(made({"a", "b"})) == digest(made({"b", "a"}))
    assert digest(made(digest_of)) != digest(made(made))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def compiled(monkeypatch):
    """The kernels that were compiled, by name."""
    names = []
    watcher = lambda name, begins: names.append(name) if begins else None
    monkeypatch.setattr(compiling, "WATCHERS", [watcher])
    return names


def scaled(factor, x):
    """x times a factor, by a kernel as a new process has it."""

    @shared
    def kernel(task, first, last, part):
        x, z = arguments(task)
        for i in range(first, last):
            z[i] = factor * x[i]

    z = np.empty_like(x)
    kernel(x.size, x.size, x, z)
    return z.tolist()


def test_code_is_compiled_once_for_each_type_and_what_is_enclosed(folder, compiled):
    singles, doubles = np.arange(3, dtype="f4"), np.arange(3.0)
    for _ in range(2):
        assert scaled(2, singles) == [0, 2, 4]
        assert scaled(2, doubles) == [0, 2, 4]
        assert scaled(3, doubles) == [0, 3, 6]
    assert [name for name in compiled if name != "alone"] == ["scaled.kernel"] * 3
    assert len([*folder.rglob("*scaled*.nbc")]) == 3


def test_what_cannot_be_read_is_compiled_again(folder, compiled):
    for content in (b"", b"\x80", None):
        assert scaled(2, np.arange(3.0)) == [0, 2, 4]
        path = next(folder.rglob("*scaled*"))
        path.write_bytes(path.read_bytes()[:100] if content is None else content)
    assert scaled(2, np.arange(3.0)) == [0, 2, 4]
    assert len(compiled) == 4


def test_another_numba_has_code_of_its_own_in_the_place_of_the_old(folder, compiled, monkeypatch):
    scaled(2, np.arange(3.0))
    monkeypatch.setattr(code_cache, "VERSIONS", ("another",))
    scaled(2, np.arange(3.0))
    assert len(compiled) == 2
    assert len([*folder.rglob("*scaled*")]) == 1


def test_a_disk_that_takes_nothing_is_no_error(folder, compiled, monkeypatch):
    def full(self, content):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert scaled(2, np.arange(3.0)) == [0, 2, 4]
    assert not [*folder.rglob("*scaled*")]


def test_the_processor_is_part_of_the_place(folder):
    cache = CodeCache(digest_of, {})
    names = {cache.place("()", ("x86_64", name, "+avx2"))[0] for name in ("haswell", "znver4")}
    assert len(names) == 2


# --- several processes ----------------------------------------------------------------------------

SIGMOID = """
import numpy as np
import tinygrad_cnn as tg
from tinygrad_cnn.kernels import compiling
compiled = []
compiling.WATCHERS.append(lambda name, begins: compiled.append(name) if begins else None)
assert {*tg.zeros(9999).sigmoid().tolist()} == {0.5}
print(*compiled)
"""


def begun(**environment):
    """A process that needs a kernel."""
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", SIGMOID]
    return subprocess.Popen(command, env=own, stdout=subprocess.PIPE, cwd=os.sep, text=True)


def ended(process):
    """The names of the kernels that a process compiled."""
    out = process.communicate(timeout=300)[0]
    assert process.returncode == 0
    return out.split()


def is_formula(name):
    """Whether this is a sweep over a formula, as sigmoid is."""
    return name.startswith("formula_")


def test_processes_at_once_and_processors_do_not_disturb_each_other(tmp_path):
    here = {"NUMBA_CACHE_DIR": str(tmp_path)}
    other = {**here, "NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}
    if sys.platform == "darwin" or "x86" not in os.uname().machine:
        other = here
    compiled = [ended(p) for p in [begun(**here), begun(**here), begun(**other)]]
    assert any(names[1:] == ["alone"] and is_formula(names[0]) for names in compiled)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".nbc"}  # no drafts are left
    assert len(files) == (2 if other is here else 4)
    for environment in (here, other):
        assert ended(begun(**environment)) == []


def test_no_address_is_kept():
    """Kernels call the tile by its address, which is another in each process."""
    x, w = np.ones((2, 16, 8, 8), "f4"), np.ones((16, 16, 3, 3), "f4")
    settings = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    assert np.all(cpu_tile.conv(x, w, None, **settings) == 144)
    address = struct.pack("<q", cpu_tile.tile_address())
    kept = [*Path(workers.alone.stats.cache_path).glob("*sweep*.nbc")]
    assert kept
    assert not any(address in path.read_bytes() for path in kept)


@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache lies elsewhere")
def test_a_package_that_cannot_be_written_keeps_its_code_with_the_user(tmp_path):
    copy = tmp_path / "site" / "tinygrad_cnn"
    without = shutil.ignore_patterns("__pycache__", "*.npz")
    shutil.copytree(Path(tinygrad_cnn.__file__).parent, copy, ignore=without)
    (copy / "kernels" / "__pycache__").touch()  # a file: nobody can write below it
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), *sys.path]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": "",
        "XDG_CACHE_HOME": str(tmp_path / "user"),
    }
    assert any(map(is_formula, ended(begun(**environment))))
    assert [*(tmp_path / "user").rglob("*.nbc")]
