"""Looking for what must be nowhere: a text as it is, in any letter case, and in the forms in which it travels."""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus


def _as_base64(text: str) -> Iterator[str]:
    """What it is within base64, wherever it begins there; without the ends, which depend on its neighbours."""
    content = text.encode()
    for shift in range(3):
        whole = (shift + len(content)) // 3 * 4
        first = 4 if shift else 0
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * shift + content).decode()[first:whole]


def forms(text: str) -> set[str]:
    """Every form of a text that is looked for, none too short to mean anything."""
    found = {text, text.casefold(), quote(text), quote(text, safe=""), quote_plus(text), text.encode().hex()}
    escaped = json.dumps(text)[1:-1]
    found |= {escaped, json.dumps(escaped)[1:-1], repr(text)[1:-1], ascii(text)[1:-1], repr(text.encode())[2:-1]}
    # Six bytes of base64 and fewer come about by chance.
    found |= {coded for coded in _as_base64(text) if len(coded) >= 8}
    return {form for form in found if len(form) >= 3}


def found(canaries: Iterable[str], where: str) -> list[str]:
    """Those of which some form is there: case-folded too, but for base64 and the like, where case means something."""
    folded = where.casefold()
    return sorted(
        canary for canary in canaries if canary.casefold() in folded or any(form in where for form in forms(canary))
    )
