"""Networks from their papers: each file holds the paper's table, then the class that reads it."""

from .lenet import lenet, lenet5

__all__ = ["lenet", "lenet5"]
