"""Plans of cuDNN: how arrays are described, which plan is taken, what is kept on disk.

With NVIDIA's front end and its library installed, the genuine ones plan as well, for the described
GPU in `h200.json`: that needs no GPU.
"""

import contextlib
import ctypes
import dataclasses
import json
import threading
from pathlib import Path

import cudnn_double
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.kernels import capture, cuda_plan
from tinygrad_cnn.kernels.cuda_plan import Key, W, X, Y
from tinygrad_cnn.kernels.flags import CUDNN
from tinygrad_cnn.kernels.shapes import out_size

ONES = (1, 1)


def key_of(gate="conv", dtype="float32", x=(2, 8, 6, 6), k=16, window=(3, 3), groups=1, **more):
    """A key for images and windows of these shapes, padded by 1."""
    ones = (1,) * len(window)
    more = {"stride": ones, "padding": ones, "dilation": ones} | more
    w = (k, x[1] // groups, *window)
    axes = zip(x[2:], window, *(more[n] for n in ("stride", "padding", "dilation")), strict=True)
    y = (x[0], k, *(out_size(*axis) for axis in axes))
    plain = dict.fromkeys(("bias", "relu", "strict", "deterministic", "benchmark"), False)
    more = {"rows": True, "device": 0, "version": 92800} | plain | more
    return Key(gate, dtype, x, w, y, **more)


@pytest.fixture
def library(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with cudnn_double.installed(monkeypatch, np.asarray) as made:
        yield made


def addresses(key):
    """Addresses of arrays for a key, and the arrays, which must live as long."""
    arrays = {uid: np.zeros(shape, "f4") for uid, shape in ((X, key.x), (W, key.w), (Y, key.y))}
    return {uid: a.ctypes.data for uid, a in arrays.items()}, arrays


@given(st.lists(st.integers(1, 5), min_size=3, max_size=5).map(tuple), st.booleans())
def test_strides_are_those_of_arrays_without_gaps(shape, rows):
    if rows:
        made = np.moveaxis(np.empty((shape[0], *shape[2:], shape[1]), "u1"), -1, 1)
    else:
        made = np.empty(shape, "u1")
    found = cuda_plan.strides(shape, rows)
    assert type(found) is list
    for size, step, wanted in zip(shape, found, made.strides, strict=True):
        assert size == 1 or step == wanted


def test_one_place_decides_about_layouts():
    assert cuda_plan.channels_last("float16") and cuda_plan.channels_last("bfloat16")
    for allowed in (True, False):
        with CUDNN.flags(allow_tf32=allowed):
            assert cuda_plan.channels_last("float32") is allowed


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Key)])
def test_every_part_of_a_key_is_a_key_of_its_own(field):
    key = key_of()
    other = {"gate": "conv_dx", "dtype": "float16"}
    value = getattr(key, field)
    if isinstance(value, bool):
        value = not value
    elif isinstance(value, tuple):
        value = (*value[:-1], value[-1] + 1)
    else:
        value = other.get(field) or value + 1
    assert {key: 1}.get(dataclasses.replace(key, **{field: value})) is None
    assert {key: 1}[key_of()] == 1


def test_without_benchmark_nothing_is_timed_and_nothing_is_kept(library, tmp_path):
    key = key_of()
    where, _arrays = addresses(key)
    plan = cuda_plan.plan_for(key, where)
    assert plan is cuda_plan.plan_for(key, where)
    assert library.now == 0 and not library.ran and not [*tmp_path.iterdir()]


def test_benchmark_takes_the_fastest_and_keeps_it_on_disk(library, monkeypatch, tmp_path):
    key = key_of(benchmark=True)
    where, _arrays = addresses(key)
    plan = cuda_plan.plan_for(key, where)
    assert plan.graph.index == 3 and plan.size == 300  # the shortest time of the stand-in
    (path,) = tmp_path.rglob("*.json")
    assert path.name == "cudnn-92800-A-GPU.json"
    assert [*json.loads(path.read_text()).values()] == ["eng3_k2=3"]

    monkeypatch.setattr(cuda_plan, "PLANS", {})  # as in another process
    library.ran.clear()
    again = cuda_plan.plan_for(dataclasses.replace(key, device=1), where)
    assert again.graph.index == 3 and not library.ran

    other = dataclasses.replace(key, deterministic=True)
    assert cuda_plan.plan_for(other, where).graph.index == 1  # plan 3 may not be taken
    assert sorted(json.loads(path.read_text()).values()) == ["eng1_k2=1", "eng3_k2=3"]


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"a": "b"}', "\udcff"])
def test_a_file_of_choices_that_is_broken_is_written_anew(text, library, tmp_path):
    key = key_of(benchmark=True)
    path = cuda_plan.place(key)
    path.parent.mkdir()
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    where, _arrays = addresses(key)
    assert cuda_plan.plan_for(key, where).graph.index == 3
    assert "eng3_k2=3" in json.loads(path.read_text()).values()


