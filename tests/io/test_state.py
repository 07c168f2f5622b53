import json
import math
import os
import random
import stat
import struct
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save_file

import tinygrad_cnn as tg
from tinygrad_cnn.io import state as state_file

DTYPES = [
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
]
# One folder serves all examples of a property; each overwrites the file of the one before.
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def bits(array):
    return array.dtype, array.shape, np.ascontiguousarray(array).tobytes()


def same(a, b):
    """Whether two states are equal in every type, key order and bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, tg.Tensor):
        return bits(a.numpy()) == bits(b.numpy())
    if isinstance(a, (np.ndarray, np.generic)):
        return bits(np.asarray(a)) == bits(np.asarray(b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    return a == b


def layouts(array):
    """The same numbers in every order that memory may have."""
    wide = np.repeat(array[..., None], 2, axis=-1)
    return [
        array,
        np.asfortranarray(array),
        wide[..., 1],
        np.flip(np.flip(array).copy()),
        np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)
        if array.ndim
        else array,
    ]


@st.composite
def arrays(draw):
    """Arrays of every dtype whose bytes are anything at all: NaN payloads, -0.0, subnormals."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    count = math.prod(shape)
    content = draw(st.binary(min_size=count * dtype.itemsize, max_size=count * dtype.itemsize))
    if dtype.kind == "b":
        content = bytes(byte & 1 for byte in content)
    array = np.frombuffer(content, dtype).reshape(shape)
    return draw(st.sampled_from(layouts(array)))


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    arrays(),
    arrays().map(tg.Tensor),
    arrays().filter(lambda a: a.size).map(lambda a: a.reshape(-1)[0]),
)
states = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=4),
    ),
    max_leaves=12,
)

CHECKPOINT = {
    "model": {"features.0.weight": tg.Tensor(np.arange(6, dtype="float32").reshape(2, 3))},
    "optimizer": [{"lr": 0.1, "betas": (0.9, 0.999), "step": np.int64(3)}, None],
    "mean": np.array([0.5, -0.0]),
    "best": math.inf,
    "done": False,
    "note": "é",
}


# --- what goes in comes out ---


NAN_WITH_PAYLOAD = struct.unpack(">d", bytes.fromhex("fff8000000001234"))[0]


@one_folder
@given(states)
@example([NAN_WITH_PAYLOAD, -math.inf, -0.0, 5e-324])
def test_a_state_comes_back_in_every_type_key_and_bit(tmp_path, state):
    tg.save(state, tmp_path / "state")
    assert same(tg.load(tmp_path / "state"), state)


@one_folder
@given(st.dictionaries(st.text().filter(lambda key: key != "__metadata__"), arrays(), max_size=5))
def test_a_flat_dict_of_tensors_is_read_under_its_own_keys_by_any_program(tmp_path, numbers):
    tg.save({key: tg.Tensor(array) for key, array in numbers.items()}, tmp_path / "x")
    found = load_file(tmp_path / "x")
    assert found.keys() == numbers.keys()
    assert all(bits(found[key]) == bits(numbers[key]) for key in numbers)


@one_folder
@given(st.dictionaries(st.text().filter(lambda key: key != "__metadata__"), arrays(), max_size=5))
def test_a_safetensors_file_of_another_program_is_a_flat_dict_of_tensors(tmp_path, numbers):
    contiguous = {key: np.asarray(array, order="C") for key, array in numbers.items()}
    save_file(contiguous, tmp_path / "x", metadata={"format": "pt"})
    loaded = tg.load(tmp_path / "x")
    assert loaded.keys() == numbers.keys()
    assert all(same(loaded[key], tg.Tensor(numbers[key])) for key in numbers)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float16", "bfloat16"])
