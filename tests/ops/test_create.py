"""Tensors of given numbers."""

import threading

import numpy as np
import pytest
from calls import check

import tinygrad_cnn as tg

MADE = """\
T.eye(2, 3)
T.eye(-1)
T.zeros(-1)
T.zeros(2.5)
T.zeros("a")
T.zeros(())
T.zeros(size=(2, 3))
T.zeros(2, dtype="abc")
T.zeros(2, dtype=float)
T.zeros(2, dtype=int)
T.zeros(2, dtype=bool)
T.ones(2, 3, dtype=T.int16)
T.empty(2, 3).shape
T.full((2,), True)
T.full((2,), 3)
T.full((2,), 2.5, dtype=T.int64)
T.full((2,), float("nan"), dtype=T.int64)
T.full((2,), "a")
T.full((2,), T.tensor(3.0))
T.arange(3)
T.arange(0, 1, 0)
T.arange(5, 0)
T.arange(5, 0, -2)
T.arange(5, 0, -2.0)
T.arange(0, 1, 0.25)
T.arange(3.0)
T.arange(True)
T.arange("a")
T.arange(T.tensor(3))
T.arange(0, float("nan"))
T.arange(0, float("inf"))
T.arange(1, 2, 0.1)
T.linspace(0, 1, 0)
T.linspace(0, 1, 1)
T.linspace(0, 1, -1)
T.linspace(0, 1, 2.5)
T.linspace(0, 10, 4, dtype=T.int64)
T.linspace(0, 1, 3, requires_grad=True).requires_grad
T.logspace(0, 2, 3)
T.logspace(0, 2, 3, base=2)
T.tensor([1, 2.5])
T.tensor([True, 2])
T.tensor("a")
T.tensor([[1], [1, 2]])
T.tensor([])
T.tensor([[]])
T.tensor(2**70)
T.tensor(2**63)
T.tensor(range(3))
T.tensor([1, 2], dtype=T.uint8)
T.tensor([300], dtype=T.uint8)
T.tensor(1e300)
T.tensor([2.7], dtype=T.int64)
T.tensor(1, dtype=T.bool)
T.tensor([np.float64(1.5)])
T.tensor([1.0, np.float16(1.5)])
T.tensor([[1, 2], [np.float16(1.5), np.float16(2.5)]])
T.tensor([np.ones(2), np.zeros(2)])
T.tensor([np.ones(2, np.float32), [1.0, 2.0]])
T.tensor([T.tensor(1.0, dtype=T.float64), 2.0])
T.tensor([T.tensor(1, dtype=T.int16)])
T.as_tensor([np.float64(1.5), 2])
T.as_tensor([1.0, 2.0], dtype=T.float64)
T.as_tensor([1.0, 2.0], T.float64)
T.as_tensor(x) is x
T.from_numpy(3)
T.from_numpy(np.array(["a"]))
T.from_numpy(np.ones(2))
T.from_numpy(np.ones(2, ">f4" if np.little_endian else "<f4"))
T.from_dlpack(np.ones(3))
T.zeros_like(x, dtype=T.int64)
T.zeros_like(3)
T.ones_like(i)
T.ones_like(x, requires_grad=True).requires_grad
T.full_like(i, 2.5)
T.empty_like(i).dtype
x.new_tensor([1, 2])
i.new_tensor([1.5])
i.new_zeros(2)
x.new_full((2,), 3)
i.new_full((2,), 3.5)
x.new_zeros((2, 3))
x.new_ones(2, 3, dtype=T.int32)
x.new_empty(3).shape
T.zeros(2, device="tpu")
T.zeros(2, device="meta").shape"""


@pytest.mark.parametrize("line", MADE.splitlines())
def test_making_is_pytorchs(torch, line):
    check(torch, line)


def test_bytes_in_another_order_are_turned():
    a = np.array([1.5, -2.0])
    strange = a.astype(a.dtype.newbyteorder())
    for t in (tg.tensor(strange), tg.as_tensor(strange), tg.tensor([strange]), tg.Tensor(strange)):
        assert t.dtype.isnative
        assert t.reshape(-1).tolist() == a.tolist()
    with pytest.raises(ValueError, match=r"from_numpy shares memory, .* order of bytes"):
        tg.from_numpy(strange)


@pytest.mark.host("memory of the host, shared")
def test_what_is_copied_and_what_is_shared():
    a = np.ones(3, np.float32)
    assert not np.shares_memory(tg.tensor(a).raw, a)
    assert np.shares_memory(tg.as_tensor(a).raw, a)
    assert tg.from_numpy(a).raw is a
    assert np.shares_memory(tg.from_dlpack(a).raw, a)
    assert tg.tensor([tg.tensor(1.0), tg.tensor(2.0)]).tolist() == [1.0, 2.0]
    x = tg.ones(2, requires_grad=True)
    assert not tg.tensor(x).requires_grad
    with pytest.raises(TypeError, match=r"from_dlpack takes an array with __dlpack__, got int"):
        tg.from_dlpack(3)


