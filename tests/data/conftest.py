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
    """The folder with the four real MNIST files: $TINYGRAD_CNN_DATA/mnist, or beside the checkout.

    The variable may also name the folder of the files itself.
    """
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    data = Path(os.environ.get("TINYGRAD_CNN_DATA") or beside)
    for folder in (data / "mnist", data):
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    pytest.skip(f"no MNIST in {data}; set TINYGRAD_CNN_DATA to the folder that holds mnist/")