def test_every_number_of_16_bits_survives(tmp_path, dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    state = {"x": tg.Tensor(np.arange(2**16, dtype="uint16").view(dtype))}
    tg.save(state, tmp_path / "x")
    assert same(tg.load(tmp_path / "x"), state)


def test_bfloat16_without_ml_dtypes_is_a_sentence_that_names_it(tmp_path, monkeypatch):
    header = json.dumps({"x": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    path = tmp_path / "x"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\x80\x3f")
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ValueError, match="'x' is bfloat16, which needs the package ml_dtypes"):
        tg.load(path)


def test_channels_last_storage_and_foreign_byte_order_are_written_in_c_order(tmp_path):
    x = np.arange(24, dtype="float32").reshape(1, 2, 3, 4)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    state = {"last": tg.Tensor(last), "view": tg.Tensor(x).raw.T, "swapped": x.astype(">f4")}
    tg.save(state, tmp_path / "x")
    found = load_file(tmp_path / "x")
    assert bits(found["last"]) == bits(x)
    assert bits(found["view"]) == bits(x.T)
    assert bits(found["swapped"]) == bits(x)
    assert same(tg.load(tmp_path / "x"), {"last": tg.Tensor(x), "view": x.T, "swapped": x})


def test_names_that_collide_or_are_reserved_are_only_renamed_in_the_file(tmp_path):
    state = {
        "a": {"b": tg.Tensor([1.0])},
        "a.b": tg.Tensor([2.0]),
        "a.b#2": tg.Tensor([3.0]),
        "__metadata__": tg.Tensor([4.0]),
        "\ud800": tg.Tensor([5.0]),
        1: tg.Tensor([6.0]),
        "1": tg.Tensor([7.0]),
    }
    tg.save(state, tmp_path / "x")
    assert same(tg.load(tmp_path / "x"), state)


def test_shared_memory_is_saved_twice_and_what_is_loaded_is_ones_own(tmp_path):
    x = np.zeros(3)
    tg.save([x, x[:2], tg.Tensor(x)], tmp_path / "x")
    first, second, third = tg.load(tmp_path / "x")
    first[0] = third.raw[0] = 1  # writable
    assert second[0] == 0
    assert not np.shares_memory(first, third.raw)


def test_a_tensor_on_a_graph_is_saved_as_its_numbers(tmp_path):
    leaf = tg.Tensor([1.0, 2.0], requires_grad=True)
    tg.save({"leaf": leaf, "inner": leaf * leaf}, tmp_path / "x")
    loaded = tg.load(tmp_path / "x")
    assert same(loaded, {"leaf": tg.Tensor([1.0, 2.0]), "inner": tg.Tensor([1.0, 4.0])})
    assert not loaded["leaf"].requires_grad


def test_subclasses_of_tensor_and_dict_come_back_plain(tmp_path):
    class Parameter(tg.Tensor):
        pass

    tg.save(OrderedDict(w=Parameter([1.0])), tmp_path / "x")
    assert same(tg.load(tmp_path / "x"), {"w": tg.Tensor([1.0])})


def test_the_same_state_is_the_same_bytes(tmp_path):
    for name in "ab":
        tg.save(CHECKPOINT, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# --- what cannot be saved ---

Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"optimizer": [0, 1, 2, object()]}, r'state\["optimizer"\]\[3\] is a builtins.object'),
        (1j, "state is a builtins.complex"),
        ({"f": len}, r'state\["f"\] is a builtins.builtin_function_or_method'),
        (({1},), r"state\[0\] is a builtins.set"),
        ({7: b""}, r"state\[7\] is a builtins.bytes"),
        ([Pair(1, 2)], r"state\[0\] is a .*\.Pair"),
        ([tg.Value(1.0)], r"state\[0\] is a tinygrad_cnn\.value\.Value"),
        ({"a": {2.5: 1}}, r'state\["a"\] has the key 2\.5'),
        ({True: 1}, "state has the key True"),
        ({"names": np.array(["x"])}, r'state\["names"\] holds <U1'),
        ([np.array([object()])], r"state\[0\] holds object"),
        ([np.complex64(1)], r"state\[0\] holds complex64"),
        ([np.str_("x")], r"state\[0\] holds <U1"),
        ([np.ma.masked_array([1.0], [True])], r"state\[0\] is a numpy\.ma.*MaskedArray"),
    ],
)
def test_an_object_that_no_file_can_hold_is_named_with_its_place(tmp_path, state, message):
    tg.save("old", tmp_path / "x")
    with pytest.raises(TypeError, match=message):
        tg.save(state, tmp_path / "x")
    assert tg.load(tmp_path / "x") == "old"


def test_a_state_that_contains_itself_is_an_error_and_deep_ones_are_fine(tmp_path):
    deep = "bottom"
    for _ in range(100):
        deep = {"a": deep}
    tg.save(deep, tmp_path / "x")
    assert tg.load(tmp_path / "x") == deep
    with pytest.raises(ValueError, match="nested more than 100 levels"):
        tg.save([deep], tmp_path / "x")
    ring = []
    ring.append(ring)
    with pytest.raises(ValueError, match="does the state contain itself"):
        tg.save(ring, tmp_path / "x")


# --- paths ---