@pytest.mark.host("memory of the host, shared")
def test_memory_passes_between_libraries(torch):
    ours = tg.arange(3)
    theirs = torch.from_dlpack(ours)
    theirs[0] = 7
    assert ours.tolist() == [7, 1, 2]
    back = tg.from_dlpack(theirs)
    back[1] = 5
    assert ours.tolist() == [7, 5, 2]
    assert torch.from_dlpack(tg.ones(1).expand(3)).tolist() == [1.0, 1.0, 1.0]


def test_what_holds_no_numbers_is_refused():
    for bad in ("abc", None, [1, "a"], {}, object()):
        with pytest.raises(TypeError, match="a Tensor holds numbers"):
            tg.tensor(bad)
    for bad in (1j, [1j, 2.0], np.ones(2, complex)):
        with pytest.raises(TypeError, match="complex numbers are not supported"):
            tg.tensor(bad)
    with pytest.raises(TypeError, match="complex numbers are not supported"):
        tg.zeros(2, dtype="complex64")


def test_shapes_alone_are_made_without_memory():
    huge = 10**6
    for make in (tg.zeros, tg.ones, tg.empty, tg.rand, tg.randn):
        assert make(huge, huge, device="meta").shape == (huge, huge)
    x = tg.zeros(huge, huge, device="meta")
    assert tg.ones_like(x).device == tg.randn_like(x).device == tg.device("meta")
    assert x.new_zeros(3, dtype=tg.int64).dtype == np.int64
    assert tg.eye(3, device="meta").shape == (3, 3)
    assert tg.logspace(0, 1, 5, device="meta").shape == (5,)


def test_the_default_dtype():
    assert tg.get_default_dtype() == np.float32
    tg.set_default_dtype(tg.float64)
    try:
        made = (tg.tensor(1.5), tg.zeros(2), tg.rand(2), tg.arange(0.5), tg.tensor([1]) / 2)
        assert {t.dtype for t in made} == {np.dtype("float64")}
        assert repr(tg.ones(1)) == "tensor([1.])"
    finally:
        tg.set_default_dtype(tg.float32)
    assert tg.tensor(1.5).dtype == np.float32
    with pytest.raises(TypeError, match="the default dtype is a float, got int64"):
        tg.set_default_dtype(tg.int64)


# --- the device of a context ----------------------------------------------------------------------


def test_within_a_device_tensors_and_layers_are_made_there():
    with tg.device("meta"):
        made = [tg.zeros(2), tg.randn(2, 3), tg.arange(4), tg.tensor([1.0])]
        layer = tg.nn.Sequential(tg.nn.Conv2d(1, 2, 3), tg.nn.BatchNorm2d(2), tg.nn.Linear(3, 2))
        with tg.device("cpu"):
            assert tg.ones(1).device.type == "cpu"
        assert tg.zeros(1, device="cpu").device.type == "cpu"
    assert {t.device.type for t in made} == {"meta"}
    assert {t.device.type for t in layer.state_dict().values()} == {"meta"}
    assert tg.zeros(1).device == tg.get_default_device()


def test_the_device_of_a_context_belongs_to_its_thread():
    found = []
    with tg.device("meta"):
        thread = threading.Thread(target=lambda: found.append(tg.zeros(1).device.type))
        thread.start()
        thread.join()
    assert found == ["cpu"]


@pytest.fixture
def default_device():
    """The device that is set; it is set again after the test."""
    before = tg.get_default_device()
    yield before
    tg.set_default_device(before)


def test_the_default_device(default_device):
    assert tg.zeros(1).device == default_device
    tg.set_default_device("meta")
    made = [tg.zeros(2), tg.rand(2), tg.tensor([1.0]), tg.nn.BatchNorm1d(2).running_mean]
    assert {t.device for t in made} == {tg.get_default_device()} == {tg.device("meta")}
    assert tg.Tensor([1.0]).device == tg.from_numpy(np.ones(1)).device == tg.device("cpu")
    with tg.device("cpu"):
        assert tg.get_default_device() == tg.zeros(1).device == tg.device("cpu")
        tg.set_default_device(None)
    assert tg.get_default_device() == tg.zeros(1).device == tg.device("cpu")


@pytest.mark.parametrize(("name", "error"), [("nowhere", RuntimeError), (3.5, TypeError)])
def test_a_default_device_has_a_devices_name(default_device, torch, name, error):
    for library in (tg, torch):
        with pytest.raises(error):
            library.set_default_device(name)
    assert tg.get_default_device() == default_device
