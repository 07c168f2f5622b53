"""Files of torch.save: what PyTorch writes comes back, and nothing that a file says is believed."""

import base64
import io
import os
import pickle
import pickletools
import random
import struct
import sys
import zipfile
import zlib
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.io.pickled import DEPTH, KNOWN, Machine, finished
from tinygrad_cnn.io.torch_file import MAGIC, PROTOCOL

NUMBERS = struct.pack("<4f", 0, 1, 2, 3)
FORMATS = pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])

# {"w": x.t(), "row": x[1], "n": 3, "flag": torch.tensor(True)} for x = arange(6.).reshape(2, 3), as
# PyTorch 2.13 writes it in its two formats, packed.
ZIP = (
    "eNqlVcFP01AYf223bhbdGKIbw5B4GwmMdmOFaQTSmF56cExJFi9N6craWFZe9wbRhITEjISb+gcYL/4NXv0XuHgy8e"
    "DBePLqyfheC6XtMobysreXdd/v9/3e932/raEwCQDSaTC0JsEU0FzdtPaNpbaGtPLeC1uWMuB5ZB3RhxCUWhQGHEBK"
    "Rw5GlNU+suwep7rGdt+y2yoyuj3HVfcrHKRLpVYKB/dwpNYxIONDONl2NPTUf8jBhEfIw2SLwae+14eswiKY2lSAwi"
    "j0MUwrlMIcwxsnuu7YtqEjy+n2uCdu23CN9mNLRxzk5ptwAsGbTXjLY3GdA5gxcX6TMRNm0vQYs5uYjxnASYUawNyJ"
    "SUBTCN5uwmlPQhfeUZgWrhDYsbUOvOvjzzRLjmMHkvNevAALmJhCcAZLnZ/3CYsIzjbhvX65oaTS93Pdd4s4lOzGyO"
    "LnQSYofnnHcXc1pO4bbg9fU5a4UA8Ewvnp19fXJDvZozmLYOWC86z+qmZbne6u0UWyVI219kpLXCYC1g/gTxqnoC8V"
    "kAPrgYDtl8hwSLtk6eH/5D1ftoWQbRANg0ffZ1ichb1UQwasRaZ6iZelB9cQ4LMereO3DfzC+wjvDxtEUf7Nj7cF/E"
    "VhjKKFqCJBlkpXVkSRRLPfkh/H9z8LpCBRMEtr1yk+XlWOCDh939ka3/85ULkYQO+qPcO18AS+0oh/VastS+V/1MPX"
    "REHgV2uVqijUxRW+Vqkv42cVkef5uljD50q9uip6Nvk8/edZCesoeSopIjbQGbbl5JDy+O9gHB02YD6CPKTAKCPHSc"
    "ImKkZITsMkQ86N84SNkIvwNGkwbMA4PDy1mQj8Cw1i3oljw4MYxZpMDCvEseEZykavH8KOqF24tXPROyfAmKFrKCy7"
    "cD6izGKATMfOCdo/fyf8E+PIPxlgUv5n331J1sekvXg/9i+9LJVj"
)
LEGACY = (
    "eNptUDtPwzAQTuK0BfMq77fE2C5VaSvaTiCEWCxeZcmCopKaJsiKe44DAgmpCwj4DQyM/DV+AhIDl4bXUMt3ks933+"
    "P61jMVny/7HxuXb8fLpb518E4w34FRcPKGYfSU1NKTwr3iKgpkCCY2OBP4IwKtBXd52AnaIViPDsWivulxNwpueQTk"
    "DuyCk8Fi5EulIcMsh+ArCDVkme3YCYYMu5Bjdhz/cJpYvQbT01J5fsmNdSAi6ip+Hgei42oeRlK5VxUKVqHg5BJw7G"
    "x3OZB0hO4L2danaZGC7UxiT7NWrVWa5Xq9UW+Wa5AZ6PB6MerIHmrInTCDEWY9wAgzGXmA0ScPLQvuaXQc0SPV4Yp3"
    "9gJPU6DFFoxpGG/BxABGyWuY9FGNT/yhbFN+ypI/QQ5yD9PMvIeZJz8BmtUw14L5gesQFhgZbOVCtLuwmGJ+u9qVUv"
    "yaWvqjaVQ2q9XNrUYZlpHGRJoVNFMspvCrGtZasJ4s9yxZ7pAxc5hki5cSRckxs8b/09/GtIMXo4/xuvMFhuKSpw=="
)


