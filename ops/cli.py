"""`koppeling`: the operator's commands. Each finds the deployment, calls one use case and shows what came of it.

What needs boto3 or pydantic is imported inside the commands: `koppeling --help` answers at once.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from ops import (
    connecting,
    following,
    importing,
    linking,
    logs,
    output,
    reconciling,
    reporting,
    stack,
    tending,
    troubles,
    undoing,
    watching,
)
from ops.options import Json
from ops.output import Exit, wrong_use

app = typer.Typer(
    name="koppeling",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="""\b
Example:
  koppeling add --name "De Theepot" --stack koppeling

\b
Exit codes:
  0  done
  1  done, but not all is well (a refused order)
  2  wrong use
  3  could not (credentials, network, no such stack, connection or order; or the answer could not be written)""",
)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    # The functions' log lines go to standard output, which belongs to what a command answers.
    os.environ["POWERTOOLS_LOG_LEVEL"] = "CRITICAL"
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """One command; its exit code. Whatever goes wrong is one line on standard error, with `--json` a document too."""
    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="koppeling", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit:
        # How typer ends when nobody reads the answer any more.
        stop = troubles.unwritten(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
    except Exception as error:  # noqa: BLE001 -- the outermost door: `explain` names every error, none is swallowed
        stop = troubles.explain(error)
    else:
        if code != Exit.INTERRUPTED:
            return code or Exit.DONE
        stop = troubles.interrupted()
    output.failed(stop.reason, json_too="--json" in arguments)
    return stop.exit_code


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    stack_name: Annotated[
        str,
        typer.Option("--stack", envvar="KOPPELING_STACK", metavar="NAME", help="The CloudFormation stack."),
    ] = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Every paid order of a Mijnwebwinkel shop as a paid invoice in SnelStart: the operator's commands.

    AWS is found as usual: AWS_PROFILE, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL. --stack and --json may stand before or
    after the command.
    """
    if context.invoked_subcommand is None:
        raise wrong_use("wrong-use", "Which command?", "`koppeling --help` lists them.")
    context.default_map = {context.invoked_subcommand: {"stack_name": stack_name, "json": json}}


def _takes(name: str, command: Callable[..., object], *examples: str) -> None:
    """A command of this name; how to use it stands below its help."""
    shown = ("\b", "Example:" if len(examples) == 1 else "Examples:", *(f"  {line}" for line in examples))
    app.command(name, epilog="\n".join(shown))(command)


# in the order in which `koppeling --help` lists them
_takes("partner", connecting.partner, *connecting.PARTNER_EXAMPLES)
_takes("add", connecting.add, *connecting.ADD_EXAMPLES)
_takes("link", linking.link, *linking.EXAMPLES)
_takes("list", tending.list_, *tending.LIST_EXAMPLES)
_takes("show", tending.show, *tending.SHOW_EXAMPLES)
_takes("profile", tending.profile, *tending.PROFILE_EXAMPLES)
_takes("rotate", connecting.rotate, *connecting.ROTATE_EXAMPLES)
_takes("pause", tending.pause, *tending.PAUSE_EXAMPLES)
_takes("resume", tending.resume, *tending.RESUME_EXAMPLES)
_takes("remove", tending.remove, *tending.REMOVE_EXAMPLES)
_takes("orders", following.orders, *following.ORDERS_EXAMPLES)
_takes("order", following.order, *following.ORDER_EXAMPLES)
_takes("preview", following.preview, *following.PREVIEW_EXAMPLES)
_takes("retry", following.retry, *following.RETRY_EXAMPLES)
_takes("import", importing.import_, *importing.EXAMPLES)
_takes("reconcile", reconciling.reconcile, *reconciling.EXAMPLES)
_takes("report", reporting.report, *reporting.EXAMPLES)
_takes("undo", undoing.undo, *undoing.EXAMPLES)
_takes("redrive", following.redrive, *following.REDRIVE_EXAMPLES)
_takes("health", watching.health, *watching.HEALTH_EXAMPLES)
_takes("log", logs.log, *logs.EXAMPLES)
_takes("letters", watching.letters, *watching.LETTERS_EXAMPLES)
