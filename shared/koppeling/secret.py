"""A text that may be used but not shown, and the silence of other people's loggers."""

import logging

_TALKERS = ("boto3", "botocore", "urllib3", "httpx", "httpcore", "asyncio")


class Secret(str):
    """A token or key. Where values are shown (a log of a dict, a traceback that prints locals) it is an ellipsis."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Nothing of it."""
        return "'…'"


def silence() -> None:
    """Let nobody but us log details: on DEBUG botocore prints what KMS opened, and httpx every URL on INFO.

    The functions' level is a parameter of the stack, and Lambda sets it for all of them.
    """
    for name in _TALKERS:
        logging.getLogger(name).setLevel(logging.WARNING)
