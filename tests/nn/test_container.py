"""Containers of modules and of parameters: like lists and dicts, and like PyTorch's."""

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn

CHAINS = [nn.Sequential, nn.ModuleList]
PLACES = st.integers(-4, 4)


def chain_of(kind, count):
    """A chain of `count` layers, and the layers."""
    layers = [nn.Identity() for _ in range(count)]
    return (nn.Sequential(*layers) if kind is nn.Sequential else nn.ModuleList(layers)), layers


def holds(chain, layers):
    """Whether a chain has these modules under numbers from 0, and nothing else."""
    names = [name for name, _ in chain.named_own(nn.Module)]
    return (
        list(chain) == layers
        and len(chain) == len(layers)
        and names == [*map(str, range(len(layers)))]
    )


EDITS = {
    "append": lambda chain, at, layer: chain.append(layer),
    "insert": lambda chain, at, layer: chain.insert(at, layer),
    "extend": lambda chain, at, layer: chain.extend([layer, layer]),
    "pop": lambda chain, at, layer: chain.pop(at),
    "delete": lambda chain, at, layer: chain.__delitem__(at),
    "delete slice": lambda chain, at, layer: chain.__delitem__(slice(at, None)),
    "set": lambda chain, at, layer: chain.__setitem__(at, layer),
    "add in place": lambda chain, at, layer: chain.__iadd__([layer]),
}


@pytest.mark.parametrize("kind", CHAINS)
@given(edits=st.lists(st.tuples(st.sampled_from(sorted(EDITS)), PLACES), max_size=6))
def test_a_chain_is_edited_as_a_list(kind, edits):
    chain, layers = chain_of(kind, 3)
    for name, at in edits:
        layer = nn.Identity()
        beyond = (
            kind is nn.Sequential and name == "insert" and not -len(layers) <= at <= len(layers)
        )
        try:
            if beyond:  # where a list would take the nearest end
                raise IndexError
            result = EDITS[name](layers, at, layer)
        except IndexError:
            with pytest.raises(IndexError, match=f"index {at} is out of range for {len(layers)}"):
                EDITS[name](chain, at, layer)
            continue
        got = EDITS[name](chain, at, layer)
        assert got is result or got is chain or result is layers
        assert holds(chain, layers)


@pytest.mark.parametrize("kind", CHAINS)
@given(at=PLACES, stop=st.one_of(st.none(), PLACES))
def test_indices_and_slices_are_a_lists(kind, at, stop):
    chain, layers = chain_of(kind, 3)
    part = chain[at:stop]
    assert type(part) is kind
    assert list(part) == layers[at:stop]
    if -3 <= at < 3:
        assert chain[at] is layers[at]
    else:
        with pytest.raises(IndexError, match=f"index {at} is out of range for 3 modules"):
            chain[at]


@pytest.mark.parametrize("kind", CHAINS)
def test_chains_can_be_added(kind):
    (one, first), (two, second) = chain_of(kind, 2), chain_of(kind, 1)
    both = one + two
    assert type(both) is kind
    assert holds(both, first + second)
    assert holds(one, first)
    one += two
    assert holds(one, first + second)


def test_chains_are_edited_as_torchs(torch):
    def edited(library):
        chain = library.Sequential(*[library.Linear(i, i) for i in range(1, 5)])
        part = chain[1:3]
        chain.insert(1, library.ReLU())
        del chain[0]
        chain.pop(-1)
        chain[0] = library.Tanh()
        chain.append(library.Sigmoid())
        blocks = library.ModuleList([library.Linear(1, 1)])
        blocks.extend([library.ReLU(), library.Linear(2, 2)])
        named = library.Sequential(OrderedDict(a=library.Linear(1, 2), b=library.Linear(2, 1)))
        nets = [chain, part, blocks, named, named[1:], blocks[1:]]
        return [list(net.state_dict()) for net in nets], repr(chain), repr(part), repr(named)

    assert edited(nn) == edited(torch.nn)


# --- Sequential -----------------------------------------------------------------------------------


def test_one_after_the_other():
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    net[0].weight.data.fill_(-2.0)
    assert net(tg.tensor([[-3.0]])).item() == 6
    assert net(tg.tensor([[3.0]])).item() == 0
    x = tg.ones(1)
    assert nn.Sequential()(x) is x


def test_names_are_attributes():
    net = nn.Sequential(OrderedDict(first=nn.ReLU(), second=nn.Tanh()))
    assert net.first is net[0]
    assert net.second is net[-1]
    assert net.append(nn.Sigmoid())[-1] is getattr(net, "2")


def test_the_same_module_twice():
    layer = nn.Linear(1, 1)
    net = nn.Sequential(layer, layer)
    assert len(net) == 2
    assert len(list(net.children())) == 1
    assert len(list(net.parameters())) == 2


def test_appending_to_a_slice_replaces_nothing():
    part = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())[1:]
    part.append(nn.Identity())
    assert [name for name, _ in part.named_own(nn.Module)] == ["1", "2", "3"]


def test_only_modules_go_in():
    with pytest.raises(TypeError, match="'0' has to be a Module, got builtin_function_or_method"):
        nn.Sequential(abs)
    with pytest.raises(TypeError, match="'1' has to be a Module, got list"):
        nn.ModuleList([nn.ReLU()]).append([])
    with pytest.raises(TypeError, match="'a' has to be a Module, got int"):
        nn.ModuleDict({"a": 1})


def test_a_list_does_not_run():
    with pytest.raises(NotImplementedError, match="ModuleList needs a method forward"):
        nn.ModuleList([nn.ReLU()])(1)


# --- ModuleDict -----------------------------------------------------------------------------------


