"""Local AWS: the real template, built and deployed by SAM, on an emulator that runs on this machine alone.

`running` starts MiniStack on a free loopback port and ends it, with every function it started, however the block ends.
`LocalAws.deploy` does what an operator does: `sam build` (skipped while nothing changed) and `sam deploy`.

What the emulator cannot show stands in tests/test_template_queues.py (visibility against timeout, retry policies) and
tests/test_alarms.py.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import boto3
import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sqs import SQSClient

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".sandbox"
REGION = "eu-central-1"
STACK = "koppeling"

_TOOLS = ROOT / ".tools"
_BUCKET = "koppeling-local"  # the one samconfig.toml names for config-env local
_SOURCES = ("template.yaml", "samconfig.toml", "functions", "shared")
_KEPT_BUILDS = 3
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
# The only part of the layer that is machine code. Elsewhere than on Linux the emulator's own copy, pinned to the same
# version in requirements/ministack.in, answers in its place.
_LINUX_ONLY = "pydantic_core"

type Say = Callable[[str], object]


class LocalAwsError(Exception):
    """The emulator or SAM did not do what was asked; the text ends with what it said last."""


def architecture() -> str:
    """The template's `Architecture` for this machine: `arm64` or `x86_64`."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def local_api_url(api_url: str, endpoint: str) -> str:
    """The address under which the emulator at `endpoint` serves what AWS would serve at `api_url`.

    `https://{api}.execute-api.{region}.amazonaws.com/{stage}` becomes `{endpoint}/_aws/execute-api/{api}/{stage}`.
    """
    parts = urlsplit(api_url)
    api = (parts.hostname or "").partition(".")[0]
    return f"{endpoint}/_aws/execute-api/{api}{parts.path}"


@dataclass(frozen=True)
class Deployment:
    """One deployed stack: its outputs and the ways to talk to it."""

    stack: str
    endpoint: str
    outputs: Mapping[str, str]
    environment: Mapping[str, str] = field(repr=False)

    @property
    def api_url(self) -> str:
        """Base URL of the API, as reached from this machine."""
        return local_api_url(self.outputs["ApiUrl"], self.endpoint)

    def webhook_url(self, connection_id: str) -> str:
        """Where the shop of this connection sends its webhooks."""
        return f"{self.api_url}/webhooks/mijnwebwinkel/{connection_id}"

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """A client of the local DynamoDB."""
        return _session().client("dynamodb", endpoint_url=self.endpoint)

    @cached_property
    def sqs(self) -> "SQSClient":
        """A client of the local SQS."""
        return _session().client("sqs", endpoint_url=self.endpoint)

    @cached_property
    def functions(self) -> "LambdaClient":
        """A client of the local Lambda."""
        return _session().client("lambda", endpoint_url=self.endpoint)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """A client of the local CloudWatch Logs."""
        return _session().client("logs", endpoint_url=self.endpoint)

    def poll(self) -> None:
        """One tick of the scheduler, right now; returns once the poll messages are sent."""
        answer = self.functions.invoke(
            FunctionName=self.outputs["PollerFunctionName"], Payload=json.dumps({"source": "schedule"}).encode()
        )
        if "FunctionError" in answer:
            raise LocalAwsError(f"the poller failed: {answer['Payload'].read().decode()}")

    def log_lines(self) -> list[str]:
        """Everything the functions printed or logged so far, oldest first within each function.

        A line written after the handler returned, by a thread, comes with the function's next invocation. What a
        function says while it fails to start is in the emulator's own log only: `LocalAws.log_file`.
        """
        groups = self.logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=self.outputs["LogGroupPrefix"]
        )
        events = self.logs.get_paginator("filter_log_events")
        return [
            event["message"]
            for page in groups
            for group in page["logGroups"]
            for found in events.paginate(logGroupName=group["logGroupName"])
            for event in found["events"]
        ]


@dataclass(frozen=True)
class LocalAws:
    """A running emulator: `endpoint` is its address, `log_file` all it and the functions' processes said."""

    endpoint: str
    log_file: Path
    enforces_roles: bool
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What boto3, the AWS command line and `koppeling` need in their environment to talk to this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            # the credentials and profiles of whoever runs this stay out of it
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def deploy(self, parameters: Mapping[str, str], *, stack: str = STACK, say: Say = print) -> Deployment:
        """Build and deploy the project's template with these parameters; `Architecture` is the machine's.

        A second call with other parameters updates the stack. Takes about 5 s once built.
        """
        template = build(say=say) / "template.yaml"
        if self.enforces_roles:
            template = _with_what_the_emulator_asks(template)
        say("Deploying the template ...")
        s3 = _session().client("s3", endpoint_url=self.endpoint)
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        # The emulator evaluates no web ACL and knows no AWS::WAFv2::WebACLAssociation: tests/test_security.py reads it.
        overrides = {"Architecture": architecture(), "Waf": "false", **parameters}
        command = [_tool("sam"), "deploy", "--config-env", "local", "--template-file", str(template)]
        command += ["--config-file", str(ROOT / "samconfig.toml"), "--stack-name", stack, "--no-progressbar"]
        command += ["--parameter-overrides", *(f"{name}='{value}'" for name, value in overrides.items())]
        # SAM asks every half second how far the stack is; here it takes less than that
        _run(command, _without_proxies() | self.environment | {"SAM_CLI_POLL_DELAY": "0.1"})
        cloudformation = _session().client("cloudformation", endpoint_url=self.endpoint)
        outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        return Deployment(
            stack=stack,
            endpoint=self.endpoint,
            outputs={output["OutputKey"]: output["OutputValue"] for output in outputs},
            environment=self.environment,
        )