def test_paths_are_strings_or_path_likes(tmp_path, monkeypatch):
    class Named:
        def __fspath__(self):
            return str(tmp_path / "named")

    monkeypatch.chdir(tmp_path)
    for path in ("plain", tmp_path / "path", Named()):
        tg.save([1], path)
        assert tg.load(path) == [1]
    for wrong in (3, b"bytes", None):
        with pytest.raises(TypeError):
            tg.save([1], wrong)
        with pytest.raises(TypeError):
            tg.load(wrong)


def test_folders_are_not_made_and_not_overwritten(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing"):
        tg.save([1], tmp_path / "missing" / "x")
    with pytest.raises(FileNotFoundError, match="missing: there is no such file; expected a safe"):
        tg.load(tmp_path / "missing")
    for act in (lambda: tg.save([1], tmp_path), lambda: tg.load(tmp_path)):
        with pytest.raises(ValueError, match=f"{tmp_path.name}: it is not a regular file"):
            act()
    assert not list(tmp_path.iterdir())


def test_the_suffix_decides_nothing(tmp_path):
    tg.save([1], tmp_path / "x.npz")
    assert tg.load(tmp_path / "x.npz") == [1]
    (tmp_path / "x.safetensors").write_text("weights")
    with pytest.raises(ValueError, match=r"x\.safetensors: found .*b'weights'; expected an intact"):
        tg.load(tmp_path / "x.safetensors")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes and few links")
def test_modes_and_links_are_those_that_writing_in_place_would_leave(tmp_path):
    old = os.umask(0o027)
    try:
        tg.save([1], tmp_path / "new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o600)
    (tmp_path / "link").symlink_to("new")
    tg.save([2], tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert tg.load(tmp_path / "new") == [2]
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


# --- whole or not at all ---


@pytest.mark.parametrize("module", [os, state_file], ids=["fsync and replace", "save_file"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, module, error
):
    def fail(*args, **kwargs):
        raise error

    tg.save("old", tmp_path / "x")
    for name in ("fsync", "replace") if module is os else ("save_file",):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            with pytest.raises(type(error)):
                tg.save("new", tmp_path / "x")
    assert tg.load(tmp_path / "x") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_file_that_outgrows_its_room_leaves_the_old_one(tmp_path):
    resource = pytest.importorskip("resource", reason="limits need POSIX")
    tg.save("old", tmp_path / "x")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        with pytest.raises(OSError, match=r"cannot save .*too large"):
            tg.save(np.zeros(2**20), tmp_path / "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert tg.load(tmp_path / "x") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


SAVE_FOREVER = """
import sys
import numpy as np
import tinygrad_cnn as tg
states = [{"k": k, "x": np.full(300_000, k)} for k in range(2)]
while True:
    for state in states:
        tg.save(state, sys.argv[1])
    print("saved", flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "x"
    root = Path(tg.__file__).parents[1]
    chance = random.Random(0)
    for _ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOREVER, path],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        with child:
            assert child.stdout.readline() == b"saved\n"
            time.sleep(chance.uniform(0, 0.03))
            child.kill()
        state = tg.load(path)
        assert state["k"] in (0, 1)
        assert (state["x"] == state["k"]).all()


# --- files from strangers, and damaged ones ---


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    tg.save(CHECKPOINT, tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    for size in range(len(content)):
        (tmp_path / "cut").write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"cut: .*; expected an intact safetensors file"):
            tg.load(tmp_path / "cut")


def test_a_wrong_byte_anywhere_is_found(tmp_path):
    tg.save(CHECKPOINT, tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    numbers = load_file(tmp_path / "whole")
    key = content.index(b'"tinygrad_cnn"')
    chance = random.Random(0)
    refused = 0
    for at in range(len(content)):
        wrong = bytearray(content)
        wrong[at] ^= chance.randrange(1, 256)
        (tmp_path / "wrong").write_bytes(wrong)
        try:
            state = tg.load(tmp_path / "wrong")
        except ValueError as error:
            assert "wrong: " in str(error)
            assert "expected an intact safetensors file" in str(error)
            refused += 1
            continue
        if key < at < key + 13:  # our mark is gone: the tensors, as of any safetensors file
            found = {name: bits(tensor.numpy()) for name, tensor in state.items()}
            assert found == {name: bits(array) for name, array in numbers.items()}
        else:  # white space
            assert same(state, CHECKPOINT)
    assert refused > 0.95 * len(content)


def test_a_damaged_npz_is_refused_or_right(tmp_path):
    numbers = {"a": np.arange(6, dtype="int16").reshape(2, 3), "b": np.float32(1.5)}
    np.savez(tmp_path / "whole.npz", **numbers)
    whole = {name: tg.Tensor(array) for name, array in numbers.items()}
    assert same(tg.load(tmp_path / "whole.npz"), whole)
    content = (tmp_path / "whole.npz").read_bytes()
    chance = random.Random(0)
    for at in range(len(content)):
        wrong = bytearray(content)
        wrong[at] ^= chance.randrange(1, 256)
        for damaged in (wrong, content[:at]):
            (tmp_path / "damaged").write_bytes(damaged)
            try:
                state = tg.load(tmp_path / "damaged")
            except ValueError as error:
                assert "damaged: " in str(error)
                continue
            assert damaged is wrong
            for name, tensor in state.items():  # a wrong length in the directory may hide an entry
                assert same(tensor, whole[name])


def test_an_entry_of_an_npz_that_claims_to_be_shorter_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(6).reshape(2, 3))
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content.replace(b"(2, 3)", b"(2, 2)"))
    with pytest.raises(ValueError, match=r"its entry 'a\.npy' does not have its checksum"):
        tg.load(tmp_path / "x.npz")


@one_folder
@given(
    st.sampled_from([b"", b"PK\3\4", b"\x80\2", b"{", struct.pack("<Q", 2) + b"{}", b"\x93NUMPY"]),
    st.binary(),
)
def test_any_other_bytes_are_refused(tmp_path, start, rest):
    path = tmp_path / "x"
    path.write_bytes(start + b"\n" + rest)
    with pytest.raises(ValueError, match=r"cannot load .*x: "):
        tg.load(path)


def with_tree(path, tree, arrays):
    content = {"crc32": state_file.checksum(tree, arrays), "state": tree}
    save_file(arrays, path, {"tinygrad_cnn": json.dumps(content)})


X = {"x": np.zeros(2)}


@pytest.mark.parametrize(
    ("tree", "arrays"),
    [
        ({"tensor": "y"}, X),
        ([{"tensor": "x"}, {"tensor": "x"}], X),
        (None, X),
        ({"tensor": "x", "array": "x"}, X),
        ({"tensor": ["x"]}, X),
        ({"code": "print()"}, {}),
        ({}, {}),
        ({"dict": [[[], 1]]}, {}),
        ({"dict": [1]}, {}),
        ({"tuple": 1}, {}),
        ({"float": "7ff"}, {}),
        ({"float": 1}, {}),
    ],
)
def test_a_forged_tree_is_refused(tmp_path, tree, arrays):
    with_tree(tmp_path / "x", tree, arrays)
    with pytest.raises(ValueError, match=r"cannot load .*x: "):
        tg.load(tmp_path / "x")


@pytest.mark.parametrize(
    "text",
    ["", "1", "{}", '{"crc32": 0, "state": 1}', "[" * 10**6, '{"crc32": 0, "state": ' + "[" * 900],
)
def test_forged_metadata_is_refused(tmp_path, text):
    save_file({}, tmp_path / "x", {"tinygrad_cnn": text})
    with pytest.raises(ValueError, match=r"cannot load .*x: "):
        tg.load(tmp_path / "x")


class Trap:
    def __reduce__(self):
        return os.mkdir, ("sprung",)


def test_a_pickle_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.array([Trap()])
    array.dump("pickle.pth")
    np.savez("objects.npz", x=array)
    with zipfile.ZipFile("zip.pth", "w") as archive:
        archive.write("pickle.pth", "archive/data.pkl")
        archive.writestr("archive/data/0", bytes(8))
    for name, problem in (
        ("pickle.pth", "asks for numpy"),
        ("zip.pth", "has NumPy values of type .O8."),
    ):
        with pytest.raises(ValueError, match=f"{name}: its pickle {problem}"):
            tg.load(name)
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        tg.load("objects.npz")
    assert not Path("sprung").exists()


def test_archives_and_tensors_of_other_things_than_numbers_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    np.savez(tmp_path / "b.npz", names=np.array(["x"]))
    save_file({"z": np.zeros(2, "complex64")}, tmp_path / "c.safetensors")
    for name, problem in (("a.zip", "no array"), ("b.npz", "<U1"), ("c.safetensors", "complex64")):
        with pytest.raises(ValueError, match=f"{name}: its entry '.*' is {problem}; Tensors hold"):
            tg.load(tmp_path / name)
