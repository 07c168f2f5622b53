"""IDX files, the format of MNIST: a type, the sizes of the axes, then the numbers, big end first.

Byte 0 and 1 are zero, byte 2 is the type, byte 3 the number of axes; each size has four bytes.
Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", file formats.
"""

import gzip
import io
import math
import os
import zlib
from pathlib import Path

import numpy as np

from ..io.download import has_checksum

GZIP = b"\x1f\x8b"  # how a gzip file begins
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 32  # what every NumPy can hold


def read_idx(path: str | os.PathLike, checksum: str | None = None) -> np.ndarray:
    """The array in an IDX file, plain or gzipped, in this machine's byte order.

    checksum: "md5:…" or "sha256:…" of the unpacked bytes.

    Raises: ValueError that names the file if it is cut short, damaged, or no IDX file.
    """
    path = Path(path)
    content = path.read_bytes()
    if content.startswith(GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(
                f"{path} is cut short or damaged: gzip says {str(error)!r}; fetch it again"
            ) from error
    array = parse(content, path)
    if checksum is not None and not has_checksum(io.BytesIO(content), checksum):
        raise ValueError(
            f"{path} is damaged, or is another data set's: expected content with {checksum}; "
            "delete it and fetch it again"
        )
    return array


def parse(content: bytes, path: Path) -> np.ndarray:
    """The array that the bytes of an IDX file hold; `path` is for the message of an error."""
    start = content[:4]
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or start[3] > MOST_AXES:
        raise ValueError(
            f"{path} is no IDX file: expected it to begin with 00 00, a type from 08 to 0e and the "
            f"number of axes, got {start.hex(' ') or 'no bytes at all'}; fetch it again"
        )
    dtype = np.dtype(TYPES[start[2]])
    begin = 4 + 4 * start[3]
    sizes = [int.from_bytes(content[i : i + 4], "big") for i in range(4, begin, 4)]
    expected = begin + math.prod(sizes) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(
            f"{path} is cut short or damaged: expected {expected} bytes for an array of sizes "
            f"{sizes}, got {len(content)}; fetch it again"
        )
    array = np.frombuffer(content, dtype, offset=begin).reshape(sizes)
    return array.astype(dtype.newbyteorder("="))