def test_a_dict_of_modules():
    one, two = nn.Linear(1, 1), nn.ReLU()
    modules = nn.ModuleDict({"one": one})
    modules["two"] = two
    assert list(modules) == modules.keys() == ["one", "two"]
    assert modules.values() == [one, two]
    assert modules.items() == [("one", one), ("two", two)]
    assert modules["two"] is two
    assert "one" in modules and "training" not in modules and len(modules) == 2
    assert list(modules.state_dict()) == ["one.weight", "one.bias"]
    assert modules.pop("one") is one
    modules.update([("two", one)])
    assert modules.values() == [one]
    modules.clear()
    assert len(modules) == 0


@pytest.mark.parametrize("key", ["there", "training"])
def test_a_key_that_is_not_there(key):
    modules = nn.ModuleDict().train()
    for use in (lambda: modules[key], lambda: modules.pop(key), lambda: modules.__delitem__(key)):
        with pytest.raises(KeyError, match=key):
            use()


@pytest.mark.parametrize("key", ["forward", "keys", "a.b", ""])
def test_a_key_has_to_be_a_name(key):
    with pytest.raises(KeyError, match="cannot be the name of a module in ModuleDict"):
        nn.ModuleDict({key: nn.ReLU()})


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.ModuleList(3), TypeError, "ModuleList takes a list .* got int"),
        (lambda: nn.ModuleDict(3), TypeError, "ModuleDict takes a dict or pairs.* got int"),
        (lambda: nn.ModuleDict([1]), TypeError, "got int in the place of a pair"),
        (lambda: nn.ModuleDict([(1,)]), ValueError, "got 1 things in the place of a pair"),
        (
            lambda: nn.ModuleDict({1: nn.ReLU()}),
            TypeError,
            "a key of ModuleDict is a string, got 1",
        ),
        (lambda: nn.Sequential() + [nn.ReLU()], ValueError, "is added to a Sequential, got list"),
        (lambda: nn.Sequential() * 0, ValueError, "once or more often, got 0"),
        (lambda: nn.Sequential() * "a", TypeError, "multiplied by an int, got str"),
        (lambda: nn.ParameterList(3), TypeError, "ParameterList takes a list .* got int"),
        (
            lambda: nn.ParameterList([3]),
            TypeError,
            "'0' has to be a Parameter or a Tensor, got int",
        ),
        (lambda: nn.ParameterList()[0], IndexError, "out of range for 0 parameters"),
        (lambda: nn.ParameterDict({"a": 3}), TypeError, "'a' has to be a Parameter or a Tensor"),
        (lambda: nn.ParameterDict({1: tg.ones(1)}), TypeError, "a string, got 1"),
        (lambda: nn.ParameterDict({"keys": tg.ones(1)}), KeyError, "choose another name"),
        (lambda: nn.ParameterDict().popitem(), KeyError, "is empty"),
    ],
)
def test_errors_say_what_was_given(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_repeated():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU())
    for many in (net * 2, 2 * net):
        assert len(many) == 4
        assert many[0] is many[2] is layer
    net *= 3
    assert len(net) == 6
    assert len(list(net.parameters())) == 2


# --- parameters -----------------------------------------------------------------------------------


def text(module):
    """The text of a module, with PyTorch's names of dtypes made ours."""
    return repr(module).replace("torch.FloatTensor", "float32").replace("torch.", "")


def test_a_list_of_parameters():
    p, t = nn.Parameter(tg.ones(2)), tg.zeros(3)
    parameters = nn.ParameterList([p, t])
    assert parameters[0] is p
    assert isinstance(parameters[1], nn.Parameter)
    assert parameters[1].raw is t.raw
    parameters.append(tg.ones(())).extend([p])
    parameters += [t]
    parameters[0] = t
    assert len(parameters) == 5
    assert parameters[-2] is p
    assert list(parameters.state_dict()) == ["0", "1", "2", "3", "4"]
    part = parameters[1:3]
    assert type(part) is nn.ParameterList
    assert list(part) == list(parameters)[1:3]
    assert all(q.requires_grad for q in parameters)


def test_a_dict_of_parameters():
    p = nn.Parameter(tg.ones(2))
    parameters = nn.ParameterDict({"b": p, "a": tg.zeros(3)})
    assert parameters.keys() == ["a", "b"]  # a plain dict's in the order of their names
    assert parameters["b"] is p
    assert parameters.get("c") is None
    assert parameters.setdefault("b", tg.ones(9)) is p
    assert parameters.setdefault("c", tg.ones(9)).shape == (9,)
    assert parameters.copy().items() == parameters.items()
    both = parameters | nn.ParameterDict({"d": p})
    assert both.keys() == ["a", "b", "c", "d"]
    assert "d" not in parameters
    parameters |= both
    assert parameters.popitem() == ("d", p)
    assert parameters.pop("b") is p
    del parameters["c"]
    assert list(parameters) == ["a"]
    parameters.clear()
    assert len(parameters) == 0


def test_containers_look_like_torchs(torch):
    def looks(library, nn):
        many = nn.ParameterList([library.zeros(2, 3), library.zeros(())])
        one = nn.ParameterList([library.zeros(2)])
        named = nn.ParameterDict(OrderedDict(z=library.zeros(2, 3), a=library.zeros(1)))
        blocks = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh(), nn.Sequential(nn.ReLU())])
        empty = [nn.ParameterList(), nn.ParameterDict(), nn.ModuleList(), nn.ModuleDict()]
        net = nn.Sequential(nn.Linear(2, 1), many, named, blocks, nn.Sequential(nn.Tanh()) * 2)
        every = [many, one, named, blocks, net, *empty]
        return [text(m) for m in every], list(net.state_dict())

    assert looks(tg, nn) == looks(torch, torch.nn)
