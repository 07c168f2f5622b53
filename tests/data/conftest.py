"""What several tests of data need."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

CODES = {
    "uint8": 0x08,
    "int8": 0x09,
    "int16": 0x0B,
    "int32": 0x0C,
    "float32": 0x0D,
    "float64": 0x0E,
}


@pytest.fixture(scope="session")
def idx_bytes():
    """A function: the IDX file of an array."""

    def write(array: np.ndarray) -> bytes:
        head = bytes([0, 0, CODES[array.dtype.name], array.ndim])
        sizes = struct.pack(f">{array.ndim}I", *array.shape)
        return head + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()

    return write


@pytest.fixture(scope="session")
def mnist_folder():
    """The folder with the four real MNIST files: $TINYGRAD_CNN_DATA, or mnist/ in it."""
    data = os.environ.get("TINYGRAD_CNN_DATA")
    if not data:
        pytest.skip("set TINYGRAD_CNN_DATA to the folder that holds mnist/ with the real files")
    for folder in (Path(data) / "mnist", Path(data)):
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    pytest.fail(f"TINYGRAD_CNN_DATA is {data}, where there is no MNIST")


@pytest.fixture(scope="session")
def cifar_folder():
    """The folder with the real CIFAR-10 in its binary version, in $TINYGRAD_CNN_DATA."""
    data = os.environ.get("TINYGRAD_CNN_DATA")
    if not data:
        pytest.skip("set TINYGRAD_CNN_DATA to the folder that holds cifar10/ with the real files")
    for folder in (Path(data) / "cifar10", Path(data)):
        if (folder / "test_batch.bin").is_file():
            return folder
    pytest.skip(f"TINYGRAD_CNN_DATA is {data}, where there is no CIFAR-10")
