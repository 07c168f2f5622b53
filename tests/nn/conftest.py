"""What several tests of networks need."""

import pytest


@pytest.fixture(scope="session")
def torch():
    """PyTorch; a test that asks for it is skipped where there is none."""
    return pytest.importorskip("torch")
