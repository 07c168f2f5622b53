"""`tg.backends.cpu`: settings that cannot be misspelt."""

import pytest

import tinygrad_cnn as tg

cpu = tg.backends.cpu


def test_by_default_rules_choose_and_all_kernels_are_allowed():
    assert (cpu.benchmark, cpu.precise) == (False, False)
    assert repr(cpu) == "tg.backends.cpu(benchmark=False, precise=False)"


@pytest.mark.parametrize("name", ["benchmark", "precise"])
def test_a_setting_is_kept_within_flags_and_then_as_before(name):
    with cpu.flags(**{name: True}):
        assert getattr(cpu, name) is True
        setattr(cpu, name, False)
        assert getattr(cpu, name) is False
    assert getattr(cpu, name) is False
    with pytest.raises(KeyError), cpu.flags(**{name: True}):
        raise KeyError
    assert getattr(cpu, name) is False


def test_a_misspelt_setting_is_an_error_that_names_the_right_one():
    sentence = "tg.backends.cpu has no 'benchmrk'; did you mean benchmark?"
    with pytest.raises(AttributeError, match=sentence.replace("?", r"\?")):
        cpu.benchmrk = True
    with pytest.raises(AttributeError, match="did you mean benchmark"):
        cpu.benchmrk  # noqa: B018
    with pytest.raises(AttributeError, match="there are benchmark"), cpu.flags(zzz=True):
        pass
    with pytest.raises(AttributeError, match="set to False, not deleted"):
        del cpu.precise
    assert not hasattr(cpu, "benchmrk")


def test_flags_that_fail_change_nothing():
    with pytest.raises(AttributeError), cpu.flags(precise=True, zzz=True):
        pass
    assert cpu.precise is False


@pytest.mark.parametrize("value", [1, None, "yes"])
def test_settings_are_true_or_false(value):
    with pytest.raises(TypeError, match="precise is True or False, got"):
        cpu.precise = value


def test_a_method_is_no_setting():
    with pytest.raises(AttributeError, match="has no 'flags'"):
        cpu.flags = True


def test_facts():
    assert cpu.is_available() is True
    assert cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
    assert {"benchmark", "precise", "flags"} <= set(dir(cpu))
