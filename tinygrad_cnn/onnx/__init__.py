"""Networks as ONNX files, which other programs run: `export` writes them, `load` reads them.

The package onnx is needed, and imported when one of the two is called.
"""

from .reader import load
from .writer import export

__all__ = ["export", "load"]
