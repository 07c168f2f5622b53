"""A page that plays a graph, gate by gate, forward and then backward."""

import html
import json
from collections.abc import Mapping
from pathlib import Path

from .trace import trace_of

PAGE = Path(__file__).with_name("page")
STYLES = ("style", "screens")
SCRIPTS = (
    "numbers",
    "trace",
    "svg",
    "heat",
    "layout",
    "picture",
    "motion",
    "panel",
    "paper",
    "quiz",
    "player",
)


def step(x: object, path: str | Path = "trace.html", *, names: Mapping | None = None) -> Path:
    """The path, after writing a page there that plays how x, a Value or a Tensor, was computed and
    how its gradient flows back.

    The page is one file that needs no server, no network and no other program. It is played by
    buttons, slider and keys; each step shows the gate's rule with its numbers filled in, and Quiz
    hides the numbers and checks what is typed. `#7` behind its address opens it at step 7,
    `#7/quiz` as a quiz; with several traces `#name/7`.

    Whether there has been a backward pass does not matter: the page's own is run on the graph's
    numbers, and no gradient changes. Of a Function of the user's own each output is a gate; what it
    sends is asked of its backward, so its graph must not have been freed. Tensor graphs have
    numbers if they were recorded under `viz.keep()`. A leaf Value with the label "" is a constant.

    x: or a dictionary of several, label -> Value or Tensor, between which the page switches.
    names: name -> Value or Tensor, such as dict(model.named_parameters()).

    Raises: TypeError for what has no graph; ValueError for a Tensor on no graph, for one whose
    numbers were not kept, and for a Function whose graph backward() has freed.
    """
    several = x if isinstance(x, Mapping) else {"trace": x}
    if not several:
        raise ValueError("step needs at least one Value or Tensor, got an empty dictionary")
    traces = [trace_of(one, names, str(label)) for label, one in several.items()]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page({"schema": "tg.viz.step/2", "traces": traces}), encoding="utf-8")
    return path


def page(data: dict) -> str:
    """The page that plays these traces."""
    trace = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    fills = {
        "title": html.escape(f"{data['traces'][0]['title']} · step by step"),
        "style": "\n".join([read(f"{name}.css") for name in STYLES]),
        "library": f"/* {read('dagre.LICENSE')} */\n{read('dagre.min.js')}",
        "script": "\n".join([read(f"{name}.js") for name in SCRIPTS]),
        "trace": trace.replace("<", "\\u003c"),  # so that no string can close the script tag
    }
    # Split, not replaced one after the other: a label may hold the words of another place.
    first, *rest = read("page.html").split("{{")
    parts = [first]
    for piece in rest:
        name, _, text = piece.partition("}}")
        parts += [fills[name], text]
    return "".join(parts)


def read(name: str) -> str:
    """A file of the page."""
    return (PAGE / name).read_text(encoding="utf-8")
