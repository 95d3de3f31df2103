"""One map from whatever went wrong to a sentence, what to do next, and an exit code. Never a traceback or a secret."""

import errno
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from typer import Abort
from typer.exceptions import TyperException

from koppeling.failures import Failure, Reason
from ops.output import Exit, Stop, could_not, wrong_use

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_NOT_OURS_TO_WAIT: Final = "U hoeft niets te doen"
"""How the catalogue begins an advice to let the functions repeat it; nobody repeats a command but who typed it."""

_UNWRITTEN: Final = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What only writing the answer comes to: files of our own and the network have errors of their own by then."""

_CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


def explain(error: Exception) -> Stop:
    """What this error means for the one at the keyboard."""
    if isinstance(error, Stop):
        return error
    if isinstance(error, TyperException):
        return _usage(error)
    if isinstance(error, Abort):
        return could_not("stopped", "Stopped; nothing more is done.")
    if isinstance(error, OSError) and error.errno in _UNWRITTEN:
        return unwritten(error)
    return _deeper(error)


def interrupted() -> Stop:
    """Somebody typed Ctrl-C."""
    reason = Reason("stopped", "Stopped here.", "What the deployment has in hand goes on.", "operator")
    return Stop(Exit.INTERRUPTED, reason)


def unwritten(error: OSError) -> Stop:
    """Standard output does not take the answer: a full disk, or `| head -1`."""
    return could_not(
        "answer-unwritten",
        f"The answer could not be written to its end ({error.strerror}).",
        "What was asked may be done all the same: look before you ask it again.",
    )


def _deeper(error: Exception) -> Stop:
    # Only now, for these imports take longer than a wrong option deserves.
    from botocore.exceptions import BotoCoreError, ClientError

    from koppeling.onboard import ProfileProblems
    from koppeling.table import ConditionFailed

    # What AWS said is more exact than that the storage did not answer.
    cause = error.__cause__ if isinstance(error, Failure) else error
    if isinstance(cause, ClientError | BotoCoreError):
        return _aws(cause)
    if isinstance(error, Failure):
        return _not_done(error.reason)
    if isinstance(error, ProfileProblems):
        return could_not(
            "profile-does-not-fit",
            "Het profiel past niet bij de administratie.",
            f"{' '.join(error.problems)} Geef een profiel mee dat wel past.",
        )
    if isinstance(error, ConditionFailed):
        return could_not(
            "connection-changed",
            "The connection was removed or changed by somebody else meanwhile.",
            "See `koppeling list`, and try again if it is still there.",
        )
    return _mistake(error)


def _not_done(reason: Reason) -> Stop:
    if reason.advice.startswith(_NOT_OURS_TO_WAIT):
        reason = replace(reason, advice="Geef straks dezelfde opdracht nog eens.")
    return Stop(Exit.COULD_NOT, reason)


def _usage(error: TyperException) -> Stop:
    message = error.format_message()
    # A key typed without its option would be repeated here.
    if message.startswith("Got unexpected extra argument"):
        message = "Got more arguments than this command takes."
    command = getattr(getattr(error, "ctx", None), "command_path", "koppeling")
    return wrong_use("wrong-use", message.rstrip("."), f"(see `{command} --help`).")


def _aws(error: "BotoCoreError | ClientError") -> Stop:
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        code, operation = error.response.get("Error", {}).get("Code", "no code"), error.operation_name
        if code in _CREDENTIALS:
            return _signed_out(code)
        if "AccessDenied" in code or "Unauthorized" in code:
            return could_not(
                "aws-denied",
                f"AWS does not allow these credentials to do {operation} ({code}).",
                "Use a role that may, for instance with AWS_PROFILE.",
            )
        return could_not(
            "aws-refused",
            f"AWS refused {operation} ({code}).",
            "Try again in a moment, and check that the stack's resources are still there.",
        )
    if isinstance(error, exceptions.NoRegionError | exceptions.InvalidRegionError):
        return could_not("aws-region", "No AWS region is chosen.", "Set AWS_DEFAULT_REGION, such as to eu-central-1.")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return could_not(
            "aws-unreachable",
            "AWS does not answer.",
            "Check the network, the region and, for a local AWS, that it runs at AWS_ENDPOINT_URL.",
        )
    return _signed_out(type(error).__name__)


def _signed_out(code: str) -> Stop:
    return could_not(
        "aws-credentials",
        f"AWS takes none of the credentials found here ({code}).",
        "Sign in, for instance with `aws sso login`, and choose who you are with AWS_PROFILE.",
    )


def _mistake(error: Exception) -> Stop:
    """A mistake of ours: its place, but not its text, which may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return could_not(
        "koppeling-error",
        f"Something in koppeling itself went wrong ({type(error).__name__} in {place}).",
        "Try again, and report this line if it stays.",
    )
