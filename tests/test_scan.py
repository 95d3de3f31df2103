"""The scanners are believed only when they looked at something."""

import subprocess
from pathlib import Path

import pytest

from tools import scan

ROOT = Path(__file__).resolve().parent.parent
READ = {"summary": {"passed": 60, "parsing_errors": 0}, "results": {"failed_checks": [], "skipped_checks": []}}


def test_a_template_without_findings_is_clean() -> None:
    """Nothing failed and every suppression has its reason: nothing to say."""
    skipped = {"check_id": "CKV_1", "resource": "Api", "check_result": {"suppress_comment": "nothing to cache"}}
    assert scan.problems_of_template({**READ, "results": {"failed_checks": [], "skipped_checks": [skipped]}}) == []


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"passed": 0, "failed": 0},
        {**READ, "summary": {"passed": 0, "parsing_errors": 0}},
        {**READ, "summary": {"passed": 60, "parsing_errors": 1}},
    ],
)
def test_a_template_that_was_not_read_is_a_finding(report: scan.Json) -> None:
    """Success of checkov over a template it could not parse is not one."""
    assert scan.problems_of_template(report) == ["checkov could not read template.yaml"]


def test_a_failed_check_and_a_suppression_without_reason_are_findings() -> None:
    """Both are named by check and resource."""
    failed = {"check_id": "CKV_1", "check_name": "Be safe", "resource": "Api"}
    skipped = {"check_id": "CKV_2", "resource": "Table", "check_result": {"suppress_comment": "No comment provided"}}
    results = {"failed_checks": [failed], "skipped_checks": [skipped]}
    assert scan.problems_of_template({**READ, "results": results}) == [
        "CKV_1 Api: Be safe",
        "CKV_2 Table: skipped without a reason",
    ]


def test_a_vulnerable_package_is_a_finding_and_an_unanswered_one_is_counted() -> None:
    """What the database knows is red; what it says nothing about is no proof of anything."""
    report = {
        "dependencies": [
            {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}]},
            {"name": "b", "version": "2", "vulns": []},
            {"name": "c", "skip_reason": "not found"},
        ]
    }
    assert scan.audited(report) == (["a 1: PYSEC-1"], 2, 1)


def test_bandit_finds_what_it_should(tmp_path: Path) -> None:
    """With the project's own settings a shell that is given a variable, and a weak hash, are still found."""
    weak = "import hashlib, subprocess\n\ndef f(x):\n    subprocess.run(x, shell=True)\n    return hashlib.md5(x)\n"
    (tmp_path / "weak.py").write_text(weak)
    done = subprocess.run(  # noqa: S603 -- our own tool
        [
            str(scan.TOOLS / "bandit"),
            "--quiet",
            "--configfile",
            str(ROOT / "pyproject.toml"),
            str(tmp_path / "weak.py"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert {"B602", "B324"} <= {word.strip("[:") for word in done.stdout.replace(":", " ").split()}
