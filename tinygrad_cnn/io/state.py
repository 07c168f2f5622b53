"""States in files: `save` writes any nesting of plain Python values and arrays, `load` reads it.

The file is a safetensors file. Every array in the state is a tensor of the file, named by its path:
state["model"]["conv.weight"] is "model.conv.weight", and a flat dict of tensors keeps its own keys,
so that any safetensors program reads them. All the rest is one JSON text in the file's metadata
under "tinygrad_cnn": {"crc32": ..., "state": tree}. In the tree, null, true, whole and finite
numbers, texts and lists stand for themselves; everything else is an object of one entry:

    {"dict": [[key, value], ...]}    {"tuple": [...]}    {"float": the 8 bytes of a nan or inf}
    {"tensor": name}    {"array": name}    {"scalar": name}

where name is that of a tensor in the file. The checksum is over the tree and all tensors, so that a
damaged file is refused, not misread. There is no code in the file, and reading runs none.

What reads PyTorch's files is imported where it is used: few programs need it.
"""

import json
import math
import os
import secrets
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..tensor import Device, Tensor
from .dtypes import DTYPES, NUMBERS, dtype_of

METADATA = "tinygrad_cnn"  # our key in the metadata of a safetensors file
DEPTH = 100  # levels of nesting, so that reading and writing cannot overflow Python's stack
KINDS = "safetensors file (as save writes), .npz archive or file of torch.save"


# --- state -> tree and arrays -> state ---


def encode(x: object, path: tuple, arrays: dict[str, np.ndarray]) -> object:
    """`x` as JSON values; its arrays go into `arrays`, named by where they are in the state.

    Raises: TypeError for what no file can hold, ValueError for a state that contains itself.
    """
    if x is None or type(x) in (bool, int, str):
        return x
    if type(x) is float:
        return x if math.isfinite(x) else {"float": struct.pack(">d", x).hex()}
    if isinstance(x, Tensor):
        return {"tensor": store(x.detach().cpu().numpy(), path, arrays)}
    if type(x) is np.ndarray:
        return {"array": store(x, path, arrays)}
    if isinstance(x, np.generic):
        return {"scalar": store(np.asarray(x), path, arrays)}
    if len(path) == DEPTH:
        raise ValueError(
            f"{place(path)} is nested more than {DEPTH} levels deep: does the state contain itself?"
        )
    if type(x) in (list, tuple):
        items = [encode(item, (*path, i), arrays) for i, item in enumerate(x)]
        return items if type(x) is list else {"tuple": items}
    if isinstance(x, dict):
        pairs = [[key_of(k, path), encode(item, (*path, k), arrays)] for k, item in x.items()]
        return {"dict": pairs}
    raise TypeError(
        f"{place(path)} is a {type(x).__module__}.{type(x).__qualname__}, which cannot be saved; "
        "turn it into dicts, lists, tuples, numbers, strings, Tensors and NumPy arrays"
    )


def decode(node: object, arrays: dict[str, np.ndarray]) -> object:
    """The state that `encode` turned into `node` and `arrays`; takes from `arrays` what it uses."""
    if isinstance(node, list):
        return [decode(item, arrays) for item in node]
    if not isinstance(node, dict):
        return node
    [(kind, content)] = node.items()
    if kind == "dict":
        return {key: decode(item, arrays) for key, item in content}
    if kind == "tuple":
        return tuple(decode(content, arrays))
    if kind == "float":
        return struct.unpack(">d", bytes.fromhex(content))[0]
    if kind == "tensor":
        return Tensor(arrays.pop(content))
    if kind == "array":
        return arrays.pop(content)
    if kind == "scalar":
        return arrays.pop(content)[()]
    raise ValueError(f"no value is called {kind!r}")


def key_of(key: object, path: tuple) -> str | int:
    """`key`, which a dict in a file can have."""
    if type(key) in (str, int):
        return key
    raise TypeError(f"{place(path)} has the key {key!r}; keys are strings or ints in a saved state")


