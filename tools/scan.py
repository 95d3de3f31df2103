"""The scanners of `make scan`: bandit over the code, checkov over the template, pip-audit over what is pinned.

Two of them say nothing, and call it success, just when they looked at nothing: checkov at a template it cannot parse,
pip-audit at packages its database does not answer for. So their reports are read here, not their exit codes alone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "scan" / "bin"
CODE = ("shared", "functions", "ops", "sandbox", "tools")
PINNED = ("shared/requirements.txt", "requirements/dev.txt")
"""What runs on AWS and what operators run; SAM, the emulator and the scanners only ever see our own files."""

_NO_DATABASE = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError", "Max retries exceeded")

_NO_REASON = "No comment provided"

type Json = Mapping[str, Any]


def problems_of_template(report: Json) -> list[str]:
    """What checkov's report says is wrong, one line each; a template that was not read is wrong too."""
    summary, results = report.get("summary", {}), report.get("results", {})
    if summary.get("parsing_errors", 1) or not summary.get("passed"):
        return ["checkov could not read template.yaml"]
    failed = [f"{found['check_id']} {found['resource']}: {found['check_name']}" for found in results["failed_checks"]]
    return failed + [
        f"{skipped['check_id']} {skipped['resource']}: skipped without a reason"
        for skipped in results["skipped_checks"]
        if skipped["check_result"].get("suppress_comment", _NO_REASON) == _NO_REASON
    ]


def audited(report: Json) -> tuple[list[str], int, int]:
    """From pip-audit's report: the vulnerable packages, how many were checked, and how many it found no answer for."""
    vulnerable, checked, unanswered = list[str](), 0, 0
    for package in report["dependencies"]:
        if "skip_reason" in package:
            unanswered += 1
            continue
        checked += 1
        vulnerable += [f"{package['name']} {package['version']}: {found['id']}" for found in package["vulns"]]
    return vulnerable, checked, unanswered


def scan() -> Iterator[str]:
    """Run all three; every line that comes out is a finding. What could not be checked is printed, and is none."""
    yield from _bandit()
    yield from _checkov()
    for pinned in PINNED:
        yield from _pip_audit(pinned)


def _bandit() -> Iterator[str]:
    done = _run("bandit", "--quiet", "--recursive", "--configfile", "pyproject.toml", *CODE)
    if done.returncode:
        yield f"bandit:\n{done.stdout}{done.stderr}"


def _checkov() -> Iterator[str]:
    done = _run(
        *("checkov", "--skip-download", "--framework", "cloudformation", "--file", "template.yaml"),
        *("--compact", "--output", "json"),
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        yield f"checkov said nothing readable:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return
    yield from problems_of_template(report)


def _pip_audit(pinned: str) -> Iterator[str]:
    done = _run(
        *("pip-audit", "--requirement", pinned, "--require-hashes", "--disable-pip"),
        *("--progress-spinner", "off", "--timeout", "10", "--format", "json"),
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        if any(sign in done.stderr for sign in _NO_DATABASE):
            print(f"pip-audit {pinned}: offline: not checked")
        else:
            yield f"pip-audit {pinned}:\n{done.stderr[-2000:]}"
        return
    vulnerable, checked, unanswered = audited(report)
    yield from (f"pip-audit {pinned}: {found}" for found in vulnerable)
    if not checked:
        print(f"pip-audit {pinned}: offline: not checked ({unanswered} packages without an answer)")
    elif unanswered:
        print(f"pip-audit {pinned}: {checked} checked, {unanswered} without an answer of its database")


def _run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own tools and paths
        [str(TOOLS / tool), *arguments], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )


def main() -> int:
    """0 when nothing was found."""
    found = list(scan())
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
