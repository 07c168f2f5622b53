"""What the library says of GPUs where there is none."""

import pytest

import tinygrad_cnn as tg


@pytest.mark.skipif(tg.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu():
    assert tg.cuda.device_count() == 0
    with pytest.raises(RuntimeError, match="the device 'cuda' needs"):
        tg.cuda.synchronize()
    with pytest.raises(RuntimeError, match="the device 'cuda' needs"):
        tg.zeros(2, device="cuda")
