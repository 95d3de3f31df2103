"""What another party may send in place of what was agreed: other JSON, and a document with something broken in it."""

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import simplejson
from hypothesis import strategies as st

NASTY_TEXT = (
    *("", " ", "\0", "\ud800", "💶", "ﬀ", "İ", "\u202e", "a\r\nb", "'", '"', "{field}", "%s", "../..", "?token=", "#"),
    *("-0", "0", "00", "1e5", "0x10", "1_000", "١٢", "²", "½", "NaN", "sNaN", "Infinity", "-Infinity", "null", "1,50"),
    *("0000-00-00", "-0001-11-30", "9999-12-31", "0001-01-01T00:00:00", "2026-02-30", "2026-W01-1", "24:00:00"),
    *("9" * 30, "9" * 5_000, "-1", "1." + "3" * 60, "x" * 70_000, "x" * 450_000),
)
NASTY_NUMBERS = (
    *(0, -1, 1, 2**31, 2**63, -(2**63), 10**12, 10**25, 10**400),
    *(Decimal(text) for text in ("0.005", "-0.01", "1e3", "1e-30", "1e400", "123456789012.123456", "0.1e-400")),
)
texts = st.sampled_from(NASTY_TEXT) | st.text(max_size=12)
scalars = st.none() | st.booleans() | st.sampled_from(NASTY_NUMBERS) | st.integers() | texts
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def deep(levels: int) -> Any:  # noqa: ANN401 -- any JSON
    """A list in a list in a list."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def _places(document: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 -- any JSON
    """Every place in a document: what holds it, and under which name."""
    names = document.keys() if isinstance(document, dict) else range(len(document))
    for name in list(names):
        yield document, name
        if isinstance(document[name], dict | list):
            yield from _places(document[name])


@st.composite
def broken(draw: st.DrawFn, document: Any, most: int = 3) -> Any:  # noqa: ANN401 -- any JSON
    """The document with something else in up to `most` places: another value, none, twice, in a list, out of one."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(changed))
        if not places:
            return changed
        holder, name = draw(st.sampled_from(places))
        was = holder[name]
        match draw(
            st.sampled_from(("another", "another", "gone", "wrapped", "unwrapped", "twice", "extra", "as-text"))
        ):
            case "gone":
                del holder[name]
            case "wrapped":
                holder[name] = draw(st.sampled_from(([was], {"0": was}, {"id": was}, [[was]], deep(90))))
            case "unwrapped" if isinstance(was, list) and was:
                holder[name] = was[0]
            case "twice" if isinstance(was, list):
                holder[name] = [*was, *was]
            case "extra" if isinstance(was, dict):
                was[draw(st.text(max_size=8))] = draw(json_values)
            case "as-text":
                holder[name] = was if isinstance(was, dict | list) else str(was)
            case _:
                holder[name] = draw(json_values)
    return changed


def written(document: Any) -> str:  # noqa: ANN401 -- any JSON
    """As JSON text; amounts as they are."""
    text: str = simplejson.dumps(document, use_decimal=True)
    return text
