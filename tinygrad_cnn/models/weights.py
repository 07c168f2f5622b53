"""Published weights: where they lie, what images they want, and how they get into a model.

A model's `weights` are the path of a file that `tg.load` reads, the https address of one, or a name
such as "IMAGENET1K_V1" for an entry of WEIGHTS below. Of a checkpoint of a training run they are
the part "model" or "state_dict". Files from the web are kept in the cache
(`io.download.cache_folder`), folder weights, and are looked for there first.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ..data import transforms
from ..io import load
from ..io.download import cache_folder, download
from ..nn import Module
from ..tensor import Tensor
from .head import heads

M = TypeVar("M", bound=Module)
HOME = "https://download.pytorch.org/models/"
HASH = re.compile(r"-([0-9a-f]{8,64})\.\w+$")  # of the content, in the names of torchvision's files
CLASSES = Path(__file__).parent / "imagenet.txt"
PARTS = ("model", "state_dict")  # where checkpoints keep the state of the model


@dataclass(frozen=True)
class Weights:
    """Weights that torchvision publishes, trained on ImageNet's 1000 classes.

    file: its name ends in the first digits of its SHA-256.

    Units: top1, top5: accuracy in percent on ImageNet's 50,000 images for validation, in one crop,
    as torchvision publishes it. crop, resize: pixels.
    """

    file: str
    top1: float
    top5: float
    resize: int = 256
    crop: int = 224

    @property
    def url(self) -> str:
        """Where the file is published."""
        return HOME + self.file

    def preprocessing(self) -> "Preprocessing":
        """What makes of an image what these weights were trained on."""
        return Preprocessing(self.resize, self.crop)


def v1(file: str, top1: float, top5: float, resize: int = 256, crop: int = 224) -> dict:
    """The entry of a model with one set of weights."""
    return {"IMAGENET1K_V1": Weights(file, top1, top5, resize, crop)}


def v2(file: str, top1: float, top5: float) -> dict:
    """The entry of weights from torchvision's newer recipe, tested on images of 232 pixels."""
    return {"IMAGENET1K_V2": Weights(file, top1, top5, resize=232)}


# Source: torchvision 0.29, the tables of weights beside its models. The last of a row is "DEFAULT".
WEIGHTS: dict[str, dict[str, Weights]] = {
    "alexnet": v1("alexnet-owt-7be5be79.pth", 56.522, 79.066),
    "vgg11": v1("vgg11-8a719046.pth", 69.020, 88.628),
    "vgg11_bn": v1("vgg11_bn-6002323d.pth", 70.370, 89.810),
    "vgg13": v1("vgg13-19584684.pth", 69.928, 89.246),
    "vgg13_bn": v1("vgg13_bn-abd245e5.pth", 71.586, 90.374),
    "vgg16": v1("vgg16-397923af.pth", 71.592, 90.382),
    "vgg16_bn": v1("vgg16_bn-6c64b313.pth", 73.360, 91.516),
    "vgg19": v1("vgg19-dcbb9e9d.pth", 72.376, 90.876),
    "vgg19_bn": v1("vgg19_bn-c79401a0.pth", 74.218, 91.842),
    "googlenet": v1("googlenet-1378be20.pth", 69.778, 89.530),
    "inception_v3": v1("inception_v3_google-0cc3c7bd.pth", 77.294, 93.450, resize=342, crop=299),
    "resnet18": v1("resnet18-f37072fd.pth", 69.758, 89.078),
    "resnet34": v1("resnet34-b627a593.pth", 73.314, 91.420),
    "resnet50": v1("resnet50-0676ba61.pth", 76.130, 92.862)
    | v2("resnet50-11ad3fa6.pth", 80.858, 95.434),
    "resnet101": v1("resnet101-63fe2227.pth", 77.374, 93.546)
    | v2("resnet101-cd907fc2.pth", 81.886, 95.780),
    "resnet152": v1("resnet152-394f9c45.pth", 78.312, 94.046)
    | v2("resnet152-f82ba261.pth", 82.284, 96.002),
    "resnext50_32x4d": v1("resnext50_32x4d-7cdf4587.pth", 77.618, 93.698)
    | v2("resnext50_32x4d-1a0047aa.pth", 81.198, 95.340),
    "wide_resnet50_2": v1("wide_resnet50_2-95faca4d.pth", 78.468, 94.086)
    | v2("wide_resnet50_2-9ba9bcbe.pth", 81.602, 95.758),
    "densenet121": v1("densenet121-a639ec97.pth", 74.434, 91.972),
    "densenet161": v1("densenet161-8d451a50.pth", 77.138, 93.560),
    "densenet169": v1("densenet169-b2777c0a.pth", 75.600, 92.806),
    "densenet201": v1("densenet201-c1103571.pth", 76.896, 93.370),
}


