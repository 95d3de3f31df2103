"""The command line before it reaches AWS: wrong use, help, and AWS not being there."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ops.conftest import Koppeling

COMMANDS = [
    *("partner", "add", "link", "list", "show", "profile", "rotate", "pause", "resume", "remove"),
    *("orders", "order", "preview", "retry", "import", "reconcile", "report", "undo", "redrive"),
    *("health", "log", "letters"),
]
ID = "0123456789abcdef"


def test_the_console_script_answers_a_wrong_command_with_one_line_and_exit_code_2() -> None:
    """The installed `koppeling` ends with the exit code scripts go by."""
    script = Path(sys.executable).with_name("koppeling")
    done = subprocess.run([script, "nonsense"], capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "No such command 'nonsense' (see `koppeling --help`).\n"


def test_help_needs_no_aws_library() -> None:
    """Neither boto3 nor pydantic is imported for `--help`, so that it answers at once."""
    code = (
        "import sys; from ops.cli import run; run(['--help']); sys.exit(bool({'boto3', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)  # noqa: S603 -- our own
    assert done.returncode == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(koppeling: Koppeling, command: str) -> None:
    """`--help` of every command shows a line to copy."""
    said = koppeling(command, "--help")
    assert said.code == 0
    assert "Example" in said.out
    assert f"  koppeling {command}" in said.out
    assert "--json" in said.out
    assert "--stack" in said.out


def test_help_lists_every_command(koppeling: Koppeling) -> None:
    """Nothing is hidden, and nothing of a later version is promised."""
    shown = koppeling("--help").out.partition("Commands:")[2].partition("Example")[0]
    assert [line.split()[0] for line in shown.splitlines() if line.strip()] == COMMANDS


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "koppeling --help"),
        (["add"], "--name"),
        (["add", "--name", " ", "--shop-token", "t", "--snelstart-key", "k"], "--name"),
        (["link", "--name", "", "--shop-token", "t"], "--name"),
        (["show"], "ID"),
        (["orders", ID, "--state", "lost"], "'refused'"),
        (["partner", "--product", "proef"], "productie"),
        (["list", "--colour"], "--colour"),
        (["add", "--name", "N", "--profile", "/no/such/file.toml"], "--profile"),
        (["retry", ID], "--refused"),
        (["retry", ID, "1001", "--refused"], "--refused"),
        (["retry", ID, "10 01"], "no order number"),
        (["order", ID, "?"], "no order number"),
        (["preview", ID, "--order", "?"], "no order number"),
        (["preview", ID, "--order", "1001", "--last", "30d"], "--last"),
        (["preview", ID, "--last", "a month"], "30d"),
        (["preview", ID, "--last", "0d"], "30d"),
        (["preview", ID, "--last", "99999d"], "30d"),
        (["profile", ID, "--set", "payment_term_days"], "--set"),
        (["profile", ID, "--set", "payment_term_days=soon"], "payment_term_days"),
        (["profile", ID, "--set", "colour=1"], "colour"),
        (["reconcile", ID], "--from"),
        (["reconcile", ID, "--from", "gisteren"], "--from"),
        (["report", ID], "--from"),
        (["report", ID, "--from", "gisteren"], "--from"),
        (["reconcile", ID, "--from", "0206-11-01"], "2000"),
        (["reconcile", ID, "--from", "2026-11-01", "--to", "9999-12-31"], "--to"),
        (["reconcile", ID, "--from", "2098-11-01", "--to", "2098-11-30"], "--from lies in the future"),
        (["report", ID, "--from", "2098-11-01"], "--from lies in the future"),
        (["import", ID, "--from", "2098-11-01"], "--from lies in the future"),
        (["import", ID, "--from", "0206-11-01"], "2000"),
        (["undo", ID, "--day", "9999-12-31"], "--day"),
        (["add", "--name", "N", "--shop-token", "t", "--snelstart-key", "k", "--history-from", "2098-01-01"], "future"),
        (["profile", ID, "--set", "payment_term_days=30", "--check"], "--check"),
    ],
)
def test_wrong_use_is_exit_code_2_and_says_what(koppeling: Koppeling, arguments: list[str], told: str) -> None:
    """What cannot be meant is refused before anything is asked of AWS."""
    said = koppeling(*arguments)
    assert said.code == 2
    assert said.out == ""
    assert told in said.err


def test_a_failure_with_json_is_a_document_too(koppeling: Koppeling) -> None:
    """Scripts always find one JSON document on standard output."""
    said = koppeling("retry", ID, "--json")
    assert said.code == 2
    assert set(said.json) == {"error"}
    assert set(said.json["error"]) == {"code", "sentence", "advice", "whose"}


def test_keys_typed_without_their_option_are_not_repeated(koppeling: Koppeling) -> None:
    """An error about superfluous words does not show the words."""
    said = koppeling("partner", "secret-key", "secret-token")
    assert said.code == 2
    assert "secret" not in said.err + said.out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], ("--shop-token", "KOPPELING_SHOP_TOKEN")),
        (["--shop-token", "t"], ("--snelstart-key", "KOPPELING_SNELSTART_KEY")),
        (["--shop-token", " ", "--snelstart-key", "k"], ("--shop-token", "KOPPELING_SHOP_TOKEN")),
    ],
)
def test_without_a_terminal_a_missing_credential_is_named(
    koppeling: Koppeling, monkeypatch: pytest.MonkeyPatch, given: list[str], told: tuple[str, str]
) -> None:
    """Nobody can be asked: the sentence names the flag and the variable."""
    monkeypatch.delenv("KOPPELING_SHOP_TOKEN", raising=False)
    monkeypatch.delenv("KOPPELING_SNELSTART_KEY", raising=False)
    said = koppeling("add", "--name", "N", *given)
    assert said.code == 2
    assert all(word in said.err for word in told)


def alone(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command in a process that has nothing of this machine's AWS settings, unless given."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KOPPELING_"))}
    nowhere = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return subprocess.run(  # noqa: S603 -- our own
        [Path(sys.executable).with_name("koppeling"), *arguments],
        env={**own, **nowhere, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({}, "aws-region"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "aws-credentials"),
        ({"AWS_PROFILE": "nobody"}, "aws-credentials"),
        ({"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "nonsense"}, "aws-endpoint-invalid"),
    ],
)
def test_aws_that_cannot_be_used_is_exit_code_3(environment: dict[str, str], code: str) -> None:
    """No region, no credentials or no address: one line that says which."""
    done = alone("list", "--json", **environment)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == code
    assert len(done.stderr.splitlines()) == 1


def test_aws_that_does_not_answer_is_exit_code_3() -> None:
    """A closed port is told as such, within seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    started = time.monotonic()
    done = alone(
        "list",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        AWS_DEFAULT_REGION="eu-central-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("AWS does not answer.")
    assert len(done.stderr.splitlines()) == 1
    assert time.monotonic() - started < 20
