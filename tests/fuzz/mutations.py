"""Other answers than SnelStart gave, each drawn by a seed from the one it did give."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from tests.fuzz.proxy import Reply
from tests.fuzz.values import NASTY_NUMBERS, NASTY_TEXT, written

STRANGER = "00000000-0000-4000-8000-0000000000ff"
"""An id that nothing has."""

_HEADERS = {"Content-Type": "application/json"}
_STATUSES = (201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 408, 409, 418, 422, 500, 502, 503, 504, 599)
_RETRY_AFTER = (
    *("0", "1", "soon", "-5", "9" * 400),
    *("Fri, 31 Dec 9999 23:59:59 GMT", f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}"),
)
_REFUSALS: tuple[Any, ...] = (
    *([], {}, "", "kapot", None, [None], [[]], {"message": None}, {"Message": {"a": 1}}, [{"errorCode": ["x"]}]),
    *([{"errorCode": "\ud800", "message": "\ud800"}], [{"errorCode": "X" * 500_000, "message": "y" * 500_000}]),
    *([{"errorCode": code, "message": "{field} %s"}] for code in ("BOE-0021", "BOE-0054", "BOE-0042", "BOE-9999")),
    *([{"errorCode": "REL-0011"}], {"message": "Access denied due to invalid subscription key."}),
)
_NO_JSON = (
    *(b"", b"<html>", b"\xff\xfe\x00", b"\x1f\x8b", b'{"id": NaN}', b"[" * 50_000, b"9" * 5_000),
    *(b"1e99999999999999999999", b'["\\ud800"]'),
)


def as_json(document: Any, status: int = 200) -> Reply:  # noqa: ANN401 -- any JSON
    """An answer with this content."""
    return Reply(status, written(document).encode(), _HEADERS)


def mutated(kind: str, seed: int, was: Reply) -> Reply:
    """Another answer than the one that was given; the same seed and answer make the same one."""
    return _MUTATIONS[kind](Random(seed), was)  # noqa: S311 -- to be repeated, not to be secret


def _refused(chance: Random, _: Reply) -> Reply:
    return as_json(chance.choice(_REFUSALS), chance.choice((400, 401, 403, 404, 409, 422)))


def _redirect(chance: Random, _: Reply) -> Reply:
    return Reply(chance.choice((301, 302, 307)), b"", {"Location": chance.choice(("/", "http://127.0.0.1:9/"))})


def _packed(chance: Random, was: Reply) -> Reply:
    return replace(was, headers={**was.headers, "Content-Encoding": chance.choice(("gzip", "br", "zstd", "x"))})


def _another_type(chance: Random, was: Reply) -> Reply:
    document = _content(was)
    others: tuple[Any, ...] = (None, True, 1, "", [], {}, [[]], [document], {"value": document}, [document] * 2)
    return as_json(chance.choice(others), was.status)


def _repeated(chance: Random, was: Reply) -> Reply:
    document = _content(was)
    rows = document if isinstance(document, list) else [document]
    return as_json(chance.choice((rows * 2, ((rows or [{"id": STRANGER}]) * 500)[:500], [])), was.status)


def _elsewhere(chance: Random, was: Reply) -> Reply:
    """One thing in the document is something else, or gone."""
    whole = {"": _content(was)}
    holder: Any = whole
    name: Any = ""
    while isinstance(holder[name], dict | list) and holder[name] and chance.random() < 0.85:
        holder = holder[name]
        name = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    others = (*NASTY_TEXT, *NASTY_NUMBERS, None, True, [], {}, [[]], STRANGER, {"id": STRANGER}, [holder[name]])
    if chance.random() < 0.2 and holder is not whole:
        del holder[name]
    else:
        holder[name] = chance.choice(others)
    return as_json(whole[""], was.status)


def _content(was: Reply) -> Any:  # noqa: ANN401 -- any JSON
    try:
        return json.loads(was.body)
    except ValueError:
        return None


_MUTATIONS: dict[str, Callable[[Random, Reply], Reply]] = {
    "status": lambda chance, was: replace(was, status=chance.choice(_STATUSES)),
    "refused": _refused,
    "throttled": lambda chance, was: replace(was, status=429, headers={"Retry-After": chance.choice(_RETRY_AFTER)}),
    "redirect": _redirect,
    "truncated": lambda chance, was: replace(was, body=was.body[: chance.randrange(len(was.body) + 1)]),
    "cut": lambda _, was: replace(was, body=was.body[: len(was.body) // 2], length=len(was.body) + 10),
    "slow": lambda _, was: replace(was, wait=0.4),
    "no JSON": lambda chance, was: replace(was, body=chance.choice(_NO_JSON)),
    "packed": _packed,
    "repeated": _repeated,
    "another type": _another_type,
    **dict.fromkeys(("elsewhere", "elsewhere again", "and again"), _elsewhere),
}

KINDS = tuple(_MUTATIONS)
