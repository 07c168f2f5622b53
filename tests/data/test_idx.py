"""IDX files: written and read back, and every way in which one can be broken."""

import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tinygrad_cnn.data.idx import read_idx

DTYPES = st.sampled_from(["uint8", "int8", "int16", "int32", "float32", "float64"])
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
SMALL = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "some-images-idx3-ubyte"


@given(array=arrays.arrays(DTYPES, SHAPES), packed=st.booleans())
def test_round_trip(idx_bytes, path, array, packed):
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    back = read_idx(path, "sha256:" + hashlib.sha256(content).hexdigest())
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert back.flags.writeable
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("packed", [False, True])
def test_cut_at_any_byte(idx_bytes, path, packed):
    content = idx_bytes(SMALL)
    content = gzip.compress(content) if packed else content
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=path.name):
            read_idx(path)


def test_damaged_gzip_is_an_error_or_harmless(idx_bytes, path):
    packed = gzip.compress(idx_bytes(SMALL))
    errors = 0
    for place in range(len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read_idx(path), SMALL)  # a byte that says nothing
        except ValueError as error:
            assert path.name in str(error)
            errors += 1
    assert errors >= len(packed) - 8  # date, operating system and level of compression


def test_message_says_what_was_expected(idx_bytes, path):
    path.write_bytes(idx_bytes(SMALL)[:-1])
    with pytest.raises(ValueError, match=r"expected 64 bytes .*\[2, 3, 4\], got 63"):
        read_idx(path)
    path.write_bytes(idx_bytes(SMALL) + b"more")
    with pytest.raises(ValueError, match=r"expected 64 bytes .* got 68"):
        read_idx(path)
    path.write_bytes(b"<html>")
    with pytest.raises(ValueError, match=r"begin with 00 00.* got 3c 68 74 6d"):
        read_idx(path)
    path.write_bytes(b"\0\0\x08\xff" + b"\0" * 4 * 255)
    with pytest.raises(ValueError, match="no IDX file"):
        read_idx(path)


@given(noise=st.binary(max_size=40))
def test_noise_is_an_error_with_the_name(path, noise):
    path.write_bytes(noise)
    with pytest.raises(ValueError, match=path.name):
        read_idx(path)


@given(place=st.integers(0, 63), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found(idx_bytes, path, place, bit):
    content = bytearray(idx_bytes(SMALL))
    checksum = "md5:" + hashlib.md5(content).hexdigest()
    content[place] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(ValueError, match=path.name):
        read_idx(path, checksum)
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(ValueError, match=path.name):
        read_idx(path, checksum)