def unpacked(packed):
    return zlib.decompress(base64.b64decode(packed))


def loaded(content, path):
    path.write_bytes(content)
    return tg.load(path)


def same(ours, theirs, torch):
    """Whether what we loaded is what was saved, as far as our values go."""
    if isinstance(theirs, torch.Tensor):
        numbers = theirs.detach()
        if theirs.dtype == torch.bfloat16:
            return ours.dtype == "bfloat16" and same(ours.float(), theirs.float(), torch)
        expected = numbers.numpy()
        return ours.dtype == expected.dtype and np.array_equal(host(ours), expected, True)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        return type(ours) is dict and all(same(ours[k], theirs[k], torch) for k in theirs)
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        return all(map(same, ours, theirs, [torch] * len(ours)))
    if isinstance(theirs, np.ndarray):
        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    return ours == theirs and type(ours) is type(theirs)


# --- what PyTorch writes ---


@pytest.mark.parametrize("packed", [ZIP, LEGACY], ids=["zip", "legacy"])
def test_golden_files(packed, tmp_path):
    state = loaded(unpacked(packed), tmp_path / "x")
    assert list(state) == ["w", "row", "n", "flag"]
    assert state["w"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert state["row"].tolist() == [3, 4, 5]
    assert state["n"] == 3
    assert state["flag"].raw.dtype == bool
    assert state["flag"].item() is True


DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
DTYPES += ["bfloat16", "uint16", "uint32", "uint64"]


@FORMATS
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(torch, tmp_path, dtype, protocol, new):
    kind = getattr(torch, dtype)
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    x = torch.tensor([[0, 1, 1], [1, 0, 250]]).to(kind)
    state = [x, x.t(), x[:0], x[1, 1], x[:, 1:], x[:1].expand(4, 3)]
    torch.save(state, tmp_path / "x", pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    ours = tg.load(tmp_path / "x")
    assert same(ours, state, torch)
    assert all(np.shares_memory(ours[0].raw, t.raw) for t in ours if t.numel())
    assert all(t.raw.flags.writeable for t in ours)


@FORMATS
def test_a_checkpoint(torch, tmp_path, new):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 7])
    net(torch.randn(2, 3, 8, 8)).square().sum().backward()
    optimizer.step()
    state = {
        "model": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "parameter": net[0].weight,
        "epoch": 3,
        "best": (0.5, None, -1, 2**60, True),
        "classes": ["cat", "Hündin", "猫"],
    }
    torch.save(state, tmp_path / "x", _use_new_zipfile_serialization=new)
    ours = tg.load(tmp_path / "x")
    milestones = ours["schedule"].pop("milestones")
    assert milestones == dict(state["schedule"].pop("milestones"))
    assert same(ours, state, torch)
    assert not ours["parameter"].requires_grad


@FORMATS
def test_plain_values_that_pytorch_wraps(torch, tmp_path, new):
    values = {
        "size": torch.Size([2, 3]),
        "dtype": torch.float32,
        "device": torch.device("cuda:1"),
        "cpu": torch.device("cpu"),
        "scalar": np.float64(2.5),
        "array": np.arange(6, dtype=">i2").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "kind": np.dtype(">f4"),
        "bytes": b"\x00\xff",
        "set": {1, 2},
        "ordered": OrderedDict(a=1),
        "counter": Counter("aab"),
        "long": 2**100,
        "buffer": torch.nn.Buffer(torch.ones(2)),
    }
    torch.save(values, tmp_path / "x", _use_new_zipfile_serialization=new)
    ours = tg.load(tmp_path / "x")
    assert ours.pop("buffer").tolist() == [1, 1]
    array, fortran = ours.pop("array"), ours.pop("fortran")
    assert array.dtype == np.dtype("int16")
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]] == fortran.tolist()
    assert ours == {
        "size": (2, 3),
        "dtype": np.dtype("float32"),
        "device": "cuda:1",
        "cpu": "cpu",
        "scalar": 2.5,
        "kind": np.dtype(">f4"),
        "bytes": b"\x00\xff",
        "set": {1, 2},
        "ordered": {"a": 1},
        "counter": {"a": 2, "b": 1},
        "long": 2**100,
    }
    assert type(ours["scalar"]) is np.float64


