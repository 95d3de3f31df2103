"""The connection row: one shop tied to one administration, its profile and its sealed credentials."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import batched, islice
from typing import Literal

from koppeling import catalogue, clock, retention
from koppeling.booking.profile import Profile
from koppeling.credentials import Credentials, WebhookSecrets, open_credentials, open_webhook
from koppeling.failures import Reason, Refused
from koppeling.mijnwebwinkel.client import Listing
from koppeling.mijnwebwinkel.models import OrderStatus
from koppeling.table import ConditionFailed, Key, Row, Table

REGISTRY = "CONNECTIONS"
REMOVED = "REMOVED"
_BESIDE, _TWIN = "beside_", "twin_"
_ROWS = 100
_TRIES = 5
_NAMED = 40
"""Neighbours in one write: DynamoDB takes an expression of 4 kB, in which each is named three times."""

Stored = Literal[
    "profile",
    "profile_problems",
    "profile_checked_at",
    "administration",
    "sealed_credentials",
    "sealed_webhook",
    "status",
    "paused",
    "activated_by",
]
"""The parts of a connection that change after it was made."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One koppeling as stored; `paused` says why it stands still, None while it runs.

    `profile_problems`: in Dutch, where the profile did not fit the administration at `profile_checked_at`, when that
    was last read. `activated_by`: which activation brought the koppelsleutel, empty for one that was typed; a later
    one is the greater text. `beside_since`: which others book in its administration too, from when each;
    `twins_since`: which of them for the same shop.
    """

    id: str
    name: str
    profile: Profile
    statuses: tuple[OrderStatus, ...]
    shop_id: str
    shop_name: str
    shop_domain: str
    administration_id: str
    administration_name: str
    created_at: str
    sealed_credentials: bytes
    sealed_webhook: bytes
    paused: Reason | None = None
    archived_listing: Listing = "unknown"
    profile_problems: tuple[str, ...] = ()
    profile_checked_at: str = ""
    activated_by: str = ""
    beside_since: Mapping[str, str] = field(default_factory=dict)
    twins_since: Mapping[str, str] = field(default_factory=dict)

    @property
    def shared_since(self) -> str:
        """From when others booked in its administration too; empty for one alone."""
        return min(self.beside_since.values(), default="")

    @property
    def twin_since(self) -> str:
        """From when another did so for the same shop; empty where there is none."""
        return min(self.twins_since.values(), default="")

    @property
    def pending(self) -> bool:
        """Whether its owner has not approved it in SnelStart yet: there is no koppelsleutel and no administration."""
        return not self.administration_id

    @property
    def status(self) -> Literal["pending", "paused", "active"]:
        """In one word; only one that is active books."""
        return "pending" if self.pending else "paused" if self.paused else "active"

    def credentials(self) -> Credentials:
        """The shop's secrets, opened with KMS. `Refused` for a connection that is pending: half of them is missing."""
        if self.pending:
            raise Refused(catalogue.reason("koppeling-not-activated"))
        return self.secrets_held()

    def secrets_held(self) -> Credentials:
        """The same, for a pending connection with an empty koppelsleutel."""
        return open_credentials(self.id, self.sealed_credentials)

    def webhook_secrets(self) -> WebhookSecrets:
        """What senders sign with, opened with KMS; the worker's role cannot."""
        return open_webhook(self.id, self.sealed_webhook)


def new_id() -> str:
    """An id for a new connection."""
    return secrets.token_hex(8)


def partition(connection_id: str) -> str:
    """The partition that holds everything of one connection, and nothing of another."""
    return f"CONNECTION#{connection_id}"


def _key(connection_id: str) -> Key:
    return Key(partition(connection_id), "CONNECTION")


