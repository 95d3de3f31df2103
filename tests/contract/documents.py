"""The vendors' OpenAPI documents, as far as we use them, and what an exchange does that they do not say.

Read stricter than they are written: a property or query parameter they do not name is a finding.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Self, cast

from jsonschema.exceptions import ValidationError
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.contract.differences import is_wall_clock
from tests.contract.exchanges import Exchange
from tests.contract.finding import Finding, Side

EXTRACTS: Final = Path(__file__).parent / "vendor"
"""Of each document what is simulated here, as `tests.contract.extract` takes it out."""

type Json = dict[str, Any]


@dataclass
class _Request:
    """An exchange's request as openapi-core reads one, and writes the parameters of its path into."""

    host_url: str
    path: str
    method: str
    parameters: RequestParameters
    body: bytes | None
    content_type: str


@dataclass(frozen=True)
class _Response:
    """An exchange's answer as openapi-core reads one."""

    status_code: int
    content_type: str
    headers: Mapping[str, Any]
    data: bytes | None


@dataclass(frozen=True)
class Document:
    """One API as its vendor wrote it down."""

    api: str
    raw: Json
    base: str
    """The path that the document's server address and the client's base address share, as `/v2`."""

    @classmethod
    def load(cls, api: Literal["snelstart", "mijnwebwinkel"]) -> Self:
        """Read what was taken out of the document."""
        raw: Json = json.loads((EXTRACTS / f"{api}.json").read_text(encoding="utf-8"))
        schemas = raw["components"]["schemas"]
        raw["components"]["schemas"] = {name: _plain(schema, raw) for name, schema in schemas.items()}
        raw["paths"] = _plain(raw["paths"], raw)
        return cls(api, raw, "/v2" if api == "snelstart" else "")

    @cached_property
    def _checker(self) -> OpenAPI:
        # The document of SnelStart breaks a rule of OpenAPI itself (a default beyond its maximum): taken as it is.
        return OpenAPI.from_dict(
            self.raw,
            config=Config(
                spec_validator_cls=None,  # type: ignore[arg-type]  # None is no check; only its annotation forgets it
                additional_properties_default_policy="forbid",
                extra_format_validators={"date-time": is_wall_clock} if self.api == "snelstart" else None,
            ),
        )

    def schema(self, name: str) -> Json:
        """A schema by the end of its name, one part of it or more."""
        schemas = self.raw["components"]["schemas"]
        [found] = [schema for full, schema in schemas.items() if full.endswith(f".{name}")]
        return dict(found)

    def names(self, name: str) -> frozenset[str]:
        """All property names in a schema and in what it refers to."""
        return frozenset(_names(self.schema(name), self.raw, set()))

    def template(self, exchange: Exchange) -> str | None:
        """The path of the document that an exchange went to; a path without parameters wins."""
        for template in sorted(self.raw["paths"], key=lambda path: path.count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), exchange.path):
                return str(template)
        return None

    def operation(self, exchange: Exchange) -> Json | None:
        """What the document says of a call, None when it does not know it."""
        template = self.template(exchange)
        found = self.raw["paths"][template].get(exchange.method.lower()) if template else None
        return None if found is None else dict(found)

    def call(self, exchange: Exchange) -> str:
        """An exchange's call by its path in the document."""
        return f"{exchange.method} {self.template(exchange) or exchange.path}"

    def of_request(self, exchange: Exchange) -> Iterator[Finding]:
        """What is wrong with a request: path, query, credentials, body."""
        operation = self.operation(exchange)
        if operation is None:
            yield self._finding(exchange, "request", "", "call", "a call of the document", "another")
            return
        yield from self._parameters(exchange, operation)
        for error in self._checker.iter_request_errors(self._request(exchange)):
            yield from self._findings(exchange, "request", error)

    def of_answer(self, exchange: Exchange) -> Iterator[Finding]:
        """What is wrong with a successful answer: status, content type, body."""
        if self.operation(exchange) is None or exchange.status is None:
            return
        answer = _Response(exchange.status, exchange.content_type, {}, exchange.answer)
        for error in self._checker.iter_response_errors(self._request(exchange), answer):
            yield from self._findings(exchange, "answer", error)

    def _parameters(self, exchange: Exchange, operation: Json) -> Iterator[Finding]:
        """Query parameters the document does not name, or that come twice."""
        listed = [_resolved(parameter, self.raw) for parameter in operation.get("parameters", [])]
        known = {parameter["name"] for parameter in listed if parameter["in"] == "query"}
        schemes = self.raw["components"]["securitySchemes"].values()
        known |= {scheme["name"] for scheme in schemes if scheme["in"] == "query"}
        names = [name for name, _ in exchange.query]
        for name in sorted(set(names)):
            if name not in known:
                yield self._finding(exchange, "request", f"?{name}", "parameter", "a named one", "another")
            if names.count(name) > 1:
                yield self._finding(exchange, "request", f"?{name}", "parameter", "once", "twice")

    def _request(self, exchange: Exchange) -> _Request:
        return _Request(
            host_url=self.raw["servers"][0]["url"].removesuffix("/").removesuffix(self.base),
            path=self.base + exchange.path,
            method=exchange.method.lower(),
            parameters=RequestParameters(
                query=ImmutableMultiDict(exchange.query), header=Headers(exchange.headers.multi_items())
            ),
            body=exchange.body or None,
            content_type=exchange.headers.get("content-type", ""),
        )

    def _findings(self, exchange: Exchange, side: Side, error: Exception) -> Iterator[Finding]:
        parameter = getattr(error, "name", "")
        at = f"?{parameter}" if parameter else ""
        cause = error if isinstance(error, InvalidSchemaValue) else error.__cause__
        if not isinstance(cause, InvalidSchemaValue):
            kind = type(cause or error).__name__
            yield self._finding(exchange, side, at, "whole", "as the document says", kind)
            return
        for schema_error in cause.schema_errors:
            assert isinstance(schema_error, ValidationError)
            for leaf in _leaves(schema_error):
                rule, wanted, found = _told(leaf)
                yield self._finding(exchange, side, at + _path(leaf), rule, wanted, found)

    def _finding(self, exchange: Exchange, side: Side, at: str, rule: str, wanted: str, found: str) -> Finding:
        return Finding(self.api, side, self.call(exchange), at, rule, wanted, found, exchange.setting)