def test_map_location_and_weights_only(torch, tmp_path):
    torch.save({"a": [torch.ones(2)], "b": (1, torch.ones(1))}, tmp_path / "x")
    state = tg.load(tmp_path / "x", "meta", weights_only=False)
    assert state["a"][0].device.type == state["b"][1].device.type == "meta"
    assert tg.load(tmp_path / "x", map_location=tg.device("cpu"))["a"][0].tolist() == [1, 1]
    for wrong in ({"cuda:0": "cpu"}, lambda storage, place: storage):
        with pytest.raises(TypeError, match="map_location is one device for all tensors"):
            tg.load(tmp_path / "x", map_location=wrong)


@FORMATS
def test_a_model_gets_its_state(torch, tmp_path, new):
    theirs = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    ours = tg.nn.Sequential(tg.nn.Conv2d(2, 3, 3), tg.nn.BatchNorm2d(3))
    torch.save(theirs.state_dict(), tmp_path / "x.pth", _use_new_zipfile_serialization=new)
    assert ours.load_state_dict(tg.load(tmp_path / "x.pth")) == ([], [])
    assert same(ours.state_dict(), dict(theirs.state_dict()), torch)


def test_big_endian(torch, tmp_path):
    x = torch.arange(3, dtype=torch.int32)
    torch.save({"x": x, "y": x[1:], "u": torch.arange(3).to(torch.uint16)}, tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "x") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "big", "w") as archive:
        for name, content in entries.items():
            if name.endswith("byteorder"):
                content = b"big"
            if "/data/" in name:
                width = 4 if len(content) == 12 else 2
                content = np.frombuffer(content, f"<u{width}").astype(f">u{width}").tobytes()
            archive.writestr(name, content)
    state = tg.load(tmp_path / "big")
    assert state["x"].tolist() == [0, 1, 2] == state["u"].tolist()
    assert np.shares_memory(state["x"].raw, state["y"].raw)


# --- files made by hand ---


def pickled(*opcodes):
    """A pickle of protocol 2 with these opcodes."""
    return b"\x80\x02" + b"".join(opcodes) + b"."


def name(module, thing):
    return f"c{module}\n{thing}\n".encode()


def text(words):
    content = words.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def whole(n):
    return b"J" + struct.pack("<i", n)


def numbers(*values):
    return b"(" + b"".join(map(whole, values)) + b"t"


def storage(count=4, kind="FloatStorage", key="0", view=b""):
    kind = name("torch", kind)
    return b"(" + text("storage") + kind + text(key) + text("cpu") + whole(count) + view + b"tQ"


def tensor(store, offset, size, stride, more=b""):
    what = name("torch._utils", "_rebuild_tensor_v2") + b"("
    return what + store + whole(offset) + size + stride + b"\x89N" + more + b"tR"


def zipped(program, content=NUMBERS, **more):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **more) as archive:
        archive.writestr("x/data.pkl", program)
        archive.writestr("x/data/0", content)
    return file.getvalue()


def legacy(program, keys=None, counts=(4,), content=NUMBERS):
    if keys is None:
        keys = ["0"] if text("storage") in program else []
    parts = [pickle.dumps(x, 2) for x in (MAGIC, PROTOCOL, {})]
    parts += [program, pickle.dumps(list(keys), 2)]
    return b"".join(parts) + b"".join(struct.pack("<q", n) + content for n in counts)


@pytest.mark.parametrize("file", [zipped, legacy])
def test_a_tensor_by_hand(file, tmp_path):
    program = pickled(tensor(storage(), 1, numbers(3), numbers(1)))
    assert loaded(file(program), tmp_path / "x").tolist() == [1, 2, 3]


def test_a_storage_inside_of_another(tmp_path):
    view = b"(" + text("inner") + whole(1) + whole(2) + b"t"
    program = pickled(tensor(storage(view=view), 0, numbers(2), numbers(1)))
    assert loaded(legacy(program), tmp_path / "x").tolist() == [1, 2]
    view = b"(" + text("inner") + whole(3) + whole(2) + b"t"
    program = pickled(tensor(storage(view=view), 0, numbers(2), numbers(1)))
    with pytest.raises(ValueError, match="a part of a storage ends at 5, of 4"):
        loaded(legacy(program), tmp_path / "x")