def _write(connection: Connection) -> Row:
    return {
        "id": connection.id,
        "name": connection.name,
        "profile": connection.profile.to_json(),
        "profile_problems": list(connection.profile_problems),
        "profile_checked_at": connection.profile_checked_at,
        "statuses": _listed(connection.statuses),
        "shop": {"id": connection.shop_id, "name": connection.shop_name, "domain": connection.shop_domain},
        "administration": {"id": connection.administration_id, "name": connection.administration_name},
        "created_at": connection.created_at,
        "sealed_credentials": connection.sealed_credentials,
        "sealed_webhook": connection.sealed_webhook,
        "status": connection.status,
        "paused": connection.paused.as_dict() if connection.paused else None,
        "archived_listing": connection.archived_listing,
        "activated_by": connection.activated_by,
        **_company(connection.beside_since, connection.twins_since),
    }


def _company(beside: Mapping[str, str], twins: Mapping[str, str]) -> dict[str, str]:
    """An attribute for each, so that one comes and another goes at the same moment."""
    named = {f"{_BESIDE}{one}": since for one, since in beside.items()}
    return named | {f"{_TWIN}{one}": since for one, since in twins.items()}


def _named(row: Mapping[str, object], prefix: str, former: str) -> dict[str, str]:
    """`former`: one moment for all, as rows were written before; of nobody by name, so that it stays for good."""
    each = {name.removeprefix(prefix): str(at) for name, at in row.items() if name.startswith(prefix)}
    each.pop(former.removeprefix(prefix), None)
    return {"": str(row[former]), **each} if row.get(former) else each


def _listed(statuses: Iterable[OrderStatus]) -> list[Row]:
    return [status.model_dump() for status in statuses]


def _read(row: Mapping[str, object]) -> Connection:
    stored: dict[str, object] = dict(row)
    shop, administration = stored["shop"], stored["administration"]
    statuses, paused, problems = stored["statuses"], stored.get("paused"), stored.get("profile_problems")
    listing, sealed, webhook = stored.get("archived_listing"), stored["sealed_credentials"], stored["sealed_webhook"]
    if not (isinstance(shop, dict) and isinstance(administration, dict) and isinstance(statuses, list)):
        raise TypeError("a connection row is not in its shape")
    if not (isinstance(sealed, bytes) and isinstance(webhook, bytes)):
        raise TypeError("a connection row has no sealed secrets")
    return Connection(
        id=str(stored["id"]),
        name=str(stored["name"]),
        profile=Profile.from_json(str(stored["profile"])),
        statuses=tuple(
            OrderStatus(
                status=int(status["status"]), description=status["description"], credit_order=status["credit_order"]
            )
            for status in statuses
        ),
        shop_id=str(shop["id"]),
        shop_name=str(shop["name"]),
        shop_domain=str(shop["domain"]),
        administration_id=str(administration["id"]),
        administration_name=str(administration["name"]),
        created_at=str(stored["created_at"]),
        sealed_credentials=sealed,
        sealed_webhook=webhook,
        paused=Reason.from_dict(paused) if isinstance(paused, dict) else None,
        archived_listing=listing if listing in ("both", "active-only") else "unknown",
        profile_problems=tuple(str(problem) for problem in problems) if isinstance(problems, list) else (),
        profile_checked_at=str(stored.get("profile_checked_at") or ""),
        activated_by=str(stored.get("activated_by") or ""),
        beside_since=_named(stored, _BESIDE, "shared_since"),
        twins_since=_named(stored, _TWIN, "twin_since"),
    )


