"""What the command line says: text or one JSON document on stdout, one line on stderr, an exit code."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import IntEnum

from koppeling.failures import Reason


class Exit(IntEnum):
    """The exit codes scripts go by."""

    DONE = 0
    NOT_WELL = 1
    WRONG_USE = 2
    COULD_NOT = 3
    INTERRUPTED = 130


class Stop(Exception):
    """The command ends here, for this reason."""

    def __init__(self, exit_code: Exit, reason: Reason) -> None:
        super().__init__(reason.code)
        self.exit_code = exit_code
        self.reason = reason


def wrong_use(code: str, sentence: str, advice: str = "") -> Stop:
    """What was typed cannot be meant."""
    return Stop(Exit.WRONG_USE, Reason(code, sentence, advice, "operator"))


def could_not(code: str, sentence: str, advice: str = "") -> Stop:
    """What was asked could not be done."""
    return Stop(Exit.COULD_NOT, Reason(code, sentence, advice, "operator"))


def say(reason: Reason) -> str:
    """A reason as the one line for standard error."""
    return plain(f"{reason.sentence} {reason.advice}".strip())


def remark(sentence: str) -> None:
    """One line on standard error; where nobody reads that, the exit code says it alone."""
    with suppress(OSError):
        print(plain(sentence), file=sys.stderr)


def not_well(sentence: str) -> int:
    """Done, but somebody should look at something: say what. The exit code."""
    remark(sentence)
    return Exit.NOT_WELL


def document(value: object) -> None:
    """The one JSON document of `--json`."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def failed(reason: Reason, *, json_too: bool) -> None:
    """Why the command ends here; whatever standard output does not take then is dropped."""
    try:
        if json_too:
            document({"error": reason.as_dict()})
        sys.stdout.flush()
    except OSError:
        # Else Python tries once more at its own end, and tells of it in words of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    remark(say(reason))


def facts(pairs: Iterable[tuple[str, str | None]]) -> None:
    """A name and a value a line, never wrapped, so that addresses and secrets can be copied."""
    known = [(name, plain(value)) for name, value in pairs if value]
    widest = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        print(f"{name:<{widest}}  {value}")


def table(headings: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """A table as wide as the terminal, or 200 columns where there is none."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        # Text: square brackets in a shop's name are no markup.
        shown.add_row(*(Text(plain(cell or "")) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(shown)


def columns(rows: Sequence[Sequence[str]], *, indent: int) -> None:
    """Columns without headings or borders, never wrapped; the last one, being amounts, ends at one place."""
    shown = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for *cells, last in shown:
        written = [f"{cell:<{width}}" for cell, width in zip(cells, widths[:-1], strict=True)]
        print(" " * indent + "  ".join([*written, f"{last:>{widths[-1]}}"]))


def plain(text: str) -> str:
    """One line, without what could steer a terminal: names come from shops."""
    return "".join(character if character.isprintable() else " " for character in text)
