"""Carrying out what SnelStart tells of a connection: approved (`Create`), a new key (`Regenerate`), ended (`Delete`).

The call itself only leaves a row with the sealed koppelsleutel (functions/activation). Here the key is proven: it must
mint a token and name an administration, the one the connection has already if it has one. Until then nothing changes.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from koppeling import (
    backoff,
    catalogue,
    clock,
    connections,
    meter,
    neighbours,
    onboard,
    partner,
    queues,
    telemetry,
    vault,
)
from koppeling.charts import load
from koppeling.connections import Connection, Connections, Stored
from koppeling.credentials import Credentials, seal_credentials
from koppeling.deadline import Deadline
from koppeling.directory import Directory
from koppeling.failures import Reason, Refused, Unavailable
from koppeling.linking import choices
from koppeling.messages import ActivationMessage
from koppeling.mijnwebwinkel.models import ShopStatuses
from koppeling.onboard import ProfileProblems
from koppeling.shapes import ShapeError
from koppeling.snelstart.client import SnelStart, token
from koppeling.snelstart.models import CompanyInfo
from koppeling.table import ConditionFailed, Key, Row, Table
from koppeling.telemetry import Metric, logger
from koppeling.workplace import Workplace

DUE: Final = "ACTIVATIONS"
"""The partition of the index `due` under which all that is still to be carried out is found."""

_DELETE_PROVEN_AFTER: Final = 5
"""How often the stored key may still be taken after SnelStart said the connection is gone: some three minutes."""

_LONGEST_PROBLEM: Final = 300

_READ_SECONDS: Final = 100.0
"""Of the poller's two minutes, for the administration's customers: one with more is gone on with by the next try."""

_OF_THE_KEY: Final = frozenset(
    {"koppeling-not-activated", "snelstart-key-refused", "snelstart-scope-missing", "snelstart-disconnected"}
)
"""What a connection may stand still for that a proven koppelsleutel takes away."""

State = Literal["received", "done", "superseded", "refused"]


@dataclass(frozen=True, slots=True)
class Activation:
    """One call of SnelStart and what came of it; `received_at` as text, `reason` why not, or not yet."""

    action: str
    state: State
    received_at: str
    reason: Reason | None


def latest(table: Table, connection_id: str) -> Activation | None:
    """The last that SnelStart told of this connection."""
    found = list(table.rows(connections.partition(connection_id), "ACTIVATION#"))
    if not found:
        return None
    row, reason = found[-1], found[-1].get("reason")
    return Activation(
        action=row["action"],
        state=row["state"],
        received_at=row["received_at"],
        reason=Reason.from_dict(reason) if reason else None,
    )


def try_again(table: Table, connection: Connection, poll_queue_url: str) -> bool:
    """Carry out once more the last activation, where it was refused over anything but its key; whether it was."""
    place = connections.partition(connection.id)
    for row in list(table.rows(place, "ACTIVATION#"))[-1:]:
        if row["state"] == "refused" and "sealed" in row:
            values = {"state": "received", "attempts": 0, **_due(0)}
            table.update(Key(place, row["sk"]), values, condition="attribute_exists(#sealed)")
            message = ActivationMessage(connection.id, row["sk"].removeprefix("ACTIVATION#"))
            queues.send_activation(poll_queue_url, message)
            return True
    return False


def dispatch(table: Table, poll_queue_url: str) -> int:
    """Queue again all that fell due, because its message was lost or SnelStart did not answer; how many."""
    due = list(table.due(DUE, clock.iso(clock.now())))
    for key in due:
        connection_id = key.pk.removeprefix(connections.partition(""))
        queues.send_activation(poll_queue_url, ActivationMessage(connection_id, key.sk.removeprefix("ACTIVATION#")))
    return len(due)


def carry_out(table: Table, message: ActivationMessage, poll_queue_url: str) -> None:
    """Prove what one call of SnelStart said and do it; what cannot be proven yet is tried again by itself.

    Raises `Unavailable` only when not even the row could be written.
    """
    # Else another delivery of the same message came to the end of it meanwhile.
    with suppress(ConditionFailed):
        _carry_out(table, message, poll_queue_url)


def _carry_out(table: Table, message: ActivationMessage, poll_queue_url: str) -> None:
    key = Key(connections.partition(message.connection_id), f"ACTIVATION#{message.activation}")
    connection = Connections(table).get(message.connection_id)
    row = table.get(key)
    if connection is None or row is None or row["state"] != "received":
        return
    attempts = int(row["attempts"]) + 1
    # Due before anything is tried: a run that dies is followed by another.
    _write(table, key, {"attempts": attempts, **_due(attempts)})
    try:
        state = _done(table, connection, row, attempts)
    except Unavailable as unavailable:
        partner.forget()
        _write(table, key, {"reason": unavailable.reason.as_dict()})
        _log(message, row, "put off", unavailable.reason)
        soon = backoff.in_queue(attempts)
        if soon is not None:
            queues.send_activation(poll_queue_url, message, soon)
    except ProfileProblems as unfit:
        told = " ".join(unfit.problems)[:_LONGEST_PROBLEM].rstrip(".")
        reason = catalogue.reason("koppeling-profile-unfit", message=told)
        _refuse(table, key, reason, pending=connection.pending)
        _log(message, row, "refused", reason)
    except Refused as refused:
        _refuse(table, key, refused.reason, pending=connection.pending)
        _log(message, row, "refused", refused.reason)
    else:
        _settle(table, key, state)
        _log(message, row, state)


def _done(table: Table, connection: Connection, row: Row, attempts: int) -> State:
    if connection.activated_by > row["sk"]:
        return "superseded"
    if row["action"] == "Delete":
        return _disconnect(table, connection, last_try=attempts >= _DELETE_PROVEN_AFTER)
    if connection.activated_by == row["sk"]:
        # An earlier run got this far and died.
        _go_on(table, connection)
        return "done"
    koppelsleutel = str(vault.unseal(connection.id, "credentials", row["sealed"])["koppelsleutel"])
    credentials = replace(connection.secrets_held(), koppelsleutel=koppelsleutel)
    onboard.demand_scopes(koppelsleutel)
    asked = meter.Tally()
    snelstart = SnelStart(koppelsleutel, partner.partner().subscription_key, asked.call)
    taken = replace(
        connection,
        activated_by=row["sk"],
        sealed_credentials=seal_credentials(connection.id, credentials),
        paused=None if connection.paused and connection.paused.code in _OF_THE_KEY else connection.paused,
    )
    try:
        if connection.pending:
            _complete(table, connection, taken, credentials, snelstart, asked)
        else:
            _renew(table, connection, taken, snelstart)
    except ConditionFailed:
        # Meanwhile somebody gave this connection other secrets, or the old ones paused it: look again at what it is.
        raise Unavailable(catalogue.reason("koppeling-storage-unavailable")) from None
    return "done"


def _complete(
    table: Table,
    before: Connection,
    taken: Connection,
    credentials: Credentials,
    snelstart: SnelStart,
    asked: meter.Tally,
) -> None:
    """A pending connection becomes one that books: what `onboard.add` does after both credentials are proven."""
    chart = load(snelstart)
    today = clock.now().astimezone(clock.AMSTERDAM).date()
    taken = replace(
        taken,
        profile=onboard.profile_for(chart, ShopStatuses(taken.statuses), today, choices(table, taken)),
        profile_problems=(),
        profile_checked_at=clock.iso(clock.now()),
        administration_id=_named(chart.company),
        administration_name=chart.company.administratie_naam,
    )
    onboard.twice(Connections(table), taken)
    taken = neighbours.tell(table, taken)
    with Workplace.open(table, taken) as place:
        place.meter.owe(asked.made)
        place.charts.keep(chart)
        Directory(table, taken.id, credentials, place.snelstart).read_whole(Deadline.after(_READ_SECONDS))
    changed: tuple[Stored, ...] = (
        *("profile", "profile_problems", "profile_checked_at", "administration"),
        *("sealed_credentials", "activated_by", "status", "paused"),
    )
    # Once more: reading thousands of customers takes minutes.
    onboard.twice(Connections(table), taken)
    Connections(table).renew(taken, before, *changed)
    _go_on(table, taken)


def _renew(table: Table, before: Connection, taken: Connection, snelstart: SnelStart) -> None:
    """Another koppelsleutel of the same administration takes the place of the one there is."""
    try:
        company = CompanyInfo.parse(snelstart.get("companyInfo"))
    except ShapeError as error:
        raise Unavailable(catalogue.reason("snelstart-unreadable", field=str(error))) from error
    if _named(company) != before.administration_id:
        raise Refused(catalogue.reason("snelstart-other-administration"))
    resumed: tuple[Stored, ...] = ("status", "paused") if before.paused and not taken.paused else ()
    Connections(table).renew(taken, before, "sealed_credentials", "activated_by", *resumed)
    _go_on(table, taken)


def _go_on(table: Table, connection: Connection) -> None:
    neighbours.tell(table, connection)
    if not connection.paused:
        onboard.requeue(table, connection, onboard.kept)


def _disconnect(table: Table, connection: Connection, *, last_try: bool) -> State:
    """Pause a connection that its owner ended in SnelStart, when SnelStart takes its key no longer. History stays."""
    if connection.pending:
        return "done"
    try:
        token(connection.credentials().koppelsleutel, fresh=True)
    except Refused:
        reason = catalogue.reason("snelstart-disconnected")
        if not Connections(table).pause_over_secrets(connection, reason):
            return "superseded"
        telemetry.paused(connection.id, reason)
        return "done"
    still_connected = catalogue.reason("snelstart-still-connected")
    if last_try:
        raise Refused(still_connected)
    # Said before it is so, perhaps: SnelStart gets some minutes.
    raise Unavailable(still_connected)


def _named(company: CompanyInfo) -> str:
    """The administration, which a key must name to be believed."""
    if not company.administratie_identifier:
        raise Unavailable(catalogue.reason("snelstart-unreadable", field="administratieIdentifier"))
    return company.administratie_identifier


def _due(attempts: int) -> dict[str, Any]:
    return {"due_pk": DUE, "due_at": clock.iso(backoff.due(clock.now(), attempts))}


def _refuse(table: Table, key: Key, reason: Reason, *, pending: bool) -> None:
    # SnelStart never sends a key twice: one that is good is kept until the operator has put right what is in its way.
    keep_key = pending and reason.code not in _OF_THE_KEY
    _settle(table, key, "refused", reason, keep_key=keep_key)


def _settle(table: Table, key: Key, state: State, reason: Reason | None = None, *, keep_key: bool = False) -> None:
    gone = ["due_pk", "due_at", *([] if keep_key else ["sealed"])]
    _write(table, key, {"state": state, "reason": reason.as_dict() if reason else None}, remove=gone)


def _write(table: Table, key: Key, values: Row, *, remove: Iterable[str] = ()) -> None:
    """Write on a row that is still to be carried out. `ConditionFailed` on another."""
    table.update(key, values, remove=remove, condition="#state = :still", given={"still": "received"})


def _log(message: ActivationMessage, row: Row, outcome: str, reason: Reason | None = None) -> None:
    if outcome == "refused":
        telemetry.count(Metric.ACTIVATIONS_REFUSED)
    say = logger.warning if reason else logger.info
    say(
        "activation",
        extra={
            "connection_id": message.connection_id,
            "activation": message.activation,
            "action": row["action"],
            "outcome": outcome,
            "code": reason.code if reason else None,
            "received_at": row["received_at"],
        },
    )