def store(array: np.ndarray, path: tuple, arrays: dict[str, np.ndarray]) -> str:
    """The name under which `array`, which is at `path` of the state, now lies in `arrays`."""
    if array.dtype.name not in DTYPES:
        raise TypeError(
            f"{place(path)} holds {array.dtype}, which a safetensors file cannot; convert it to "
            f"{NUMBERS}"
        )
    # Lone surrogates are allowed in Python's strings, not in files; the tree has the true key.
    plain = name = ".".join(map(str, path)).encode(errors="replace").decode()
    count = 1
    while name in arrays or name == "__metadata__":  # the format's own key
        count += 1
        name = f"{plain}#{count}"
    arrays[name] = native(array)
    return name


def native(array: np.ndarray) -> np.ndarray:
    """`array` in C order and the machine's byte order, copied only where it is not."""
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def place(path: tuple) -> str:
    """`path` as Python writes it: state["optimizer"][3]."""
    keys = (json.dumps(key) if isinstance(key, str) else repr(key) for key in path)
    return "state" + "".join(f"[{key}]" for key in keys)


def checksum(tree: object, arrays: dict[str, np.ndarray]) -> int:
    """The CRC-32 of everything that makes up a state."""
    total = zlib.crc32(json.dumps(tree).encode())
    for name in sorted(arrays):
        array = arrays[name]
        total = zlib.crc32(f"{name} {array.dtype.name} {array.shape}".encode(), total)
        total = zlib.crc32(array.reshape(-1).view(np.uint8), total)
    return total


# --- writing ---


def save(state: object, path: str | os.PathLike) -> None:
    """Write `state` to the file `path`; `load` gives it back.

    A state is any nesting of dict (keys str or int), list, tuple, str, int, float, bool, None,
    Tensors, NumPy arrays and NumPy scalars. Numbers come back bit for bit. Entries that share
    memory are written twice. The file takes the place of an older one in one step, once it is
    complete on the disk: whenever the program is killed, `path` holds the old state or the new one
    (a hidden file may be left beside it). Any suffix will do; .safetensors tells other programs.

    Raises: TypeError for any other object, naming where in the state it is; ValueError for a state
    that contains itself or a path that is no regular file; FileNotFoundError for a missing folder;
    OSError if the disk is full.
    Differs: from torch.save in that whether a tensor requires gradients, and its device, are not
    kept, subclasses of Tensor and dict come back as Tensor and dict, and code cannot be saved.
    """
    arrays = {}
    tree = encode(state, (), arrays)
    target = Path(path).resolve()  # a link stays a link, to the new file
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot save {path}: there is no folder {target.parent}; make it")
    if target.exists() and not target.is_file():
        raise ValueError(f"cannot save {path}: it is not a regular file; give a file name in it")
    content = {"crc32": checksum(tree, arrays), "state": tree}
    write(target, arrays, {METADATA: json.dumps(content)})


