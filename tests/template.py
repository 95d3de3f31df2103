"""template.yaml as the tests of it read it: its resources, and what one of them points at."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent

# A template is read as it stands: nested mappings and lists of whatever CloudFormation takes there.
type Node = Any
type Resources = Mapping[str, Node]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as their long ones: `!Ref x` is `{"Ref": "x"}`."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> Node:
    value: Node
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
        case _:
            raise TypeError(f"not a YAML node: {node!r}")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)

TEMPLATE: Node = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
RESOURCES: Resources = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, Node]:
    """The properties of all resources of this kind, by logical id."""
    return {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
QUEUES = of_type("AWS::SQS::Queue")
ROLES = of_type("AWS::IAM::Role")
GLOBALS: Node = TEMPLATE["Globals"]["Function"]

each_function = pytest.mark.parametrize("name", FUNCTIONS)


def events(kind: str) -> Iterator[tuple[str, Node]]:
    """The function and properties of every event of this kind."""
    for name, function in FUNCTIONS.items():
        for event in function["Events"].values():
            if event["Type"] == kind:
                yield name, event["Properties"]


def target(reference: Node) -> str:
    """The logical id that a `Ref` or `GetAtt` points at."""
    if "Ref" in reference:
        return str(reference["Ref"])
    return str(reference["Fn::GetAtt"][0])


def as_list(value: Node) -> list[Node]:
    """Where one may stand for a list of one."""
    return value if isinstance(value, list) else [value]


def statements(role: str) -> list[Node]:
    """What a role allows and denies."""
    return [statement for policy in ROLES[role]["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def everywhere(node: Node, wanted: Callable[[Node], bool]) -> Iterator[Node]:
    """All that is so wanted, at whatever depth."""
    if wanted(node):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from everywhere(child, wanted)


SQS_EVENTS = list(events("SQS"))
each_sqs_event = pytest.mark.parametrize(("name", "event"), SQS_EVENTS, ids=[name for name, _ in SQS_EVENTS])
