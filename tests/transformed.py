"""template.yaml as CloudFormation gets it: after the serverless transform, made by SAM's own translator."""

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# The translator takes code from a bucket only; which one says nothing about rights.
_TRANSLATE = """
import json, sys
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
template = yaml_parse(open(sys.argv[1], encoding="utf-8").read())
for resource in template["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if name in resource.get("Properties", {}):
            resource["Properties"][name] = "s3://bucket/key"
print(json.dumps(Translator({}, Parser()).translate(template, {})))
"""

type Resources = Mapping[str, Any]


@cache
def resources() -> Resources:
    """The resources of the transformed template, by logical id."""
    done = subprocess.run(  # noqa: S603 -- our own tool and file
        [str(ROOT / ".tools" / "sam" / "bin" / "python"), "-c", _TRANSLATE, str(ROOT / "template.yaml")],
        env={"AWS_DEFAULT_REGION": "eu-central-1", "SAM_CLI_TELEMETRY": "0", "HOME": str(ROOT / ".sandbox")},
        capture_output=True,
        text=True,
        check=True,
    )
    found: Resources = json.loads(done.stdout)["Resources"]
    return found


def of_type(kind: str) -> dict[str, Any]:
    """The properties of the resources of one type, by logical id."""
    return {name: found["Properties"] for name, found in resources().items() if found["Type"] == kind}
