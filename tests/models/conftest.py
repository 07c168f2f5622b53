"""What several tests of models need."""

import pytest


@pytest.fixture(scope="session")
def torchvision():
    """torchvision, whose models are an extra oracle where it is installed."""
    return pytest.importorskip(
        "torchvision", reason="torchvision is an extra oracle: install torchvision"
    )
