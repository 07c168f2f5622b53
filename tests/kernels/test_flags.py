"""`tg.backends.cudnn` and `tg.backends.cuda`: PyTorch's names and defaults, none misspelt."""

import sys
import types

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import cuda_plan
from tinygrad_cnn.kernels.served import UNUSABLE

cudnn, matmul = tg.backends.cudnn, tg.backends.cuda.matmul


def test_defaults():
    assert repr(cudnn) == (
        "tg.backends.cudnn(enabled=True, allow_tf32=True, deterministic=False, benchmark=False)"
    )
    assert repr(matmul) == "tg.backends.cuda.matmul(allow_tf32=False)"


def test_names_and_defaults_are_those_of_pytorch(torch):
    theirs = torch.backends.cudnn
    for name, value in vars(cudnn).items():
        assert getattr(theirs, name) == value
    assert torch.backends.cuda.matmul.allow_tf32 == matmul.allow_tf32


@pytest.mark.parametrize("name", ["enabled", "allow_tf32", "deterministic", "benchmark"])
def test_a_setting_is_kept_within_flags_and_then_as_before(name):
    before = getattr(cudnn, name)
    with pytest.raises(KeyError), cudnn.flags(**{name: not before}):
        assert getattr(cudnn, name) is not before
        raise KeyError
    assert getattr(cudnn, name) is before


def test_a_misspelt_setting_is_an_error_that_names_the_right_one():
    with pytest.raises(AttributeError, match=r"cudnn has no 'benchmrk'; did you mean benchmark\?"):
        cudnn.benchmrk = True
    with pytest.raises(AttributeError, match="did you mean allow_tf32"):
        cudnn.alow_tf32  # noqa: B018
    with pytest.raises(AttributeError, match=r"cuda has no 'matmull'; did you mean matmul\?"):
        tg.backends.cuda.matmull.allow_tf32 = True
    with pytest.raises(AttributeError, match=r"matmul has no 'allow_fp32'; did you mean"):
        matmul.allow_fp32 = True
    with pytest.raises(AttributeError, match="set to False, not deleted"):
        del cudnn.benchmark
    with pytest.raises(AttributeError, match="no 'zzz'"), cudnn.flags(benchmark=True, zzz=True):
        pass
    assert cudnn.benchmark is False
    assert not hasattr(cudnn, "benchmrk")


@pytest.mark.parametrize("value", [1, None, "yes"])
def test_settings_are_true_or_false(value):
    with pytest.raises(TypeError, match="deterministic is True or False, got"):
        cudnn.deterministic = value


def test_what_can_be_asked():
    assert {"enabled", "flags", "is_available", "version"} <= set(dir(cudnn))
    assert "matmul" in dir(tg.backends.cuda)


def test_matrix_products_of_cupy_obey_where_it_is_loaded(monkeypatch):
    asked = []
    stand_in = types.SimpleNamespace(set_matmul_tf32=asked.append)
    monkeypatch.setitem(sys.modules, "tinygrad_cnn.kernels.cuda", stand_in)
    with matmul.flags(allow_tf32=True):
        pass
    assert asked == [True, False]


def test_a_front_end_that_cannot_be_used_is_a_reason_and_no_error(monkeypatch):
    broken = types.ModuleType("cudnn")

    def backend_version():
        raise OSError("libcudnn.so.9: cannot open shared object file\nand so on")

    broken.backend_version = backend_version
    for module, reason in [
        (broken, "OSError: libcudnn.so.9: cannot open shared object file"),
        (None, "ModuleNotFoundError: import of cudnn halted; None in sys.modules"),
    ]:
        monkeypatch.setitem(sys.modules, "cudnn", module)
        monkeypatch.setattr(cuda_plan, "cudnn", cuda_plan.cudnn.__wrapped__)
        assert cudnn.version() is None and cudnn.is_available() is False
        assert UNUSABLE.pop("cudnn") == reason
        monkeypatch.undo()