def _resolved(node: Json, document: Json) -> Json:
    while "$ref" in node:
        found: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def _plain(node: Any, document: Json) -> Any:  # noqa: ANN401 -- JSON
    """Schemas as they are meant: `allOf` as one schema, and what has properties is an object.

    Without the first no property could be called unknown; without the second a list is a TaxPrice too, and the shop's
    "one of a list of TaxPrice or a TaxPrice" refuses every list.
    """
    if isinstance(node, list):
        return [_plain(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    merged = dict(node)
    for part in merged.pop("allOf", []):
        whole = _plain(_resolved(part, document), document)
        properties = {**merged.get("properties", {}), **whole.get("properties", {})}
        required = [*merged.get("required", []), *whole.get("required", [])]
        merged = {**whole, **merged, "properties": properties} | ({"required": required} if required else {})
    plain = {name: _plain(value, document) for name, value in merged.items() if name not in {"properties", "example"}}
    if "properties" in merged:
        plain["properties"] = {name: _plain(value, document) for name, value in merged["properties"].items()}
        plain.setdefault("type", "object")
    return plain


def _names(node: Any, document: Json, seen: set[str]) -> Iterator[str]:  # noqa: ANN401 -- JSON
    if isinstance(node, list):
        for item in node:
            yield from _names(item, document, seen)
    if not isinstance(node, dict):
        return
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference not in seen:
            seen.add(reference)
            yield from _names(_resolved(node, document), document, seen)
        return
    properties = node.get("properties", {})
    yield from properties
    for value in (*properties.values(), node.get("items"), node.get("oneOf")):
        yield from _names(value, document, seen)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The errors themselves: of a choice, those within the one alternative whose kind of value was given."""
    branches: dict[object, list[ValidationError]] = {}
    for nested in error.context or ():
        branches.setdefault(nested.schema_path[0], []).append(nested)
    meant = [
        nested
        for nested in branches.values()
        if not any(each.validator == "type" and not each.relative_path for each in nested)
    ]
    if len(meant) != 1:
        yield error
        return
    for each in meant[0]:
        yield from _leaves(each)


def _path(error: ValidationError) -> str:
    steps = ("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    return "".join(steps).removeprefix(".")


def _told(error: ValidationError) -> tuple[str, str, str]:
    """The rule, what it wants and what was there instead; never the value."""
    rule = str(error.validator)
    wanted: object = error.validator_value
    if rule == "properties" or (rule == "type" and isinstance(error.instance, dict) and wanted == "object"):
        # openapi-core's own rule, reported under the keyword it hangs on.
        return "unknown property", ", ".join(re.findall(r"'(\w+)'", error.message)), "there"
    if rule == "required":
        missing_names = set(cast("list[str]", wanted)) - set(cast("Json", error.instance))
        return rule, ", ".join(sorted(missing_names)), "nothing"
    if not isinstance(wanted, str | int):
        wanted = "one of its kind"
    return rule, str(wanted), _kind(error.instance)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "empty list" if not value else "list"
        case _:
            return "object"
