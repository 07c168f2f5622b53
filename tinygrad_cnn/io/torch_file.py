"""Files of torch.save, read without PyTorch and without running anything.

Since PyTorch 1.6 such a file is a zip archive, whose entries are stored as they are:

    NAME/data.pkl    the state as a pickle, in which a tensor is (storage, offset, size, stride)
    NAME/data/KEY    the bytes of a storage, on which several tensors may lie
    NAME/byteorder   "little" or "big"; little where there is none

Before 1.6 it is five pickles one after the other (a magic number, the protocol, facts on the
machine, the state, the keys of all storages), then for each key the count of numbers in 8 bytes and
the numbers, all little-endian.

Every storage is read once, and tensors are views of it: those that shared memory share it again.
A count in the file is believed only after the file has been found long enough for it.
"""

import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import numpy as np

from ..tensor import Tensor
from .dtypes import DTYPES, dtype_of
from .pickled import AXES, KNOWN, Machine, Maker, Making, finished, texts

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
LARGEST = 1 << 40  # numbers in a tensor; a view may repeat the numbers of a small storage
STORAGES = {
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
}


class StorageType:
    """What stands for PyTorch's class of storages with numbers of one dtype.

    dtype: None for bytes whose dtype each tensor says.
    """

    def __init__(self, dtype: str | None) -> None:
        self.dtype = dtype