def lambda_runtime(directory: Path) -> None:
    """Make a directory with the packages that Lambda's python3.13 runtime brings, and no others of this environment."""
    directory.mkdir(exist_ok=True)
    site_packages = Path(boto3.__file__).parent.parent
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3"):
        (directory / name).symlink_to(site_packages / name)


@contextmanager
def running(*, enforce_roles: bool = False) -> Iterator[LocalAws]:
    """An emulator for the length of the block; it and the functions' processes are gone afterwards.

    Args:
        enforce_roles: refuse the functions what their roles do not allow. The emulator knows no condition on the use of
            a key, so those are left out: tests/test_template_roles.py sees to them.

    Raises:
        LocalAwsError: it did not start.
    """
    WORK.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=WORK))
    (directory / "tmp").mkdir()
    log_file = directory / "ministack.log"
    with _terminated_as_exit():
        process, endpoint = _start(directory, log_file, enforce_roles=enforce_roles)
        try:
            _wait_until_ready(process, endpoint, log_file)
            yield LocalAws(endpoint, log_file, enforce_roles, process)
        finally:
            _end(process)
            shutil.copyfile(log_file, WORK / "last-ministack.log")  # for whoever asks why
            shutil.rmtree(directory, ignore_errors=True)


def build(*, say: Say = print) -> Path:
    """The directory of a `sam build` of the sources as they are now: about 15 s the first time, 3 s after a change.

    Several processes may ask at once: one builds, the others wait and take what it built.
    """
    builds = WORK / "build"
    builds.mkdir(parents=True, exist_ok=True)
    target = builds / _fingerprint()
    with (builds / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            target.touch()
            return target
        say("Building the functions and their layer ...")
        fresh = builds / "unfinished"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [_tool("sam"), "build", "--config-env", "local", "--config-file", str(ROOT / "samconfig.toml")]
        command += ["--template-file", str(ROOT / "template.yaml"), "--cache-dir", str(WORK / "build-cache")]
        command += ["--build-dir", str(fresh), "--parameter-overrides", f"Architecture={architecture()}"]
        _run(command, os.environ | {"AWS_DEFAULT_REGION": REGION})
        if sys.platform != "linux":
            shutil.rmtree(fresh / "Layer" / "python" / _LINUX_ONLY)
        fresh.rename(target)
        for old in sorted(builds.glob("*-*"), key=lambda path: path.stat().st_mtime)[:-_KEPT_BUILDS]:
            shutil.rmtree(old)
        return target


def _with_what_the_emulator_asks(template: Path) -> Path:
    """A copy beside the built template for MiniStack, whose idea of IAM differs in two things.

    It never finds the conditions on the use of the key met, and asks for a right to send a batch, where for AWS
    `sqs:SendMessage` is that.
    """
    document = yaml.safe_load(template.read_text(encoding="utf-8"))
    for resource in document["Resources"].values():
        for policy in resource["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                if {"kms:Decrypt", "kms:Encrypt"}.intersection(_listed(statement["Action"])):
                    statement.pop("Condition", None)
                if "sqs:SendMessage" in _listed(statement["Action"]):
                    statement["Action"] = [*_listed(statement["Action"]), "sqs:SendMessageBatch"]
    copy = template.with_name("template-enforced.yaml")
    copy.write_text(yaml.safe_dump(document), encoding="utf-8")
    return copy


def _listed(actions: str | list[str]) -> list[str]:
    return actions if isinstance(actions, list) else [actions]


def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106 - the emulator's


def _tool(name: str) -> str:
    path = _TOOLS / name / "bin" / name
    if not path.exists():
        raise LocalAwsError(f"{path.relative_to(ROOT)} is missing: run `make setup`")
    return str(path)


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), environment["PATH"]])  # sam build looks for python3.13 there
    own = {"PATH": path, "SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(WORK / "sam-cli")}
    done = subprocess.run(  # noqa: S603 - our own tools and paths
        command,
        cwd=ROOT,
        env={**environment, **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LocalAwsError(f"`sam {command[1]}` failed:\n{done.stdout[-4000:]}")


def _without_proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def _fingerprint() -> str:
    digest = hashlib.sha256((ROOT / "requirements" / "sam.txt").read_bytes())
    for source in _SOURCES:
        path = ROOT / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes() + b"\0")
    return f"{architecture()}-{digest.hexdigest()[:16]}"


def _start(directory: Path, log_file: Path, *, enforce_roles: bool) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own tool
            [_tool("ministack")],
            cwd=directory,
            # The functions inherit this environment and see the emulator's packages behind the layer's: nothing of
            # the caller's, no proxy, no PYTHONPATH, may reach them
            env={
                "PATH": os.defpath,
                "HOME": str(directory),
                "TMPDIR": str(directory / "tmp"),
                "LANG": "C.UTF-8",
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "IOT_MTLS_ENABLED": "0",
                "MINISTACK_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AUTH": "true" if enforce_roles else "false",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # a group of its own: Ctrl-C reaches us alone, and we end all of it
            start_new_session=True,
        )
    return process, f"http://127.0.0.1:{port}"


def _wait_until_ready(process: subprocess.Popen[bytes], endpoint: str, log_file: Path) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), opener.open(f"{endpoint}/_ministack/ready", timeout=2):
            return
        time.sleep(0.05)
    raise LocalAwsError(f"the local AWS did not start:\n{log_file.read_text(errors='replace')[-4000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The emulator and every function's process: politely, then not."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


@contextmanager
def _terminated_as_exit() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, by an exception, so that its `finally` runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