def test_a_folder_that_cannot_be_written_is_no_error(library, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    key = key_of(benchmark=True)
    where, _arrays = addresses(key)
    assert cuda_plan.plan_for(key, where).graph.index == 3


def test_while_a_step_is_recorded_nothing_is_timed(library, monkeypatch, tmp_path):
    monkeypatch.setattr(capture.HERE, "recording", object(), raising=False)
    key = key_of(benchmark=True)
    where, _arrays = addresses(key)
    assert cuda_plan.plan_for(key, where).graph.index == 0
    assert not library.ran and not [*tmp_path.iterdir()]


def test_a_workspace_grows_and_belongs_to_its_stream(library):
    small = cuda_plan.workspace(100)
    assert small.size >= 100 and cuda_plan.workspace(50) is small
    large = cuda_plan.workspace(200)
    assert large.size >= 200 and cuda_plan.workspace(100) is large
    library.stream = 9
    assert cuda_plan.workspace(100) is not large
    assert cuda_plan.workspace(0) is None and cuda_plan.start(None) == 0


def test_a_recorded_step_shares_no_workspace(library, monkeypatch):
    shared = cuda_plan.workspace(100)
    monkeypatch.setattr(capture.HERE, "recording", object(), raising=False)
    assert cuda_plan.workspace(100) is not shared
    assert [*cuda_plan.SPACES.values()] == [shared]


def test_each_thread_has_a_handle_of_its_own(library):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(cuda_plan.HANDLES.ready())) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
        thread.join()
    assert len({*found, cuda_plan.HANDLES.ready()}) == 3


# --- the genuine front end, without a GPU ---------------------------------------------------------


def loads(name):
    """Whether a library can be loaded."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def genuine():
    """What names the described GPU to the genuine front end."""
    pytest.importorskip("cudnn", reason="NVIDIA's front end plans here where it is installed")
    if not any(loads(f"libcublasLt.so.{major}") for major in (12, 13)):
        pytest.skip("without cuBLAS's library cuDNN ends the process")
    library = cuda_plan.cudnn()
    if library is None:
        pytest.skip("the front end finds no cuDNN library")
    described = Path(__file__).with_name("h200.json").read_text()
    with contextlib.suppress(AttributeError):
        properties = library.create_device_properties(described)
        return {"device_property": properties, "sm_version": 900, "sm_count": 132}
    pytest.skip("this front end takes no description of a GPU")


@pytest.mark.parametrize("gate", ["conv", "conv_dx", "conv_dw"])
@pytest.mark.parametrize(
    "more",
    [
        {"dtype": "float16"},
        {"dtype": "bfloat16"},
        {},
        {"rows": False, "strict": True},
        {"dtype": "float16", "deterministic": True},
        {"dtype": "float16", "groups": 2},
        {"dtype": "float16", "k": 8, "groups": 8},
        {"dtype": "float16", "x": (2, 8, 1, 9), "window": (1, 3), "padding": (0, 1)},
        {"stride": (2, 3), "dilation": (1, 2), "x": (2, 8, 9, 9)},
        {"x": (2, 8, 6, 6, 6), "window": (3, 3, 3)},
        {"x": (2, 8, 6, 6, 6), "window": (3, 3, 3), "rows": False, "strict": True},
    ],
    ids=str,
)
def test_the_genuine_front_end_has_a_plan(gate, more, genuine):
    graph = cuda_plan.graph_of(key_of(gate, **more), **genuine)
    graph.build_plans()
    assert graph.get_workspace_size() >= 0


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(
    "more", [{}, {"dtype": "float16"}, {"rows": False, "strict": True}], ids=str
)
def test_the_genuine_front_end_fuses(relu, more, genuine):
    graph = cuda_plan.graph_of(key_of(bias=True, relu=relu, **more), **genuine)
    graph.build_plans()


def test_the_genuine_front_end_refuses_plans_that_were_deselected(genuine):
    """Strict plans are among those that are left, and a name finds its plan again."""
    graph = cuda_plan.graph_of(key_of(x=(8, 64, 28, 28), k=64, strict=True), **genuine)
    able = {}
    for index in range(graph.get_execution_plan_count()):
        with contextlib.suppress(Exception):
            graph.build_plan_at_index(index)
            able[index] = graph.get_plan_name_at_index(index)
    assert 0 < len(able) < graph.get_execution_plan_count()
    assert len({*able.values()}) == len(able)
