"""Weights into models: files, addresses, names; and what belongs to published ones."""

import hashlib

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import models
from tinygrad_cnn.models import weights as published

ONE = "IMAGENET1K_V1"


class Web:
    """A web in which some addresses have files; it counts what is asked for."""

    def __init__(self):
        self.files = {}
        self.asked = []

    def fetch(self, url, part, timeout, progress):
        self.asked.append(url)
        if url not in self.files:
            raise OSError("no network")
        part.write_bytes(self.files[url])


@pytest.fixture
def web(monkeypatch, tmp_path):
    found = Web()
    monkeypatch.setattr("tinygrad_cnn.io.download.fetch", found.fetch)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("TINYGRAD_CNN_CACHE", str(tmp_path / "cache"))
    return found


def equal(a, b):
    a, b = a.state_dict(), b.state_dict()
    return list(a) == list(b) and all(np.array_equal(host(a[k]), host(b[k])) for k in a)


def model(classes=10):
    """A small stand-in whose head is its last layer."""
    return tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Linear(3, classes))


# --- the three kinds of weights ---


def test_none_leaves_the_model_alone():
    net = model()
    assert published.with_weights(net, "resnet18", None) is net


def test_a_file(tmp_path):
    net = model()
    tg.save(net.state_dict(), tmp_path / "net.safetensors")
    np.savez(tmp_path / "net.npz", **{k: host(t) for k, t in net.state_dict().items()})
    for path in (tmp_path / "net.safetensors", str(tmp_path / "net.npz")):
        assert equal(published.with_weights(model(), "resnet18", path), net)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        published.with_weights(model(), "resnet18", tmp_path / "other.pth")
    with pytest.raises(
        RuntimeError, match=r"size mismatch for 1\.weight.*\n.*mismatch for 1\.bias"
    ):
        published.with_weights(model(11), "resnet18", tmp_path / "net.npz")


@pytest.mark.parametrize("part", ["model", "state_dict"])
def test_a_checkpoint_of_a_run(tmp_path, part):
    net = model()
    tg.save({part: net.state_dict(), "optimizer": {}, "epoch": 3}, tmp_path / "net")
    assert equal(published.with_weights(model(), "resnet18", tmp_path / "net"), net)


def test_an_address_is_fetched_once(web, tmp_path):
    net = model()
    tg.save(net.state_dict(), tmp_path / "net")
    content = (tmp_path / "net").read_bytes()
    first = hashlib.sha256(content).hexdigest()[:8]
    for url in (f"https://a.org/net-{first}.pth?x=1", "https://a.org/net.pth"):
        web.files[url] = content
        for _ in range(2):
            assert equal(published.with_weights(model(), "resnet18", url), net)
    assert len(web.asked) == 2
    assert (tmp_path / "cache/weights" / f"net-{first}.pth").read_bytes() == content


def test_two_addresses_with_one_name_are_two_files(web, tmp_path):
    nets = {"https://a.org/net.pth": model(), "https://b.org/net.pth": model()}
    for url, net in nets.items():
        tg.save(net.state_dict(), tmp_path / "net")
        web.files[url] = (tmp_path / "net").read_bytes()
    for url, net in nets.items():
        assert equal(published.with_weights(model(), "resnet18", url), net)


def test_content_has_to_have_the_hash_in_its_name(web):
    url = "https://a.org/net-01234567.pth"
    web.files[url] = b"other"
    with pytest.raises(RuntimeError, match="5 bytes whose checksum is not sha256:01234567"):
        published.with_weights(model(), "resnet18", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.org/x.pth",
        "ftp://a.org/x.pth",
        "https://a.org/..",
        "https://a.org/",
        "https://a.org/a%2Fb",
        "file:///etc/passwd",
    ],
)
def test_addresses_are_https_and_name_a_file(web, url):
    with pytest.raises(ValueError, match="weights come from an https address of a file"):
        published.with_weights(model(), "resnet18", url)
    assert not web.asked


def test_offline_says_which_file_to_place_where(web, tmp_path):
    with pytest.raises(RuntimeError) as error:
        published.with_weights(model(1000), "resnet18", ONE)
    place = tmp_path / "cache/weights/resnet18-f37072fd.pth"
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in str(error.value)
    assert str(error.value).endswith(f"place it at {place}")


def test_a_published_name(web, tmp_path, monkeypatch):
    net = model(1000)
    tg.save(net.state_dict(), tmp_path / "net")
    content = (tmp_path / "net").read_bytes()
    file = f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setitem(published.WEIGHTS, "net", published.v1(file, 0.0, 0.0))
    web.files[published.HOME + file] = content
    for name in (ONE, "DEFAULT"):
        assert equal(published.with_weights(model(1000), "net", name), net)
    assert web.asked == [published.HOME + file]


def test_other_classes_than_imagenets(web):
    words = (
        r"resnet18 has 10 classes, .* trained on 1000; build .* replace 1 afterwards, or .*strict"
    )
    with pytest.raises(ValueError, match=words):
        published.with_weights(model(), "resnet18", "DEFAULT")
    assert not web.asked


