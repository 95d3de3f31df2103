"""Where a credential comes from: its flag, its environment variable, or a hidden prompt at a terminal."""

import sys
from dataclasses import dataclass
from datetime import date
from getpass import getpass
from pathlib import Path
from typing import Final

from koppeling import clock
from ops.output import wrong_use

_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2099


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential: what to call it, and how it can be given."""

    name: str
    flag: str
    variable: str


SUBSCRIPTION_KEY = Credential("SnelStart subscription key", "--subscription-key", "KOPPELING_SUBSCRIPTION_KEY")
PARTNER_TOKEN = Credential("Mijnwebwinkel partner token", "--partner-token", "KOPPELING_PARTNER_TOKEN")
SHOP_TOKEN = Credential("Mijnwebwinkel shop token", "--shop-token", "KOPPELING_SHOP_TOKEN")
SNELSTART_KEY = Credential("SnelStart koppelsleutel", "--snelstart-key", "KOPPELING_SNELSTART_KEY")


def required(credential: Credential, given: str | None) -> str:
    """The credential as given, or as typed at a terminal."""
    found = given or (getpass(f"{credential.name} (not shown): ") if at_terminal() else "")
    if not found.strip():
        raise wrong_use(
            "credential-missing",
            f"The {credential.name} is missing.",
            f"Give it with {credential.flag} or in {credential.variable}.",
        )
    return found.strip()


def day(flag: str, text: str) -> date:
    """A day as it was typed."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise wrong_use("wrong-use", f"{flag} takes a day as YYYY-MM-DD.") from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise wrong_use("wrong-use", f"{flag} takes a day from {_FIRST_YEAR} up to {_LAST_YEAR}.")
    return found


def past_day(flag: str, text: str) -> date:
    """The same, where a day that is still to come has nothing on it, and would seem to have been looked at."""
    found = day(flag, text)
    if found > _today():
        raise wrong_use("wrong-use", f"{flag} lies in the future.", "Give today or a day before it.")
    return found


def period(first: str, last: str | None) -> tuple[date, date]:
    """The days of --from and --to, both included; up to today where --to was not typed."""
    begins, ends = past_day("--from", first), day("--to", last) if last is not None else _today()
    if ends < begins:
        raise wrong_use("wrong-use", "--to lies before --from.", "Turn them round.")
    return begins, ends


def _today() -> date:
    """The day it is in Amsterdam."""
    return clock.now().astimezone(clock.AMSTERDAM).date()


def name(typed: str) -> str:
    """What to call a connection: something, for by it people tell one from another."""
    if not typed.strip():
        raise wrong_use("wrong-use", "--name is empty.", "Give what the shop is called.")
    return typed.strip()


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def profile_text(path: Path) -> str:
    """The text of a profile file, which is a profile by itself."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise wrong_use("profile-unreadable", f"The file {path} is no readable UTF-8 text.") from error
    return checked(text)


def settings_text(settings: list[str]) -> str:
    """Settings as typed, `payment_term_days=30` or `journals."*"=1100`, as the text of a profile file.

    A value that is no TOML is taken as text, so that `invoice_number=W{number}` needs no quotes within quotes.
    """
    return checked("\n".join(_setting(setting) for setting in settings))


def checked(text: str) -> str:
    """The same text, when it is a profile by itself."""
    from koppeling.booking.profile import Profile, ProfileError

    try:
        Profile.from_toml(text)
    except ProfileError as error:
        raise wrong_use("profile-unreadable", str(error), "Verbeter het profiel.") from error
    return text


def _setting(setting: str) -> str:
    import json
    import tomllib

    name, equals, value = setting.partition("=")
    if not equals or not name.strip():
        raise wrong_use(
            "wrong-use", f"--set takes a name and a value, not {setting}", "(see `koppeling profile --help`)."
        )
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return f"{name} = {json.dumps(value.strip())}"
    return setting
