"""How the numbers of an array are shown: four digits, exponents where sizes differ widely."""

from . import kernels
from .kernels import np

PLAIN_DTYPES = ("bool", "int64")  # like the default one: not named


def text_of(raw: object) -> str:
    """The numbers of `raw`, with the size of an empty array and the dtype where it is unusual."""
    host = kernels.backend(type(raw)).to_host(raw)
    note = f", size={raw.shape}" if raw.size == 0 and raw.ndim != 1 else ""
    plain = raw.dtype == kernels.DEFAULT or (raw.size and raw.dtype.name in PLAIN_DTYPES)
    note += "" if plain else f", dtype={raw.dtype}"
    if not isinstance(host, np.ndarray):  # a shape alone
        return np.array2string(host) + note
    if raw.size == 0:
        return f"[]{note}"
    if host.dtype.kind == "V":
        host = host.astype(np.float32)
    how = {"separator": ", ", "prefix": "tensor(", "threshold": 1000, "max_line_width": 80}
    if host.dtype.kind == "f":
        how["formatter"] = {"float_kind": written(host)}
    elif host.dtype.kind == "b":
        width = 4 if host.all() else 5
        how["formatter"] = {"bool": lambda truth: str(truth).rjust(width)}
    return np.array2string(host, **how).replace(", ...,", ",  ...,") + note


def written(host: np.ndarray) -> object:
    """The function that writes one number of `host`, all alike and equally wide."""
    finite = np.abs(host[np.isfinite(host) & (host != 0)]).astype(np.float64)
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    whole = bool((finite == np.ceil(finite)).all())
    wide = finite.size and (high / low > 1000 or high > 1e8 or (low < 1e-4 and not whole))
    spec = ".4e" if wide else ".0f" if whole else ".4f"

    def text(number: float) -> str:
        shown = format(float(number), spec)
        return shown + "." if spec == ".0f" and np.isfinite(number) else shown

    shown = shown_of(host)
    width = max((len(text(number)) for number in shown[np.isfinite(shown)]), default=0)
    return lambda number: text(number).rjust(width)


def shown_of(host: np.ndarray) -> np.ndarray:
    """The numbers that are printed of an array: all, or of a large one those at its edges."""
    if host.size <= 1000:
        return host.ravel()
    for axis, size in enumerate(host.shape):
        if size > 6:
            host = np.delete(host, np.s_[3:-3], axis)
    return host.ravel()
