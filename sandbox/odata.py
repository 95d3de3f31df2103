"""The part of OData v3 filters SnelStart documents, read strictly: what is not understood is refused, never ignored.

Grammar: `or` over `and` over comparisons `Name op literal`, parentheses, and `Name/any(x:x eq 'literal')`.
Names are UpperCamelCase; literals are 'text' (quotes doubled), datetime'…', guid'…', numbers, true and false.
"""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sandbox.books_wire import Row, moment

type Kind = Literal["text", "number", "moment", "guid", "bool", "list"]
type Value = str | Decimal | datetime | bool
type Predicate = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<moment>datetime'(?P<moment_of>[^']*)')
    | (?P<guid>guid'(?P<guid_of>[^']*)')
    | '(?P<text>(?:[^']|'')*)'
    | (?P<number>-?\d+(?:\.\d+)?)[mMdD]?(?![\w.])
    | (?P<word>[A-Za-z_]\w*(?:/any)?)
    | (?P<mark>[():])
    )""",
    re.VERBOSE,
)
_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_DEEPEST = 20


class FilterError(Exception):
    """The filter is not one the API understands; the text says what was wrong with it."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The properties one collection may be filtered on, by UpperCamelCase name, and which compare without case."""

    kinds: dict[str, Kind]
    caseless: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter: the predicate, and the equalities every match must have (for an index to start from)."""

    matches: Predicate
    equalities: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(source: str) -> Iterator[_Token]:
    position = 0
    while source[position:].strip():
        found = _TOKEN.match(source, position)
        if found is None:
            raise FilterError(f"syntax error at position {position}")
        position = found.end()
        match found.lastgroup:
            case "moment_of" | "moment":
                yield _Token("moment", found["moment_of"])
            case "guid_of" | "guid":
                yield _Token("guid", found["guid_of"])
            case "text":
                yield _Token("text", found["text"].replace("''", "'"))
            case kind:
                yield _Token(str(kind), found[str(kind)])


def _literal(token: _Token) -> tuple[Kind, Value]:
    try:
        match token:
            case _Token("text", text):
                return "text", text
            case _Token("number", text):
                return "number", Decimal(text)
            case _Token("moment", text):
                return "moment", moment(text)
            case _Token("guid", text):
                return "guid", str(UUID(text))
            case _Token("word", "true" | "false" as text):
                return "bool", text == "true"
            case _:
                raise FilterError(f"a literal was expected, not {token.text!r}")
    except ValueError:
        raise FilterError(f"no valid {token.kind} literal") from None


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_EQUALITY = frozenset({"eq", "ne"})


class _Parser:
    def __init__(self, source: str, schema: Schema) -> None:
        self._tokens = list(_tokens(source))
        self._at = 0
        self._depth = 0
        self._schema = schema

    def whole(self) -> Filter:
        parsed = self._any_of()
        if self._at < len(self._tokens):
            raise FilterError(f"unexpected {self._tokens[self._at].text!r}")
        return parsed

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise FilterError("the filter ends too early")
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _accept(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == _Token(kind, text):
            self._at += 1
            return True
        return False

    def _expect(self, kind: str, text: str) -> None:
        token = self._next()
        if token != _Token(kind, text):
            raise FilterError(f"{text!r} was expected, not {token.text!r}")

    def _any_of(self) -> Filter:
        parts = [self._all_of()]
        while self._accept("word", "or"):
            parts.append(self._all_of())
        if len(parts) == 1:
            return parts[0]
        return Filter(lambda row: any(part.matches(row) for part in parts), ())

    def _all_of(self) -> Filter:
        parts = [self._one()]
        while self._accept("word", "and"):
            parts.append(self._one())
        if len(parts) == 1:
            return parts[0]
        equalities = tuple(pair for part in parts for pair in part.equalities)
        return Filter(lambda row: all(part.matches(row) for part in parts), equalities)

    def _one(self) -> Filter:
        if self._accept("mark", "("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise FilterError("too deeply nested")
            inner = self._any_of()
            self._expect("mark", ")")
            self._depth -= 1
            return inner
        token = self._next()
        if token.kind != "word":
            raise FilterError(f"a property was expected, not {token.text!r}")
        if token.text.endswith("/any"):
            return self._any_member(token.text.removesuffix("/any"))
        return self._comparison(token.text)

    def _kind(self, name: str) -> Kind:
        kind = self._schema.kinds.get(name) if _NAME.fullmatch(name) else None
        if kind is None:
            raise FilterError(f"could not find a property named {name!r}")
        return kind

    def _operator(self) -> str:
        name = self._next().text
        if name not in _OPERATORS:
            raise FilterError(f"unknown operator {name!r}")
        return name

    def _comparison(self, name: str) -> Filter:
        kind = self._kind(name)
        name_of_operator = self._operator()
        literal_kind, wanted = _literal(self._next())
        if kind != literal_kind or (kind in {"bool", "guid"} and name_of_operator not in _EQUALITY):
            raise FilterError(f"{name} cannot be compared this way with a {literal_kind}")
        key = name[0].lower() + name[1:]
        fold = name in self._schema.caseless
        if fold:
            wanted = str(wanted).casefold()
        compare = _OPERATORS[name_of_operator]

        def matches(row: Row) -> bool:
            value = row.get(key)
            if value is None:
                return name_of_operator == "ne"
            if fold:
                value = str(value).casefold()
            return compare(Decimal(value) if kind == "number" else value, wanted)

        return Filter(matches, ((name, wanted),) if name_of_operator == "eq" else ())

    def _any_member(self, name: str) -> Filter:
        if self._kind(name) != "list":
            raise FilterError(f"{name} is no collection")
        self._expect("mark", "(")
        variable = self._next()
        self._expect("mark", ":")
        self._expect("word", variable.text)
        name_of_operator = self._operator()
        literal_kind, wanted = _literal(self._next())
        self._expect("mark", ")")
        if name_of_operator not in _EQUALITY or literal_kind != "text":
            raise FilterError(f"members of {name} are text")
        compare = _OPERATORS[name_of_operator]
        key = name[0].lower() + name[1:]
        return Filter(lambda row: any(compare(member, wanted) for member in row.get(key) or ()), ())


def parse(source: str, schema: Schema) -> Filter:
    """Read a `$filter`. Raises FilterError for anything outside the grammar or an unknown property."""
    if not source.strip():
        raise FilterError("the filter is empty")
    return _Parser(source, schema).whole()