def write(target: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Put a safetensors file in the place of `target`, whole or not at all."""
    temporary = target.with_name(f".saving-{secrets.token_hex(8)}")
    try:
        temporary.touch(exist_ok=False)
        mode = (target if target.exists() else temporary).stat().st_mode
        save_file(arrays, temporary, metadata)
        temporary.chmod(mode)  # save_file keeps its files from other users
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except SafetensorError as error:
        raise OSError(f"cannot save {target}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


# --- reading ---


def load(
    path: str | os.PathLike,
    map_location: str | Device | None = None,
    *,
    weights_only: bool = True,
) -> object:
    """The state in the file `path`: what `save` was given, what torch.save was, or a dict.

    The first bytes, not the suffix, say what a file is. A safetensors file by another program and
    an .npz archive come back as a flat dict of Tensors. A file of PyTorch's torch.save comes back
    as a nesting of plain values and Tensors, which share memory where they did: an OrderedDict is
    then a dict, a Parameter a Tensor, a torch.Size a tuple, a dtype NumPy's, a device its name.

    map_location: the device for all Tensors; by default the CPU, wherever they were. Nothing in a
    file is ever executed, whatever weights_only is, so files from strangers are safe to read.

    Raises: FileNotFoundError if there is no such file; ValueError, naming the file and what was
    expected, if it is damaged, of another kind, or asks for more than plain values; TypeError if
    map_location is no device.
    Differs: from torch.load in that nothing requires gradients, and what needs code is refused.
    """
    path = Path(path)
    device = device_for(map_location)
    if not path.exists():
        raise FileNotFoundError(f"cannot load {path}: there is no such file; expected a {KINDS}")
    if not path.is_file():
        raise ValueError(f"cannot load {path}: it is not a regular file; expected a {KINDS}")
    with path.open("rb") as file:
        head = file.read(512)
    try:
        state = reader(head)(path)
    except Exception as error:  # over a damaged file, parsers fail in a dozen ways
        problem = error if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(f"cannot load {path}: {problem}; expected an intact {KINDS}") from error
    return state if device.type == "cpu" else moved(state, device)


def device_for(map_location: object) -> Device:
    """The device that `map_location` names."""
    if map_location is None:
        return Device("cpu")
    if isinstance(map_location, (str, Device)):
        return Device(map_location)
    raise TypeError(
        f"map_location is one device for all tensors, such as 'cpu', got a "
        f"{type(map_location).__name__}; without it everything comes to the CPU"
    )


def moved(state: object, device: Device) -> object:
    """The state with all its Tensors on a device."""
    if isinstance(state, Tensor):
        return state.to(device)
    if type(state) is dict:
        return {key: moved(item, device) for key, item in state.items()}
    if type(state) in (list, tuple):
        return type(state)(moved(item, device) for item in state)
    return state


def reader(head: bytes) -> Callable[[Path], object]:
    """The function that reads files which begin with the bytes `head`, 512 where there are so many.

    Raises: ValueError if there is none.
    """
    if head[8:9] == b"{":  # the length of the header in 8 bytes, then the header, which is JSON
        return read_safetensors
    if head.startswith(b"PK"):
        return read_zip
    if head.startswith(b"\x80"):
        return read_pickle
    if head[257:262] == b"ustar":
        raise ValueError(
            "it is a tar archive, as torch.save wrote before 2017; load it with PyTorch and save "
            "it again"
        )
    raise ValueError(f"found a file that begins with {head[:9]!r}")


def read_safetensors(path: Path) -> object:
    """The state in a safetensors file; a dict of Tensors if another program wrote it."""
    with safe_open(path, framework="np") as file:
        arrays = {name: tensor_in(file, name) for name in file.keys()}  # noqa: SIM118
        text = (file.metadata() or {}).get(METADATA)
    if text is None:
        return as_tensors(arrays)
    content = json.loads(text)
    if content["crc32"] != checksum(content["state"], arrays):
        raise ValueError("its checksum is wrong, so something has changed since it was saved")
    state = decode(content["state"], arrays)
    if arrays:
        raise ValueError(f"its state has no place for the tensors {sorted(arrays)}")
    return state


def tensor_in(file: safe_open, name: str) -> np.ndarray:
    """The tensor `name` of an open safetensors file."""
    if file.get_slice(name).get_dtype() == "BF16":
        dtype_of("bfloat16", f"its tensor {name!r}")
    return file.get_tensor(name)


def read_pickle(path: Path) -> object:
    """The state in a file of torch.save before 1.6."""
    from .torch_file import read_legacy

    with path.open("rb") as file:
        return read_legacy(file)


def read_zip(path: Path) -> object:
    """The state in a file of torch.save, or the arrays in a NumPy archive."""
    import zipfile

    from .torch_file import read_archive

    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise ValueError("the directory at its end is missing or damaged") from error
        with archive:
            if any(name.endswith("data.pkl") for name in archive.namelist()):
                return read_archive(file, archive)
    return read_npz(path)


def read_npz(path: Path) -> dict[str, Tensor]:
    """The arrays of a NumPy archive."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        broken = archive.zip.testzip()  # reading an entry checks its sum only if it reads it all
        if broken is not None:
            raise ValueError(f"its entry {broken!r} does not have its checksum")
        return as_tensors({name: archive[name] for name in archive.files})


def as_tensors(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Every array as a Tensor."""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.name not in DTYPES:
            kind = getattr(array, "dtype", "no array")
            raise ValueError(f"its entry {name!r} is {kind}; Tensors hold {NUMBERS}")
    return {name: Tensor(native(array)) for name, array in arrays.items()}
