"""Code that is written out instruction by instruction, called by its address and kept on disk."""

import ctypes

import pytest

pytest.importorskip("numba", reason="Numba has no wheel here: nothing is compiled")
from numba import config

from tinygrad_cnn.kernels import compiling
from tinygrad_cnn.kernels.assembled import WORD, assembled


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """The names of what was translated, in a folder of its own."""
    names = []
    watcher = lambda name, begins: names.append(name) if begins else None
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiling, "WATCHERS", [watcher])
    return names


def scaled(factor, x):
    """factor x, by machine code that a new process would translate."""

    def write(b, target, number):
        pointer = b.inttoptr(target, WORD.as_pointer())
        b.store(b.mul(number, WORD(factor)), pointer)

    z = ctypes.c_int64()
    word = ctypes.c_int64
    code = ctypes.CFUNCTYPE(None, word, word)(assembled(write, 2))
    code(ctypes.addressof(z), x)
    return z.value


def test_code_does_what_is_written_and_is_kept(compiled):
    for _ in range(2):
        assert scaled(3, 5) == 15
        assert scaled(-7, 5) == -35
    assert compiled == ["scaled.write"] * 2


def test_without_a_folder_it_is_translated_each_time(compiled, monkeypatch):
    monkeypatch.setattr(config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    monkeypatch.setattr(config, "CACHE_DIR", "")
    assert scaled(3, 5) == scaled(3, 5) == 15
