"""The command line when it is cut off: its answer cannot be written, or somebody types Ctrl-C."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("koppeling")
# However a terminal's or a cron job's Python writes: at once, or at its end.
WRITING = pytest.mark.parametrize("unbuffered", ["", "1"])
ANSWERS = pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (("--help",), "The answer could not be written to its end ({}).", 3),
        # What went wrong before says more than that its document was not written.
        (("nonsense", "--json"), "No such command 'nonsense'", 2),
    ],
)


@ANSWERS
@WRITING
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_answer_that_finds_no_room_is_one_line_and_an_exit_code(
    arguments: tuple[str, ...], told: str, code: int, unbuffered: str
) -> None:
    """A disk may be full: 3, and no traceback."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(  # noqa: S603 -- our own
            [SCRIPT, *arguments],
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert len(done.stderr.splitlines()) == 1
    assert told.format(os.strerror(errno.ENOSPC)) in done.stderr
    assert done.returncode == code


@ANSWERS
@WRITING
def test_an_answer_that_nobody_reads_to_its_end_is_one_line_and_an_exit_code(
    arguments: tuple[str, ...], told: str, code: int, unbuffered: str
) -> None:
    """As with `| head -1`: 3, and not the 1 of an order that needs somebody."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(  # noqa: S603 -- our own
        [SCRIPT, *arguments],
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert len(done.stderr.splitlines()) == 1
    assert told.format(os.strerror(errno.EPIPE)) in done.stderr
    assert done.returncode == code


def test_a_command_that_is_interrupted_says_that_the_deployment_is_not() -> None:
    """Ctrl-C ends the command with 130, one line and with --json a document; an import, say, goes on."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "NO_PROXY": "127.0.0.1",
        }
        # Where these tests were started in the background the signal is ignored, and a new process inherits that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        asking = subprocess.Popen(  # noqa: S603 -- our own
            [SCRIPT, "list", "--json"],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        signal.signal(signal.SIGINT, before)
        silent.settimeout(30)
        connected, _ = silent.accept()
        with connected:
            asking.send_signal(signal.SIGINT)
            out, err = asking.communicate(timeout=30)
    assert asking.returncode == 130
    assert json.loads(out)["error"]["code"] == "stopped"
    assert len(err.splitlines()) == 1
    assert "goes on" in err
