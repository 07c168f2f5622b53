"""Writes docs/gallery.md, runs demos, and takes photographs of what they draw.

    python docs/gallery.py [NAME ...]
    python docs/gallery.py --all

Without a name it writes the page alone. Pictures need the extras `demos` and `browser`, the program
`dot` and a Chromium. What the demos write is kept in runs/gallery; one that goes on where it was
does so there. The one that needs CIFAR-10 is run if --data says where it lies; otherwise its
picture stays as it is.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tinygrad_cnn.cli.demo import COURSE, docstring

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"
# The picture of a demo that writes several, or a page and the place in it.
CHOSEN = {
    "degradation": "degradation.svg",
    "trace_by_hand": "product.svg",
    "step_by_step": "numbers.html#5",
    "three_two_two": "network.svg",
    "pooling": "pooling.svg",
    "vanishing_gradients": "gradients.svg",
    "train_lenet5": "confusion.svg",
    "dropout": "losses.svg",
}
NEEDS_DATA = "degradation"
SHORT = ("--epochs=8", "--images=12800")  # 800 steps, half an hour on two cores
BYTES = 40 * 1024  # of a picture at most
WIDTHS = (860, 700, 560, 440, 340)  # pixels; the first at which it is small enough
COLORS = (64, 16)
INTRODUCTION = """\
# The gallery

Every demo draws a picture and checks its numbers, which come out of the graph. `tinygrad-cnn demo`
lists them, `tinygrad-cnn demo NAME` runs one; most take a few seconds. This page is made by
`python docs/gallery.py --all`.
"""


def page() -> str:
    """The text of docs/gallery.md."""
    parts = [INTRODUCTION]
    for chapter, names in COURSE.items():
        links = [f"[{name}](#{name})" for name in names]
        parts.append(f"**{chapter}:** {', '.join(links)}\n")
    for chapter, names in COURSE.items():
        parts.append(f"## {chapter}\n")
        parts += [entry(name) for name in names]
    return "\n".join(parts)


def entry(name: str) -> str:
    """What the page has about a demo: its title, two sentences and its picture."""
    title, *rest = docstring(ROOT / "demos" / f"{name}.py").split("\n\n")
    text = next(part for part in rest if not part.startswith("    "))  # behind the command
    sentences = re.split(r"(?<=\D\.) (?=[A-ZΔ0-9])", " ".join(text.split()))
    caption = " ".join(sentences[:2]).rstrip(":.") + "."
    return (
        f'### <a id="{name}"></a>{title}\n\n'
        f"{caption} [demos/{name}.py](../demos/{name}.py)\n\n"
        f"![{title}](gallery/{name}.png)\n"
    )


def run(name: str, folder: Path, options: Sequence[str]) -> Path:
    """The picture that a demo has written, or the page."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "demos" / f"{name}.py"), f"--output={folder}", *options]
    subprocess.run(command, env=environment, check=True)
    if name in CHOSEN:
        return folder / CHOSEN[name]
    (picture,) = [path for path in folder.iterdir() if path.suffix in (".svg", ".png")]
    return picture


def photograph(browser: object, picture: Path, path: Path) -> None:
    """Write what a browser shows of a picture, small enough.

    Raises: ValueError if it is too large at every width.
    """
    from PIL import Image

    for width in WIDTHS:
        if ".html" in picture.name:
            shot = browser.new_page(viewport={"width": 1080, "height": 780})
            shot.goto(f"{picture.parent.resolve().as_uri()}/{picture.name}")
            shot.screenshot(path=path)
        else:
            frame = picture.with_name("frame.html")
            frame.write_text(f'<img src="{picture.name}" style="max-width: {width}px">')
            shot = browser.new_page(viewport={"width": 900, "height": 620})
            shot.goto(frame.resolve().as_uri())
            shot.locator("img").screenshot(path=path)
            frame.unlink()
        shot.close()
        with Image.open(path) as image:
            image = image.convert("RGB")
        height = round(image.height * min(1, width / image.width))
        image = image.resize((min(width, image.width), height), Image.Resampling.LANCZOS)
        for colors in COLORS:
            image.quantize(colors).save(path, optimize=True)
            if path.stat().st_size <= BYTES:
                return
    raise ValueError(f"{path} has {path.stat().st_size} bytes, more than {BYTES}")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page, run demos and write their pictures."""
    everything = [name for names in COURSE.values() for name in names]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="demos to run")
    parser.add_argument("--all", action="store_true", help="run every demo")
    parser.add_argument("--data", metavar="FOLDER", help="where CIFAR-10 lies")
    args = parser.parse_args(argv)

    PAGE.write_text(page(), encoding="utf-8")
    names = everything if args.all else args.names
    if not names:
        return
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(exist_ok=True)
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name in names:
            options = [f"--data={args.data}", *SHORT] if name == NEEDS_DATA else []
            if name != NEEDS_DATA or args.data:
                picture = run(name, ROOT / "runs" / "gallery" / name, options)
                photograph(browser, picture, PICTURES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