class Preprocessing:
    """An image as a network of ImageNet wants it: resized, cut out, normalised.

    resize: pixels of the shorter side; crop: of the window in the middle.
    """

    def __init__(self, resize: int, crop: int) -> None:
        self.resize = resize
        self.crop = crop
        self.steps = transforms.Compose(
            [
                transforms.Resize(resize),
                transforms.CenterCrop(crop),
                transforms.ToTensor(),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __call__(self, image: object) -> Tensor:
        """The tensor of an image: one of Pillow's, or an array of bytes.

        Shape: an array (H, W, 3) -> (3, crop, crop).

        Raises: ValueError for an array of another shape, TypeError for what is no image.
        """
        if hasattr(image, "convert"):
            image = image.convert("RGB")  # grey and transparent ones too
        elif hasattr(image, "shape") and (len(image.shape) != 3 or image.shape[2] != 3):
            raise ValueError(f"an image is an array (H, W, 3) of bytes, got shape {image.shape}")
        elif hasattr(image, "transpose"):
            image = image.transpose(2, 0, 1)
        return Tensor(self.steps(image))

    def __repr__(self) -> str:
        return f"Preprocessing(resize={self.resize}, crop={self.crop})"


@lru_cache(maxsize=1)
def classes() -> tuple[str, ...]:
    """The names of ImageNet's 1000 classes; a few are the names of two."""
    lines = CLASSES.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def published(name: str, weights: str = "DEFAULT") -> Weights:
    """The entry of WEIGHTS for a model by its builder's name.

    Raises: ValueError if there is none, saying which there are.
    """
    entries = WEIGHTS.get(name.removesuffix("_torchvision"))
    if entries is None:
        raise ValueError(f"no weights are published for {name}; there are for {', '.join(WEIGHTS)}")
    if weights == "DEFAULT":
        return list(entries.values())[-1]
    if weights not in entries:
        raise ValueError(
            f"{name} has the weights {', '.join(entries)} and DEFAULT, got {weights!r}; pass one "
            "of them, the path of a file, or an https address"
        )
    return entries[weights]


def preprocessing(name: str, weights: str = "DEFAULT") -> Preprocessing:
    """What makes of an image the tensor that a model with these published weights wants.

    Raises: ValueError if none are published.
    """
    return published(name, weights).preprocessing()


def with_weights(model: M, name: str, weights: str | os.PathLike | None) -> M:
    """`model`, holding the state that `weights` names; as it is if that is None.

    name: of the builder, by which weights are published.

    Raises: ValueError for weights that there are not, or published ones in a model of other
    classes; RuntimeError if a file cannot be fetched, saying where to place it, or does not fit the
    model; and what `load` raises.
    """
    if weights is not None:
        model.load_state_dict(state_for(model, name, weights))
    return model


def state_for(model: Module, name: str, weights: str | os.PathLike) -> object:
    """The state that `weights` names, for a model whose builder has this name.

    Raises: as `with_weights`, but for a state that does not fit the model.
    """
    text = os.fspath(weights)
    if text.isidentifier() and not Path(text).exists():
        entry = published(name, text)
        check_classes(model, name, text)
        path = fetched(entry.url)
    elif "://" in text:
        path = fetched(text)
    else:
        path = Path(text).expanduser()
    return model_part(load(path))


def model_part(content: object) -> object:
    """What a checkpoint says of the model; all of what is no checkpoint."""
    if isinstance(content, dict):
        for part in PARTS:
            if isinstance(content.get(part), dict):
                return content[part]
    return content


def check_classes(model: Module, name: str, weights: str) -> None:
    """Raise ValueError unless the model tells as many classes apart as ImageNet has."""
    head = heads(model)[-1]
    count = len(model.get_submodule(head).weight)
    if count != len(classes()):
        raise ValueError(
            f"{name} has {count} classes, but {weights} was trained on {len(classes())}; build it "
            f"with num_classes=1000 and replace {head} afterwards, or load the file yourself, drop "
            f"the keys of {head} and call load_state_dict with strict=False"
        )


def fetched(url: str) -> Path:
    """The file at `url`, from the cache if it is there.

    Its content has to have the hash that its name ends in, if it does.

    Raises: ValueError for an address that is not https or names no file; RuntimeError if it cannot
    be fetched.
    """
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    name = PurePosixPath(parts.path).name
    if parts.scheme != "https" or not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(f"weights come from an https address of a file, got {url!r}")
    folder = cache_folder() / "weights"
    found = HASH.search(name)
    if found is not None:
        return download([url], folder / name, f"sha256:{found[1]}")
    # Any two files may be called model.pth.
    return download([url], folder / hashlib.sha256(url.encode()).hexdigest()[:16] / name, None)
