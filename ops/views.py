"""The shapes of what the command line prints: JSON for scripts, facts and rows for people."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, get_args

from koppeling.failures import Reason
from koppeling.order_row import OrderRow, State

if TYPE_CHECKING:
    from koppeling.connections import Connection
    from koppeling.credentials import WebhookSecrets

STATES: Final[tuple[State, ...]] = get_args(State)

_MOST_SENTENCES: Final = 3
_MOST_NUMBERS: Final = 10

type Fact = tuple[str, str | None]


def connection_json(connection: "Connection") -> dict[str, Any]:
    """A connection without its secrets. `paused` is the reason it stands still, null while it runs.

    `profile_problems`: where the profile did not fit the administration at `profile_checked_at`, in Dutch.
    """
    return {
        "id": connection.id,
        "connection_id": connection.id,
        "name": connection.name,
        "status": connection.status,
        "paused": connection.paused.as_dict() if connection.paused else None,
        **problems_json(connection),
        "shop": {"id": connection.shop_id, "name": connection.shop_name, "domain": connection.shop_domain},
        "administration": {"id": connection.administration_id, "name": connection.administration_name},
        "created_at": connection.created_at,
    }


def connection_facts(connection: "Connection") -> list[Fact]:
    """A connection for people."""
    paused = connection.paused
    return [
        ("connection", connection.id),
        ("name", connection.name),
        ("status", connection.status),
        ("because", f"{paused.sentence} {paused.advice}" if paused else None),
        ("shop", _named(connection.shop_name, connection.shop_domain)),
        ("administration", _named(connection.administration_name, connection.administration_id)),
        ("since", connection.created_at),
        ("profile checked", connection.profile_checked_at),
        *(("does not fit", problem) for problem in connection.profile_problems),
    ]


def problems_json(connection: "Connection") -> dict[str, Any]:
    """Where a connection's profile did not fit, and when that was found."""
    return {
        "profile_problems": list(connection.profile_problems),
        "profile_checked_at": connection.profile_checked_at or None,
    }


def standing(connection: "Connection") -> str:
    """How a connection stands, in a few words."""
    paused = connection.paused if connection.status == "paused" else None
    status = f"paused: {paused.code}" if paused else connection.status
    problems = len(connection.profile_problems)
    return f"{status}, profile does not fit ({problems})" if problems else status


def profile_json(connection: "Connection") -> dict[str, Any]:
    """A connection's profile, as an object and as a file."""
    profile = connection.profile
    return {"profile": json.loads(profile.to_json()), "profile_toml": profile.to_toml()}


def webhook_json(url: str, webhook: "WebhookSecrets") -> dict[str, str]:
    """What the shop's side must be told; the newest secret is the one to sign with."""
    return {"webhook_url": url, "webhook_secret": webhook.secrets[0], "webhook_key": webhook.key}


def webhook_facts(url: str, webhook: "WebhookSecrets") -> list[Fact]:
    """The same for people."""
    return [("webhook URL", url), ("webhook secret", webhook.secrets[0]), ("webhook key", webhook.key)]


def count_states(rows: Iterable[OrderRow]) -> dict[str, int]:
    """How many orders stand in each state, states without orders too."""
    counted = Counter(row.state for row in rows)
    return {state: counted[state] for state in STATES}


def under_way_json(rows: Iterable[OrderRow]) -> list[dict[str, str | None]]:
    """Orders that are not done, each with the invoice that may be in the books already."""
    return [{"order_number": row.number, "state": row.state, "invoice_number": _sent_as(row)} for row in rows]


def under_way(rows: list[OrderRow]) -> str:
    """The same for people, in Dutch: who removes a connection tells its owner."""
    numbers = [_sent_as(row) or f"bestelling {row.number}" for row in rows]
    more = f" en nog {len(numbers) - _MOST_NUMBERS}" if len(numbers) > _MOST_NUMBERS else ""
    shown = ", ".join(numbers[:_MOST_NUMBERS]) + more
    if len(rows) == 1:
        return f"1 bestelling is nog niet helemaal verwerkt: {shown}."
    return f"{len(rows)} bestellingen zijn nog niet helemaal verwerkt: {shown}."


def _sent_as(row: OrderRow) -> str | None:
    return row.booking.factuurnummer if row.booking and row.invoice else None


def needs_attention(row: OrderRow) -> bool:
    """Whether an order is not where it should be: refused, failed, or booked and then stopped."""
    return row.state in ("refused", "failed") or (row.state == "booked" and row.reason is not None)


def order_cells(row: OrderRow) -> tuple[str | None, ...]:
    """A line of `koppeling orders`."""
    shown = row.as_json()
    reason = f"{row.reason.code}: {row.reason.sentence}" if row.reason else None
    return (row.number, row.state, shown["invoice_number"], _amount(row), reason)


def causes(rows: Iterable[OrderRow]) -> list[tuple[str, ...]]:
    """Refused orders by cause, the most frequent code first: code, whose, sentence, advice, count, numbers.

    A code whose sentence is another for every order (an amount, a number) is one line, with its first sentence.
    """
    by_code: dict[str, dict[Reason, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.reason:
            by_code[row.reason.code][row.reason].append(row.number)
    lines: list[tuple[str, ...]] = []
    for reasons in sorted(by_code.values(), key=lambda each: -sum(map(len, each.values()))):
        if len(reasons) <= _MOST_SENTENCES:
            lines += [_cause(reason, numbers) for reason, numbers in reasons.items()]
        else:
            lines.append(_cause(next(iter(reasons)), [number for each in reasons.values() for number in each]))
    return lines


def _cause(reason: Reason, numbers: list[str]) -> tuple[str, ...]:
    more = f" and {len(numbers) - _MOST_NUMBERS} more" if len(numbers) > _MOST_NUMBERS else ""
    shown = ", ".join(numbers[:_MOST_NUMBERS]) + more
    return (reason.code, reason.whose, reason.sentence, reason.advice, str(len(numbers)), shown)


def order_facts(row: OrderRow) -> list[Fact]:
    """One order for people."""
    shown, reason = row.as_json(), row.reason
    return [
        ("order", row.number),
        ("state", row.state),
        ("invoice", shown["invoice_number"]),
        ("total", _amount(row)),
        ("reason", f"{reason.code}: {reason.sentence}" if reason else None),
        ("advice", reason.advice if reason else None),
        ("for", reason.whose if reason else None),
        *(("note", note) for note in row.notes),
        ("relatie", shown["relatie_id"]),
        ("verkoopboeking", row.verkoopboeking_id),
        ("payment", row.payment_id),
        ("received", row.received_at),
        ("paid", row.paid_at),
        ("asked again", row.due_at),
    ]


def _amount(row: OrderRow) -> str | None:
    return f"{row.currency or ''} {row.total}".strip() if row.total else None


def _named(name: str, detail: str) -> str:
    return f"{name} ({detail})" if name and detail else name or detail
