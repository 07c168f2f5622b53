"""The plot that `figure` returns; a file of its own, so that matplotlib is imported when used."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure


class Plot(Figure):
    """A matplotlib Figure that belongs to no window, and makes the folder it is written to."""

    def write(self, path: str | Path) -> Path:
        """The path, after writing the plot there, as an image by its suffix: .svg, .png or .pdf.

        The same plot gives the same file in every run.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        dated = {".svg": "Date", ".pdf": "CreationDate"}.get(path.suffix)
        with rc_context({"svg.hashsalt": "tinygrad_cnn"}):
            self.savefig(path, metadata={dated: None} if dated else None)
        return path
