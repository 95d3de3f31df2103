"""The shapes of what the command line prints: JSON for scripts, facts and rows for people."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, get_args

from koppeling.failures import Reason
from koppeling.orders import OrderRow, State

if TYPE_CHECKING:
    from koppeling.connections import Connection, WebhookSecrets

STATES: Final[tuple[State, ...]] = get_args(State)

_MOST_SENTENCES: Final = 3
_MOST_NUMBERS: Final = 10

type Fact = tuple[str, str | None]


def connection_json(connection: "Connection") -> dict[str, Any]:
    """A connection without its secrets. `paused` is the reason it stands still, null while it runs."""
    return {
        "id": connection.id,
        "connection_id": connection.id,
        "name": connection.name,
        "status": "paused" if connection.paused else "active",
        "paused": connection.paused.as_dict() if connection.paused else None,
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
        ("status", "paused" if paused else "active"),
        ("because", f"{paused.sentence} {paused.advice}" if paused else None),
        ("shop", _named(connection.shop_name, connection.shop_domain)),
        ("administration", _named(connection.administration_name, connection.administration_id)),
        ("since", connection.created_at),
    ]


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