class Dtype(Making):
    """What stands for a dtype of PyTorch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ready(self) -> np.dtype:
        """The dtype."""
        return dtype_of(self.name, "a dtype in it")


class Storage:
    """The memory under tensors: an array of bytes, and the dtype as which they are used.

    swapped: whether the bytes are in the other order than this machine's.
    """

    def __init__(self, content: np.ndarray, swapped: bool) -> None:
        self.content = content
        self.swapped = swapped
        self.dtype = None

    def numbers(self, name: str) -> np.ndarray:
        """The numbers, of the dtype called `name`.

        Raises: ValueError if the storage was used as another dtype before.
        """
        dtype = dtype_of(name, "a tensor in it")
        if len(self.content) % dtype.itemsize or self.dtype not in (None, dtype):
            raise ValueError(f"a storage of {self.dtype or len(self.content)} is used as {dtype}")
        self.dtype = dtype
        return self.content.view(dtype)

    def settle(self) -> None:
        """Bring the bytes into this machine's order, once all are there.

        Raises: ValueError for truth values that are neither 0 nor 1.
        """
        if self.swapped and self.dtype is not None:
            self.content.view(f"u{self.dtype.itemsize}").byteswap(inplace=True)
        if self.dtype == bool and self.content.max(initial=0) > 1:
            raise ValueError("a storage of truth values has bytes other than 0 and 1")


# --- what a pickle of torch.save names ---


def whole(values: object) -> bool:
    """Whether this is a tuple of whole numbers, none negative."""
    return type(values) is tuple and all(type(n) is int and n >= 0 for n in values)


def rebuild(
    storage: Storage,
    offset: int,
    size: tuple,
    stride: tuple,
    requires_grad: bool = False,
    hooks: object = None,
    metadata: object = None,
    *,
    dtype: str | None = None,
) -> Tensor:
    """The tensor that lies on `storage`.

    Units: offset and stride in numbers, not in bytes.
    Raises: ValueError if it reaches beyond the storage.
    """
    if not isinstance(storage, Storage) or not whole((offset,)) or not whole(size):
        raise TypeError("a tensor takes a storage, an offset, a size and strides")
    if not whole(stride) or len(stride) != len(size) or len(size) > AXES:
        raise TypeError("a tensor has as many strides as axes")
    if metadata:
        raise ValueError("a tensor in it is marked as negated or conjugated; save x.resolve_neg()")
    numbers = storage.numbers(dtype or (storage.dtype or np.dtype("uint8")).name)
    count = 1
    for n in size:
        count *= max(n, 1)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    empty = 0 in size
    if count > LARGEST or (not empty and last >= len(numbers)):
        raise ValueError(
            f"a tensor of shape {size}, strides {stride} and offset {offset} reaches beyond its "
            f"storage of {len(numbers)} numbers"
        )
    if empty:
        return Tensor(np.empty(size, numbers.dtype))
    # The stride of an axis of one element can be anything, and means nothing.
    steps = [step * numbers.itemsize * (n > 1) for n, step in zip(size, stride, strict=True)]
    return Tensor(np.lib.stride_tricks.as_strided(numbers[offset:], size, steps))


def rebuild_untyped(
    storage: Storage,
    offset: int,
    size: tuple,
    stride: tuple,
    requires_grad: bool,
    hooks: object,
    dtype: Dtype,
    metadata: object = None,
) -> Tensor:
    """The tensor that lies on bytes, for dtypes that have no storage class."""
    return rebuild(storage, offset, size, stride, requires_grad, hooks, metadata, dtype=dtype.name)


def parameter(data: Tensor, requires_grad: bool, hooks: object, state: object = None) -> Tensor:
    """The tensor of a parameter."""
    if not isinstance(data, Tensor):
        raise TypeError("a parameter takes a tensor")
    return data


def from_type(maker: Maker, kind: str, arguments: tuple, state: object) -> Tensor:
    """A tensor that had attributes, without them."""
    if not isinstance(maker, Maker) or not maker.name.startswith("torch._utils._rebuild_"):
        raise TypeError("a tensor takes what rebuilds it")
    return maker.make(*arguments)


def size(numbers: tuple = ()) -> tuple:
    """A torch.Size, as a tuple."""
    if not whole(numbers):
        raise TypeError("a size takes whole numbers")
    return numbers


def device(kind: str, index: int | None = None) -> str:
    """A torch.device, as text."""
    if type(kind) is not str or not (index is None or whole((index,))):
        raise TypeError("a device takes a name and a number")
    return kind if index is None else f"{kind}:{index}"


MAKERS = {
    "torch._utils._rebuild_tensor": rebuild,
    "torch._utils._rebuild_tensor_v2": rebuild,
    "torch._utils._rebuild_tensor_v3": rebuild_untyped,
    "torch._utils._rebuild_parameter": parameter,
    "torch._utils._rebuild_parameter_with_state": parameter,
    "torch._tensor._rebuild_from_type_v2": from_type,
    "torch.Size": size,
    "torch.device": device,
}
TORCH = {
    **KNOWN,
    **{name: Maker(name, make) for name, make in MAKERS.items()},
    **{f"torch.{name}": StorageType(dtype) for name, dtype in STORAGES.items()},
    **{f"torch.{name}": Dtype(name) for name in DTYPES},
    "torch.storage.UntypedStorage": StorageType(None),
    "torch.Tensor": "torch.Tensor",  # as an argument of _rebuild_from_type_v2
    "torch.nn.parameter.Parameter": "torch.nn.parameter.Parameter",
}


# --- the two kinds of files ---


class Reference(NamedTuple):
    """How a pickle refers to a storage: `count` numbers of a dtype under a key.

    view: the place of another storage in this one, in files from the first years.
    Units: the count is of bytes where the dtype is None.
    """

    dtype: str | None
    key: str
    count: int
    view: object = None

    @property
    def size(self) -> int:
        """How many bytes that is."""
        width = 1 if self.dtype is None else dtype_of(self.dtype, "a tensor in it").itemsize
        return self.count * width


def reference(saved_id: object) -> Reference:
    """What a pickle refers to.

    Raises: ValueError if it is no storage.
    """
    match saved_id:
        case ("storage", StorageType() as kind, str(key), str(), int(count), *view) if count >= 0:
            return Reference(kind.dtype, key, count, *view[:1])
    raise ValueError("its pickle refers to something that is no storage of tensors")


def read_bytes(file: BinaryIO, content: np.ndarray) -> np.ndarray:
    """`content`, filled with the next bytes of the file."""
    if file.readinto(content) != len(content):
        raise ValueError("it ends before its last storage does")
    return content


def complete(state: object, storages: Iterable[Storage]) -> object:
    """The state, whose storages have all been read."""
    for storage in storages:
        storage.settle()
    return finished(state, (Tensor,))


# --- since 1.6 ---


class Archive:
    """The entries of a zip file, each of which is read at once and has to have its checksum.

    Raises: ValueError if an entry is compressed, or all together are longer than the file: what is
    read is then never more than the file's length.
    """

    def __init__(self, file: BinaryIO, archive: zipfile.ZipFile, length: int) -> None:
        self.file = file
        self.entries = {entry.filename: entry for entry in archive.infolist()}
        if len(self.entries) < len(archive.infolist()):
            raise ValueError("two of its entries have the same name")
        for name, entry in self.entries.items():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise ValueError(f"its entry {name!r} is compressed, which torch.save never does")
        if sum(entry.file_size for entry in self.entries.values()) > length:
            raise ValueError("its entries are longer than the file")

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self:
            raise ValueError(f"it has no entry {name!r}")
        entry = self.entries[name]
        if entry.header_offset < 0:
            raise ValueError(f"its entry {name!r} begins before the file")
        self.file.seek(entry.header_offset)
        head = self.file.read(30)
        if len(head) < 30 or not head.startswith(b"PK\3\4"):
            raise ValueError(f"its entry {name!r} is not where the directory says")
        self.file.seek(sum(struct.unpack("<26xHH", head)), io.SEEK_CUR)  # past name and extras
        content = read_bytes(self.file, np.empty(entry.file_size, np.uint8))
        if zlib.crc32(content) != entry.CRC:
            raise ValueError(f"its entry {name!r} does not have its checksum")
        return content


def read_archive(file: BinaryIO, archive: zipfile.ZipFile) -> object:
    """The state in a file of torch.save since 1.6."""
    entries = Archive(file, archive, file.seek(0, io.SEEK_END))
    folders = [name[:-8] for name in entries.entries if name.endswith("data.pkl")]
    if len(folders) != 1:
        raise ValueError(f"it has {len(folders)} entries data.pkl, not one")
    folder = folders[0]
    if f"{folder}constants.pkl" in entries:
        raise ValueError("it is a TorchScript program, which holds code; save its state_dict()")
    order = (
        entries[f"{folder}byteorder"].tobytes() if f"{folder}byteorder" in entries else b"little"
    )
    if order not in (b"little", b"big"):
        raise ValueError(f"its byte order is {order[:20]!r}, neither little nor big")
    storages = {}

    def storage_of(saved_id: object) -> Storage:
        wanted = reference(saved_id)
        if wanted.key not in storages:
            content = entries[f"{folder}data/{wanted.key}"]
            storages[wanted.key] = Storage(content, order != sys.byteorder.encode())
        storage = storages[wanted.key]
        if len(storage.content) != wanted.size:
            raise ValueError(
                f"its storage {wanted.key!r} has {len(storage.content)} bytes, but the pickle "
                f"says {wanted.size}"
            )
        if wanted.dtype is not None:
            storage.numbers(wanted.dtype)
        return storage

    program = io.BytesIO(entries[f"{folder}data.pkl"])
    return complete(Machine(TORCH, storage_of).run(program), storages.values())


# --- before 1.6 ---


class Legacy:
    """The storages of a file of torch.save before 1.6: asked for first, read later."""

    def __init__(self, room: int) -> None:
        self.room = room  # bytes that storages may still take: no more than the file has
        self.storages = {}
        self.counts = {}  # of numbers in them

    def __call__(self, saved_id: object) -> Storage:
        """The storage that a pickle refers to, without its numbers."""
        wanted = reference(saved_id)
        if wanted.key not in self.storages:
            self.room -= wanted.size
            if self.room < 0:
                raise ValueError(f"its storage {wanted.key!r} is longer than the file")
            content = np.empty(wanted.size, np.uint8)
            self.storages[wanted.key] = Storage(content, sys.byteorder == "big")
            self.counts[wanted.key] = wanted.count
        storage = self.storages[wanted.key]
        if self.counts[wanted.key] != wanted.count:
            raise ValueError(f"its storage {wanted.key!r} has two lengths")
        if wanted.dtype is not None:
            storage.numbers(wanted.dtype)
        return storage if wanted.view is None else self.part(storage, wanted.view)

    def part(self, storage: Storage, view: object) -> Storage:
        """The storage that lies in another one."""
        match view:
            case (str(), int(offset), int(count)) if offset >= 0 and count >= 0:
                numbers = storage.content.view(storage.dtype)
            case _:
                raise ValueError("its pickle describes a part of a storage in an unknown form")
        if offset + count > len(numbers):
            raise ValueError(f"a part of a storage ends at {offset + count}, of {len(numbers)}")
        inner = Storage(numbers[offset : offset + count].view(np.uint8), swapped=False)
        inner.dtype = storage.dtype
        return inner

    def fill(self, file: BinaryIO, keys: object) -> None:
        """Read the numbers of all storages, which lie in the order of `keys`."""
        if type(keys) is not list or set(texts(keys)) != set(self.storages):
            raise ValueError("its list of storages is not that of its tensors")
        for key in keys:
            [count] = read_bytes(file, np.empty(8, np.uint8)).view("<i8")
            if count != self.counts[key]:
                raise ValueError(f"its storage {key!r} has another length than its tensors say")
            read_bytes(file, self.storages[key].content)


def read_legacy(file: BinaryIO) -> object:
    """The state in a file of torch.save before 1.6."""
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    if Machine({}, reference).run(file) != MAGIC:
        raise ValueError("it is a pickle that torch.save did not write; save a state_dict with it")
    if Machine({}, reference).run(file) != PROTOCOL:
        raise ValueError("it has an unknown version of torch.save's format")
    Machine({}, reference).run(file)  # facts on the machine that wrote it, which change nothing
    storages = Legacy(length)
    state = Machine(TORCH, storages).run(file)
    storages.fill(file, Machine({}, reference).run(file))
    return complete(state, storages.storages.values())