def test_python_2_wrote_texts_as_bytes(tmp_path):
    program = pickled(b"}", b"U\x03key", b"U\x02\xc3\xa9", b"s")
    assert loaded(zipped(program), tmp_path / "x") == {"key": "é"}


PRINT = name("builtins", "print") + b"(" + text("sprung") + b"tR"
REFUSED = {
    "a function": (PRINT, r"asks for builtins\.print"),
    "a system call": (name("posix", "system") + b"(" + text("ls") + b"tR", r"asks for posix\.syst"),
    "a name in protocol 4": (text("os") + text("system") + b"\x93", r"asks for os\.system"),
    "a name with a line feed": (text("os") + text("a\nb") + b"\x93", r"asks for 'os\.a\\nb'"),
    "a class of torch": (name("torch.nn.modules.linear", "Linear"), r"linear\.Linear, which is no"),
    "complex numbers": (storage(2, "ComplexFloatStorage"), r"asks for torch\.ComplexFloatStorage"),
    "an instance": (b"(i" + b"os\nsystem\n", "uses INST"),
    "an extension": (b"\x82\x01", "uses EXT1"),
    "a new object": (name("collections", "OrderedDict") + b")\x81", "uses NEWOBJ"),
    "a call of a text": (text("x") + b")R", "calls a str"),
    "too many arguments": (name("torch", "Size") + b"(NNNtR", "gives torch.Size arguments it"),
    "attributes of a list": (b"]}b", "sets attributes of a list"),
    "a function as a value": (name("torch", "Size"), "holds torch.Size, which is no plain value"),
    "a class as a value": (name("torch", "FloatStorage"), "holds StorageType"),
    "a storage as a value": (storage(), "holds Storage"),
    "a list in itself": (b"]q\0h\0a", "nests more than 100 levels deep, or in itself"),
    "a deep list": (b"]" * 101 + b"a" * 100, "nests more than 100 levels"),
    "a very deep list": (b"]" * 10**5 + b"a" * (10**5 - 1), "nests more than 100 levels"),
    "a deep shared list": (
        b"]q\0"
        + b"".join(b"]q" + bytes([i]) + b"h" + bytes([i - 1]) + b"a" for i in range(1, 150))
        + b"]"
        + b"".join(b"h" + bytes([i]) + b"a" for i in range(150)),
        "nests more than 100 levels",
    ),
    "ten times ten times ten": (
        b"]q\0"
        + b"".join(b"](" + (b"h" + bytes([i])) * 10 + b"eq" + bytes([i + 1]) for i in range(20)),
        "describes more than 2,000,000 values",
    ),
    "a list as a key": (b"}]Ns", "a list as a key"),
    "a deep tuple as a key": (b"})" + b"\x85" * 10**5 + b"Ns", "a tuple as a key"),
    "a long number as a key": (b"}\x8a\x20" + b"\x7f" * 32 + b"Ns", "a key of 255 bits"),
    "a value that is not there": (b"a", "uses a value that is not there"),
    "a value below a mark": (b"N(\x85", "uses a value that is not there"),
    "a mark that is not there": (b"t", "uses a mark that is not there"),
    "a memory that is not there": (b"h\x07", "recalls value 7"),
    "half a pair": (b"}(Nu", "a key without a value"),
    "items of a tuple": (b")Na", "APPEND found a tuple"),
    "another reference": (b"(" + text("module") + b"tQ", "refers to something that is no storage"),
    "a negative count": (storage(-1), "refers to something that is no storage"),
    "a huge count": (storage(2**31 - 1), "storage '0' "),
    "two types": (storage() + b"0" + storage(kind="IntStorage"), "uses POP"),
    "a far offset": (tensor(storage(), 4, numbers(1), numbers(1)), "reaches beyond its storage"),
    "a negative offset": (tensor(storage(), -1, numbers(1), numbers(1)), "arguments it does not"),
    "a long size": (
        tensor(storage(), 0, numbers(5), numbers(1)),
        "reaches beyond its storage of 4",
    ),
    "a long stride": (tensor(storage(), 0, numbers(2), numbers(4)), "reaches beyond"),
    "a negative stride": (tensor(storage(), 3, numbers(2), numbers(-1)), "arguments it does not"),
    "strides for others": (tensor(storage(), 0, numbers(2), numbers(1, 1)), "arguments it does"),
    "65 axes": (tensor(storage(), 0, numbers(*[1] * 65), numbers(*[1] * 65)), "arguments it does"),
    "a repeated number": (
        tensor(storage(), 0, numbers(2**30, 2**30), numbers(0, 0)),
        "reaches beyond",
    ),
    "a negated view": (
        tensor(storage(), 0, numbers(1), numbers(1), b"}" + text("neg") + b"\x88s"),
        "negated",
    ),
    "a text of 8 exabytes": (b"\x8d" + b"\xff" * 7 + b"\x7f" + b"abc", "expected .* bytes in a"),
    "a text that is none": (b"X\x01\0\0\0\xff", "a text in it breaks its encoding"),
    "an object array": (name("numpy", "dtype") + b"(" + text("O8") + b"tR", "type 'O8'"),
    "an array of nothing": (
        name("numpy.core.multiarray", "_reconstruct") + b"(NNNtR",
        "a NumPy array without numbers",
    ),
}


