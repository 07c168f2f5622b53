"""The picture that `draw` returns; a file of its own, so that graphviz is imported when used."""

from pathlib import Path

import graphviz

from .draw import missing_dot


class Picture(graphviz.Digraph):
    """A graphviz.Digraph that also works, as far as that goes, without the `dot` program.

    text: the same graph as plain text.
    """

    text = ""

    def write(self, path: str | Path) -> Path:
        """The path, after writing the picture there: .dot or .gv its source, .txt its plain text,
        .svg, .png, .pdf and whatever else `dot` knows an image.

        Raises: RuntimeError for an image if the `dot` program is missing, ValueError for a path
        without suffix.
        """
        path = Path(path)
        suffix = path.suffix[1:].lower()
        if not suffix:
            raise ValueError(f"{path} has no suffix; give it .svg, .png, .pdf, .dot or .txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix in ("dot", "gv"):
            path.write_text(self.source, encoding="utf-8")
        elif suffix == "txt":
            path.write_text(self.text + "\n", encoding="utf-8")
        elif missing_dot():
            raise RuntimeError(f"{missing_dot()} Until then, write {path.with_suffix('.dot')}.")
        else:
            path.write_bytes(self.pipe(format=suffix))
        return path

    def _repr_mimebundle_(self, *args: object, **kwargs: object) -> dict:
        """The picture for notebooks; without `dot` its text, and how to get `dot`."""
        if missing_dot():
            return {"text/plain": f"{self.text}\n\n{missing_dot()}"}
        return super()._repr_mimebundle_(*args, **kwargs)

    def _repr_svg_(self) -> str | None:
        """The picture as SVG; None without `dot`."""
        return None if missing_dot() else self._repr_image_svg_xml()
