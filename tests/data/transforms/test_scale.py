"""From bytes to floats, and to mean 0 and variance 1."""

import numpy as np

from tinygrad_cnn.data import transforms as t


def test_float_and_normalize():
    images = np.array([0, 51, 255], np.uint8).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(t.ToTensor()(images).ravel(), [0, 0.2, 1], rtol=1e-6)
    np.testing.assert_allclose(t.ToFloat(51)(images).ravel(), [0, 1, 5], rtol=1e-6)
    out = t.Normalize((1, 51, 5), (1, 2, 10))(images)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.ravel(), [-1, 0, 25], rtol=1e-6)
    np.testing.assert_allclose(t.Normalize(51, 2)(images).ravel(), [-25.5, 0, 102], rtol=1e-6)
