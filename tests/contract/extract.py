"""Out of the vendors' OpenAPI documents, what the tests here need: the calls that are simulated, and their models.

python -m tests.contract.extract FOLDER      FOLDER holds snelstart-openapi.yaml and mijnwebwinkel-openapi.yaml

Names, kinds, limits and choices alone: neither the calls nobody here makes nor a word of the vendors' explanations. So
the tests need nothing beside the project. To be made again when a vendor changes its document or a call comes in use.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from sandbox.books_api import ROUTES
from sandbox.shop import TEMPLATES
from tests.contract.documents import EXTRACTS

FILES: Final = {"snelstart": "snelstart-openapi.yaml", "mijnwebwinkel": "mijnwebwinkel-openapi.yaml"}

_TOLD: Final = frozenset(
    {"description", "summary", "example", "examples", "tags", "operationId", "externalDocs", "title", "deprecated"}
)
_NAMED: Final = frozenset({"properties", "schemas", "parameters", "responses", "content", "securitySchemes"})
"""Under these a key is somebody's name, not a word of OpenAPI."""

_JSON: Final = "application/json"

type Json = dict[str, Any]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # in C where libyaml is there
    """YAML whose dates stay text, as they are in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [resolver for resolver in resolvers if resolver[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def extract(document: Json, calls: dict[str, frozenset[str]]) -> Json:
    """Of a document these calls, methods by path, with whatever they refer to."""
    paths = {path: _path(document["paths"][path], methods) for path, methods in sorted(calls.items())}
    kept: Json = {
        "openapi": document["openapi"],
        "info": {"title": "", "version": ""},
        "servers": [{"url": server["url"]} for server in document["servers"]],
        "paths": paths,
        "components": {"securitySchemes": _bare(document["components"]["securitySchemes"], named=True)},
    }
    if "security" in document:
        kept["security"] = document["security"]
    wanted = list(_references(paths))
    while wanted:
        _, group, name = wanted.pop().removeprefix("#/").split("/")
        within = kept["components"].setdefault(group, {})
        if name not in within:
            within[name] = _bare(document["components"][group][name])
            wanted += _references(within[name])
    return kept


def _path(path: Json, methods: frozenset[str]) -> Json:
    """The methods of a path that are made; of their answers the successful ones."""
    kept: Json = {"parameters": _bare(path["parameters"])} if "parameters" in path else {}
    for method in sorted(methods):
        operation = _bare(path[method.lower()])
        operation["responses"] = {
            status: {"description": "", **answer}
            for status, answer in operation["responses"].items()
            if str(status).startswith("2")
        }
        kept[method.lower()] = operation
    return kept


def _bare(node: Any, *, named: bool = False) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    if _JSON in node:
        node = {_JSON: node[_JSON]}
    return {
        str(name): _bare(value, named=name in _NAMED and not named)
        for name, value in node.items()
        if named or not (name in _TOLD or str(name).startswith("x-"))
    }


def _references(node: Any) -> Iterator[str]:  # noqa: ANN401 -- JSON
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def _simulated(api: str) -> dict[str, frozenset[str]]:
    """The calls that a simulator answers, by the vendor's path."""
    if api == "snelstart":
        return {path: frozenset(methods) for path, methods in ROUTES.items()}
    paths: Iterable[str] = (template for template, _ in TEMPLATES)
    return {path.replace("/v1/", "/v{version}/"): frozenset({"GET"}) for path in paths}


def main(folder: Path) -> None:
    """Write the extracts anew."""
    for api, file in FILES.items():
        document: Json = yaml.load((folder / file).read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 -- safe
        kept = extract(document, _simulated(api))
        (EXTRACTS / f"{api}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 1 + 1 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
