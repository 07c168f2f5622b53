"""`pytest --backend=...`: where tests then make tensors, and what is left out and said of it."""

import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_cnn as tg

TESTS = Path(__file__).parent


def run(*words: str) -> str:
    """What a run of some tests prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_tests_run_on_the_double_and_the_summary_says_so():
    pytest.importorskip("cupy", reason="the device double takes CuPy's names from CuPy")
    chosen = "test_the_default_device or test_what_is_copied or test_the_first_example"
    text = run("--backend=double", "tests/ops/test_create.py", "tests/test_value.py", "-k", chosen)
    assert "tests by backend: 1 on double" in text
    assert "1  left out: memory of the host, shared" in text
    assert "left out: scalar mode" in text


@pytest.mark.skipif(tg.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_sentence_says_that_nothing_ran():
    text = run("--backend=cuda", "tests/ops/test_create.py", "-k", "test_the_default_device")
    assert "nothing ran on cuda: there is no GPU that CuPy can use" in text
    assert "1 skipped" in text


def test_numpy_is_the_default():
    text = run("tests/ops/test_create.py", "-k", "test_the_default_device")
    assert "tests by backend: 1 on numpy" in text