@pytest.mark.parametrize("name", published.WEIGHTS)
def test_classes_of_every_model_that_has_weights(name):
    build = getattr(models, f"{name}_torchvision", None) or getattr(models, name)
    with tg.device("meta"):
        published.check_classes(build(), name, ONE)
        with pytest.raises(ValueError, match=f"{name} has 10 classes, but {ONE} was trained on 10"):
            published.check_classes(build(num_classes=10), name, ONE)


def test_names_that_are_not_published(web):
    with pytest.raises(ValueError, match="resnet18 has the weights IMAGENET1K_V1 and DEFAULT, got"):
        published.with_weights(model(1000), "resnet18", "IMAGENET1K_V2")
    with pytest.raises(ValueError, match="no weights are published for nin; there are for alexnet"):
        published.with_weights(model(1000), "nin", "DEFAULT")


def test_a_builder_takes_them(tmp_path):
    net = models.resnet18(num_classes=3)
    tg.save(net.state_dict(), tmp_path / "resnet18.safetensors")
    loaded = models.resnet18(num_classes=3, weights=tmp_path / "resnet18.safetensors")
    assert equal(loaded, net)


def test_what_torchvision_saves_is_what_we_compute(torch, torchvision, tmp_path):
    theirs = torchvision.models.resnet18(num_classes=3).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    ours = models.resnet18(num_classes=3, weights=tmp_path / "resnet18.pth").eval()
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32))
    expected = theirs.double()(torch.tensor(x)).detach().numpy()
    assert np.allclose(host(ours.double()(tg.tensor(x)).detach()), expected, 1e-9, 1e-9)


def test_old_keys_of_densenet(torch, torchvision, tmp_path):
    theirs = torchvision.models.densenet121(num_classes=3)
    old = {}
    for key, t in theirs.state_dict().items():
        for layer in ("norm", "conv"):
            for n in "12":
                if "denselayer" in key:
                    key = key.replace(f"{layer}{n}.", f"{layer}.{n}.")
        old[key] = t
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    ours = models.densenet121(num_classes=3, weights=tmp_path / "old.pth")
    state = ours.state_dict()
    assert all(np.array_equal(host(state[k]), t.numpy()) for k, t in theirs.state_dict().items())


# --- the table ---


def test_the_table_is_torchvisions(torchvision):
    for name, entries in published.WEIGHTS.items():
        theirs = torchvision.models.get_model_weights(name)
        theirs = {w.name: w for w in theirs if w.name.startswith("IMAGENET1K_V")}
        assert list(entries) == list(theirs)
        assert published.published(name) == entries[theirs[list(theirs)[-1]].name]
        for key, entry in entries.items():
            settings = theirs[key].transforms()
            accuracy = theirs[key].meta["_metrics"]["ImageNet-1K"]
            assert entry.url == theirs[key].url
            assert (entry.top1, entry.top5) == (accuracy["acc@1"], accuracy["acc@5"])
            assert [entry.resize, entry.crop] == [*settings.resize_size, *settings.crop_size]
            assert tuple(published.classes()) == tuple(theirs[key].meta["categories"])


def test_every_entry_has_a_hash_and_a_model():
    for name, entries in published.WEIGHTS.items():
        assert all(published.HASH.search(entry.file) for entry in entries.values())
        assert published.published(f"{name}_torchvision") == published.published(name)
        assert hasattr(models, name)


def test_classes():
    names = published.classes()
    assert len(names) == 1000
    assert (names[0], names[388], names[-1]) == ("tench", "giant panda", "toilet tissue")


# --- images ---


def photograph(height, width):
    """Smooth waves, as bytes."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / a + y / b) for a, b in ((9, 31), (17, 11), (40, 23))]
    return np.uint8(127.5 + 127 * np.stack(waves, -1))


@pytest.mark.parametrize("name", ["resnet18", "inception_v3", "resnet50"])
@pytest.mark.parametrize("size", [(300, 400), (500, 260)])
def test_images_become_torchvisions_tensors(torchvision, name, size):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow").fromarray(photograph(*size))
    theirs = torchvision.models.get_model_weights(name).DEFAULT.transforms()(image).numpy()
    ours = published.preprocessing(name)(image)
    assert ours.shape == theirs.shape
    assert np.abs(host(ours) - theirs).max() < 1.01 / 255 / 0.224  # Pillow rounds twice
    assert np.array_equal(host(published.preprocessing(name)(photograph(*size))), host(ours))


def test_grey_and_transparent_images(torchvision):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow").fromarray(photograph(300, 260))
    want = published.preprocessing("vgg16")
    assert repr(want) == "Preprocessing(resize=256, crop=224)"
    assert np.array_equal(host(want(image.convert("RGBA"))), host(want(image)))
    assert want(image.convert("L")).shape == (3, 224, 224)
    with pytest.raises(ValueError, match=r"an array \(H, W, 3\) of bytes, got shape \(3, 5, 5\)"):
        want(np.zeros((3, 5, 5), np.uint8))
    with pytest.raises(TypeError, match="NumPy arrays or Pillow's images, got str"):
        want("cat.jpg")
