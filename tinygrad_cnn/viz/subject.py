"""What a picture is of: where it starts, what is near, and what the user calls it."""

from collections import deque
from collections.abc import Mapping

from ..graph import Node
from ..nn import Parameter
from ..tensor import Tensor, TensorNode
from ..value import Value
from .keep import Call, Kept
from .modules import Modules


def roots_of(x: object) -> list[Node]:
    """The nodes to start from, youngest first."""
    if not isinstance(x, Kept):
        return [root_of(x)]
    alive = x.alive()
    inner = {parent for node in alive for parent in node.parents}
    last = [node for node in reversed(alive) if node not in inner]
    given = [each.node for each in x.failure.inputs if each.node] if x.failure else []
    if not last and not given and x.failure is None:
        raise ValueError(
            "nothing that was kept is alive: keep the result of what is computed under viz.keep()"
        )
    return [*dict.fromkeys([*last, *given])]


def root_of(x: object) -> Node:
    """The node to start from."""
    node = node_under(x)
    if isinstance(x, Tensor) and node is None:
        raise ValueError(
            f"this tensor of shape {x.shape} is on no graph: compute it from tensors with "
            "requires_grad=True, outside no_grad"
        )
    if not isinstance(node, (Value, TensorNode)):
        raise TypeError(f"a picture needs a Value or a Tensor, got {type(x).__name__}")
    return node


def nearest(roots: list[Node], most: int, modules: Modules) -> set[Node | Call]:
    """What is drawn of the nodes closest to the roots, at most `most`."""
    found = {*[modules.drawn(root) for root in roots][:most]}
    waiting = deque(found)
    while waiting:
        thing = waiting.popleft()
        for node in modules.members.get(thing, [thing]):
            for parent in node.parents:
                above = None if parent is None else modules.drawn(parent)
                if above is None or above in found or len(found) == most:
                    continue
                found.add(above)
                waiting.append(above)
    return found


class Names:
    """What the user calls the leaves and the results, and which of them are parameters.

    names: name -> Value or Tensor. model: a Module, or anything that has `parameters()`.
    """

    def __init__(self, names: Mapping | None, model: object) -> None:
        if model is not None and not hasattr(model, "parameters"):
            raise TypeError(f"the model needs a method parameters(), got {type(model).__name__}")
        named = dict(getattr(model, "named_parameters", dict)())
        pairs = [*named.items(), *(names or {}).items()]
        self.titles = {node_under(x): name for name, x in pairs}
        trained = [] if model is None else model.parameters()
        self.parameters = {node_under(x) for x in trained}
        self.parameters |= {node_under(x) for _, x in pairs if isinstance(x, Parameter)}


def node_under(x: object) -> object:
    """The node of a Tensor; a Value is one."""
    return x.node if isinstance(x, Tensor) else x