@pytest.mark.parametrize(("program", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("file", [zipped, legacy])
def test_a_hostile_pickle_is_refused_by_name(file, program, words, tmp_path, capsys):
    with pytest.raises(ValueError, match=words) as error:
        loaded(file(pickled(program)), tmp_path / "x.pth")
    assert str(error.value).startswith(f"cannot load {tmp_path / 'x.pth'}: ")
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""


def test_a_pickle_of_any_python_object_is_refused(tmp_path):
    for thing in (os.path.join, Counter, object(), slice(1), 1j, frozenset([1]), Ellipsis):
        with pytest.raises(ValueError, match=r"asks for|uses|holds"):
            loaded(zipped(pickle.dumps(thing, 2)), tmp_path / "x")
    with pytest.raises(ValueError, match=r"a pickle that torch\.save did not write"):
        loaded(pickle.dumps({"a": 1}), tmp_path / "x")
    with pytest.raises(ValueError, match=r"an unknown version of torch\.save's format"):
        loaded(pickle.dumps(MAGIC, 2) + pickle.dumps(1000, 2), tmp_path / "x")


def test_truth_values_are_0_or_1(tmp_path):
    program = pickled(tensor(storage(kind="BoolStorage"), 0, numbers(4), numbers(1)))
    assert loaded(zipped(program, b"\0\1\1\0"), tmp_path / "x").tolist() == [0, 1, 1, 0]
    for file in (zipped, legacy):
        with pytest.raises(ValueError, match="bytes other than 0 and 1"):
            loaded(file(program, content=b"\0\1\2\0"), tmp_path / "x")


def test_storages_of_a_zip_file(tmp_path):
    program = pickled(tensor(storage(), 0, numbers(4), numbers(1)))
    path = tmp_path / "x"
    with pytest.raises(ValueError, match=r"entry 'x/data.*' is compressed, which torch"):
        loaded(zipped(program, bytes(16), compression=zipfile.ZIP_DEFLATED), path)
    with pytest.raises(ValueError, match="storage '0' has 12 bytes, but the pickle says 16"):
        loaded(zipped(program, bytes(12)), path)
    with pytest.raises(ValueError, match="no entry 'x/data/1'"):
        loaded(zipped(pickled(storage(key="1"))), path)
    both = b"(" + tensor(storage(), 0, numbers(1), numbers(1)) + storage(kind="IntStorage") + b"t"
    for file in (zipped, legacy):
        with pytest.raises(ValueError, match="a storage of float32 is used as int32"):
            loaded(file(pickled(both)), path)
    content = zipped(program)
    at = content.index(NUMBERS)
    with pytest.raises(ValueError, match="entry 'x/data/0' does not have its checksum"):
        loaded(content[:at] + b"?" + content[at + 1 :], path)


def test_storages_of_a_legacy_file(tmp_path):
    program = pickled(tensor(storage(), 0, numbers(4), numbers(1)))
    path = tmp_path / "x"
    for keys in (["1"], [], ["0", "1"], [["0"]]):
        with pytest.raises(ValueError, match=r"cannot load .*(its list of storages|is no text)"):
            loaded(legacy(program, keys), path)
    for count in (3, 5, -4, 2**62):
        with pytest.raises(ValueError, match="has another length than its tensors say"):
            loaded(legacy(program, counts=[count]), path)
    with pytest.raises(ValueError, match="ends before its last storage does"):
        loaded(legacy(program)[:-1], path)
    assert loaded(legacy(program) + b"more", path).tolist() == [0, 1, 2, 3]


def test_other_archives(tmp_path):
    path = tmp_path / "x"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for entry in ("x/data.pkl", "x/constants.pkl"):
            archive.writestr(entry, pickled(b"N"))
    with pytest.raises(ValueError, match="a TorchScript program, which holds code"):
        loaded(file.getvalue(), path)
    with pytest.raises(ValueError, match=r"it is a tar archive, as torch\.save wrote before 2017"):
        loaded(b"pickle".ljust(257, b"\0") + b"ustar".ljust(255, b"\0"), path)
    with pytest.raises(ValueError, match="the directory at its end is missing or damaged"):
        loaded(zipped(pickled(b"N"))[:-30], path)


def test_bfloat16_without_ml_dtypes_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    store = storage(kind="BFloat16Storage")
    program = pickled(tensor(store, 0, numbers(4), numbers(1)))
    with pytest.raises(ValueError, match="bfloat16, which needs the package ml_dtypes; install"):
        loaded(zipped(program, bytes(8)), tmp_path / "x")


# --- damage ---


def bits(state):
    return {k: (v.raw.tobytes(), v.shape) if k != "n" else v for k, v in state.items()}


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    for packed in (ZIP, LEGACY):
        content = unpacked(packed)
        for size in range(0, len(content), 3):
            with pytest.raises(ValueError, match="cannot load"):
                loaded(content[:size], tmp_path / "x")


def test_a_wrong_byte_in_a_zip_file_is_found_or_changes_nothing(tmp_path):
    content = unpacked(ZIP)
    right = bits(loaded(content, tmp_path / "x"))
    chance = random.Random(0)
    for at in range(len(content)):
        wrong = bytearray(content)
        wrong[at] ^= chance.randrange(1, 256)
        try:
            state = loaded(bytes(wrong), tmp_path / "x")
        except ValueError as error:
            assert "cannot load" in str(error)
        else:
            assert bits(state) == right


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 20),
)
def test_a_damaged_legacy_file_is_a_state_or_an_error(tmp_path, at, cut):
    """It has no checksums, so numbers and keys may be others."""
    content = bytearray(unpacked(LEGACY))
    for share, byte in at:
        content[int(share * len(content))] = byte
    try:
        state = loaded(bytes(content[: len(content) - cut]), tmp_path / "x")
    except ValueError as error:
        assert "cannot load" in str(error)
    else:
        assert repr(state)


OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]


@settings(max_examples=400)
@given(st.lists(st.one_of(st.sampled_from(OPCODES), st.binary(max_size=3)), max_size=30))
def test_any_program_gives_a_plain_value_or_an_error(parts):
    stream = io.BytesIO(b"\x80\x02" + b"".join(parts) + b".")
    try:
        value = finished(Machine(KNOWN, str).run(stream), ())
    except (ValueError, UnicodeDecodeError):
        return
    assert repr(value)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text() | st.integers(-(2**60), 2**60), inner, max_size=3),
        st.sets(st.text(), max_size=3),
    ),
    max_leaves=20,
)


@settings(max_examples=100)
@given(plain, st.integers(2, 5))
def test_plain_values_are_what_pythons_own_reader_makes(value, protocol):
    content = pickle.dumps(value, protocol)
    try:
        ours = finished(Machine(KNOWN, str).run(io.BytesIO(content)), ())
    except ValueError as error:
        assert "LONG4" in str(error) or "bytearray" in str(error)
        return
    assert ours == pickle.loads(content)


def test_depth_is_that_of_save(tmp_path):
    deep = "bottom"
    for _ in range(DEPTH):
        deep = {"a": deep}
    state = loaded(zipped(pickle.dumps(deep, 2)), tmp_path / "x")
    assert state == deep
    tg.save(state, tmp_path / "y")