class Connections:
    """The connections of this deployment."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, connection_id: str) -> Connection | None:
        """The connection, or None when there is none of that id."""
        row = self._table.get(_key(connection_id))
        return _read(row) if row else None

    def all_ids(self, *, removed: bool = False) -> Iterator[str]:
        """The ids of all connections, paused ones too.

        `removed`: also of those that are still to be swept, and of those that are being added.
        """
        rows = self._table.rows(REGISTRY)
        return (row["sk"] for row in rows if removed or row.keys().isdisjoint(("adding_at", "removed_at")))

    def all(self) -> Iterator[Connection]:
        """All connections, paused ones too."""
        for ids in batched(self.all_ids(), _ROWS, strict=False):
            yield from map(_read, self._table.get_many([_key(one) for one in ids]).values())

    def beside(self, connection: Connection) -> Iterator[Connection]:
        """The other connections of the same administration, paused ones too."""
        place = connection.administration_id
        return (other for other in self.all() if other.id != connection.id and other.administration_id == place)

    def beside_others(self, connection_id: str, beside: Mapping[str, str], twins: Mapping[str, str]) -> None:
        """Remember of a connection that it has this company, from when each; what it has already stays."""
        with suppress(ConditionFailed):
            for some in batched(_company(beside, twins).items(), _NAMED, strict=False):
                self._table.update(
                    _key(connection_id), {}, keep=dict(some), condition="attribute_exists(#sealed_credentials)"
                )

    def parted(self, connection: Connection, gone: str, *, twin: bool) -> None:
        """Forget of a connection that this one was beside it; `twin`: also that it was of the same shop."""
        names = [f"{_BESIDE}{gone}", *([f"{_TWIN}{gone}"] if twin else [])]
        with suppress(ConditionFailed):
            self._table.update(_key(connection.id), {}, remove=names, condition="attribute_exists(#sealed_credentials)")

    def begin(self, connection_id: str) -> None:
        """Before anything is stored of a new connection: where `add` never comes, the poll sweeps that away."""
        self._table.put({"pk": REGISTRY, "sk": connection_id, "adding_at": clock.iso(clock.now())})

    def add(self, connection: Connection) -> None:
        """Store and list a connection that was begun, both at once. `ConditionFailed` where it was swept meanwhile."""
        self._table.put_all(
            ({"pk": REGISTRY, "sk": connection.id}, "attribute_exists(adding_at)"),
            (
                {"pk": partition(connection.id), "sk": "CONNECTION", **_write(connection)},
                "attribute_not_exists(pk)",
            ),
        )

    def save(self, connection: Connection, *names: Stored) -> None:
        """Write these parts of a connection that is still there; what somebody else changed meanwhile stays."""
        row = _write(connection)
        self._table.update(
            _key(connection.id),
            {name: row[name] for name in names},
            condition="attribute_exists(#sealed_credentials)",
        )

    def change(self, connection_id: str, made: Callable[[Connection], Connection], *names: Stored) -> Connection:
        """Write these parts, the profile among them, as `made` makes them of the connection as it is right now.

        Two that change a profile at one moment both have their way. `ConditionFailed` when the connection is gone.
        """
        row: Row = {}
        for _ in range(_TRIES):
            row = self._table.get(_key(connection_id)) or {}
            if not row:
                break
            before = _read(row)
            after = made(before)
            if after == before:
                return before
            written, as_read = _write(after), {"profile_before": row["profile"]}
            values: Row = {name: written[name] for name in names}
            unchanged = "#profile = :profile_before"
            with suppress(ConditionFailed):
                return _read(self._table.update(_key(connection_id), values, condition=unchanged, given=as_read))
        raise ConditionFailed(row)

    def renew(self, connection: Connection, before: Connection, *names: Stored) -> None:
        """Write these parts with new secrets. `ConditionFailed` when the secrets are others than `before` had.

        Also when it was paused or resumed since, unless that is among what is written: over the old secrets, perhaps.
        """
        row = _write(connection)
        given: Row = {"sealed_before": before.sealed_credentials}
        condition = "#sealed_credentials = :sealed_before"
        if "status" not in names:
            given["status_before"] = before.status
            condition += " AND #status = :status_before"
        self._table.update(_key(connection.id), {name: row[name] for name in names}, condition=condition, given=given)

    def pause(self, connection: Connection, reason: Reason) -> Connection:
        """Stand still for this reason; an earlier reason stays, and one removed meanwhile stays removed."""
        try:
            self._table.update(
                _key(connection.id),
                {"status": "paused", "paused": reason.as_dict()},
                condition="#status = :active",
                given={"active": "active"},
            )
        except ConditionFailed:
            return self.get(connection.id) or connection
        return replace(connection, paused=reason)

    def pause_over_secrets(self, connection: Connection, reason: Reason) -> bool:
        """The same for secrets that are refused; whether they still are this connection's, and it stands still.

        A run that began with the old ones may hear of that after they were renewed: nobody would resume it then.
        """
        held = connection.sealed_credentials
        try:
            self._table.update(
                _key(connection.id),
                {"status": "paused", "paused": reason.as_dict()},
                condition="#status = :active AND #sealed_credentials = :held",
                given={"active": "active", "held": held},
            )
        except ConditionFailed as error:
            return bool(error.row.get("sealed_credentials") == held)
        return True

    def learn(self, connection: Connection, listing: Listing) -> Connection:
        """Remember what the shop's list holds when `archived` is left out."""
        with suppress(ConditionFailed):
            self._table.update(
                _key(connection.id), {"archived_listing": listing}, condition="attribute_exists(#sealed_credentials)"
            )
        return replace(connection, archived_listing=listing)

    def learn_statuses(self, connection: Connection, statuses: Iterable[OrderStatus]) -> None:
        """Remember the shop's statuses as they are now."""
        with suppress(ConditionFailed):
            self._table.update(
                _key(connection.id), {"statuses": _listed(statuses)}, condition="attribute_exists(#sealed_credentials)"
            )

    def checked(self, connection: Connection, problems: Iterable[str]) -> Connection:
        """Remember how the profile fits the administration as that was read just now; the connection with that.

        Not remembered when somebody stored a profile or a check since `connection` was read: theirs is newer.
        """
        checked = replace(connection, profile_problems=tuple(problems), profile_checked_at=clock.iso(clock.now()))
        row = _write(checked)
        seen = connection.profile_checked_at
        unchanged = "#profile_checked_at = :seen"
        if not seen:
            unchanged = f"({unchanged} OR attribute_not_exists(#profile_checked_at))"
        with suppress(ConditionFailed):
            self._table.update(
                _key(connection.id),
                {name: row[name] for name in ("profile_problems", "profile_checked_at")},
                condition=f"attribute_exists(#sealed_credentials) AND {unchanged}",
                given={"seen": seen},
            )
        return checked

    def forms_before(self, connection: Connection) -> Iterator[tuple[str, date]]:
        """The number forms under which removed connections of the same shop and administration booked, until when."""
        rows = self._table.rows(REMOVED, f"{connection.shop_id}#{connection.administration_id}#")
        return ((row["invoice_number"], date.fromisoformat(row["removed_on"])) for row in rows)

    def remove(self, connection_id: str, *, booked: bool = True) -> int:
        """Erase everything kept of a connection; how many rows that were. The books keep their bookings.

        What stays of one that `booked` is its form of numbers: an order booked again under another would be double.
        """
        connection = self.get(connection_id)
        if booked and connection and not connection.pending:
            form = connection.profile.invoice_number
            place = f"{connection.shop_id}#{connection.administration_id}#{form}"
            today = clock.now().astimezone(clock.AMSTERDAM).date().isoformat()
            kept_until = retention.expiry(retention.BOOKS)
            self._table.put(
                {"pk": REMOVED, "sk": place, "invoice_number": form, "removed_on": today, "expires_at": kept_until}
            )
        listed, now = Key(REGISTRY, connection_id), clock.iso(clock.now())
        # So that the poll finishes a removal that is cut off before the next word of it, and nobody adds it any more.
        # And who comes just then knows beside whom.
        of = {"administration_id": connection.administration_id, "shop_id": connection.shop_id} if connection else {}
        self._table.update(listed, {"removing_at": now, **of}, remove=("adding_at",))
        # First, so that nothing begins any more; what is under way is swept once it has ended.
        self._table.delete(_key(connection_id))
        self._table.update(listed, {"removed_at": now}, remove=("removing_at",))
        return self.erase(connection_id) + (connection is not None)

    def erase(self, connection_id: str, most: int | None = None) -> int:
        """Erase what is kept of a connection that is gone, up to so many rows; how many that were."""
        rows = islice(self._table.rows(partition(connection_id)), most)
        keys = [Key(row["pk"], row["sk"]) for row in rows]
        for key in keys:
            self._table.delete(key)
        return len(keys)
