"""Files in and out: `save` and `load` for states of any nesting."""

from .state import load, save

__all__ = ["load", "save"]
