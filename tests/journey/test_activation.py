import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from koppeling.links import new_reference_key
from sandbox.world import World
from tests.journey.linking import (
    PROFILE,
    activated,
    heard,
    link,
    partner_secret,
    post,
    remember,
    sealed,
    standing,
    told,
)
from tests.journey.steps import announce, book, fault, reach, rows_of, sale


@pytest.mark.parametrize("casing", ["upper", "camel"])
def test_an_approved_link_books(stage: World, tmp_path: Path, casing: str) -> None:
    """The owner approves, and from then on orders are paid, also the one that came while nobody had approved yet."""
    linked = link(stage, tmp_path, f"Theepot {casing}")
    stage.place(linked.connected, [sale(1001)])
    announce(stage, linked.connected, [1001])
    reach(stage, linked.connected, {"1001": "received"})
    assert linked.shown()["paused"]["code"] == "koppeling-not-activated"

    stage.books.tell("coupling", {"casing": casing})
    try:
        assert linked.approve()["success_url"] == "https://gekoppeld.example/"
    finally:
        stage.books.tell("coupling", {"casing": "upper"})
    reach(stage, linked.connected, {"1001": "paid"})
    book(stage, linked.connected, sale(1002))

    shown = linked.await_outcome("Create", "done")
    assert (shown["status"], shown["paused"]) == ("active", None)
    assert shown["administration"]["id"] == linked.connected.administration
    assert stage.ledger(linked.connected)["invoices"][0]["factuurnummer"] == "MWW1001"


def test_the_operators_profile_is_kept_until_the_owner_approves(stage: World, tmp_path: Path) -> None:
    """What `link --profile` chose joins what the administration suggests once there is one."""
    linked = activated(stage, tmp_path, "Keuzes", f'{PROFILE}invoice_number = "KEUS{{number}}"\n')
    profile = stage.koppeling("profile", linked.id)["profile"]
    assert profile["invoice_number"] == "KEUS{number}"
    assert profile["accounts"]["revenue_high"] is not None


def test_a_regenerated_key_takes_the_place_of_the_old_one(stage: World, tmp_path: Path) -> None:
    """After Regenerate the old key is dead and orders are paid all the same."""
    linked = activated(stage, tmp_path, "Vernieuwd")
    book(stage, linked.connected, sale(1001))
    before = rows_of(stage, linked.id)
    linked.owner("regenerate")
    linked.await_outcome("Regenerate", "done")
    sealed = [
        next(row for row in rows if row["sk"]["S"] == "CONNECTION") for rows in (before, rows_of(stage, linked.id))
    ]
    assert sealed[0]["sealed_credentials"] != sealed[1]["sealed_credentials"]
    # No bearer token of the old key may help.
    stage.books.tell("tokens/expire", {"administration": linked.connected.administration})
    book(stage, linked.connected, sale(1002))


def test_a_connection_whose_key_died_goes_on_with_a_new_link(stage: World, tmp_path: Path) -> None:
    """A key that broke pauses the connection; a new link, approved, lets it go on, and what was kept is booked."""
    linked = activated(stage, tmp_path, "Hersteld")
    stage.books.tell("coupling/regenerate", {"administration": linked.connected.administration, "silent": True})
    stage.books.tell("tokens/expire", {"administration": linked.connected.administration})
    stage.place(linked.connected, [sale(1001)])
    announce(stage, linked.connected, [1001])
    shown = linked.await_("the pause", lambda stored: stored["status"] == "paused")
    assert shown["paused"]["code"] == "snelstart-key-refused"

    renewed = replace(linked, url=stage.koppeling("link", linked.id)["activation_url"])
    assert renewed.reference != linked.reference
    renewed.approve()
    reach(stage, linked.connected, {"1001": "paid"})
    assert linked.shown()["status"] == "active"


def test_what_an_operator_paused_stays_paused(stage: World, tmp_path: Path) -> None:
    """A new key is taken, but it undoes no pause that was not about the key."""
    linked = activated(stage, tmp_path, "Rust")
    stage.koppeling("pause", linked.id)
    linked.owner("regenerate")
    shown = linked.await_outcome("Regenerate", "done")
    assert (shown["status"], shown["paused"]["code"]) == ("paused", "koppeling-paused")


def test_a_connection_ended_in_snelstart_is_paused_and_keeps_its_history(stage: World, tmp_path: Path) -> None:
    """Delete pauses with a reason; orders stay, later ones are kept, and a new approval books them."""
    linked = activated(stage, tmp_path, "Afscheid")
    book(stage, linked.connected, sale(1001))
    linked.owner("delete")
    shown = linked.await_outcome("Delete", "done")
    assert (shown["status"], shown["paused"]["code"]) == ("paused", "snelstart-disconnected")
    stage.place(linked.connected, [sale(1002)])
    announce(stage, linked.connected, [1002])
    reach(stage, linked.connected, {"1001": "paid", "1002": "received"})

    replace(linked, url=stage.koppeling("link", linked.id)["activation_url"]).approve()
    reach(stage, linked.connected, {"1001": "paid", "1002": "paid"})


def test_a_delete_is_not_believed_while_the_key_works(stage: World, tmp_path: Path) -> None:
    """SnelStart says it is over, but still takes the key: the connection goes on, and `show` says what was told."""
    linked = activated(stage, tmp_path, "Toch niet")
    linked.owner("delete", alive=True)
    shown = linked.await_("the doubt", heard("snelstart-still-connected"))
    assert shown["status"] == "active"
    book(stage, linked.connected, sale(1001))


def test_an_activation_without_snelstart_is_caught_up(stage: World, tmp_path: Path) -> None:
    """SnelStart calls and then does not answer: nothing is lost, and once it answers the connection is there."""
    linked = link(stage, tmp_path, "Storing")
    with fault(stage, "books", kind="503", path="/b2b/token"):
        linked.approve()
        shown = linked.await_("a first try", heard("snelstart-unavailable"))
        assert shown["status"] == "pending"
    linked.await_outcome("Create", "done")
    book(stage, linked.connected, sale(1001))


def test_a_lost_message_is_made_up_for_by_the_clock(stage: World, tmp_path: Path) -> None:
    """A call that was kept but never announced falls due, and the next tick carries it out."""
    linked = link(stage, tmp_path, "Klokje")
    table, dynamodb = stage.deployment.outputs["TableName"], stage.deployment.dynamodb
    dynamodb.put_item(
        TableName=table,
        Item={
            "pk": {"S": f"CONNECTION#{linked.id}"},
            "sk": {"S": f"ACTIVATION#{'0' * 32}"},
            "action": {"S": "Create"},
            "state": {"S": "received"},
            "received_at": {"S": "2026-11-23T14:00:00.000Z"},
            "attempts": {"N": "0"},
            "sealed": {"B": sealed(stage, linked.id, linked.connected.koppelsleutel)},
            "due_pk": {"S": "ACTIVATIONS"},
            "due_at": {"S": "2026-11-23T14:02:00.000Z"},
        },
    )
    stage.deployment.poll()
    shown = linked.await_outcome("Create", "done")
    assert shown["administration"]["id"] == linked.connected.administration
    [row] = [row for row in rows_of(stage, linked.id) if row["sk"]["S"].startswith("ACTIVATION#")]
    assert row.keys().isdisjoint({"due_pk", "due_at", "sealed"})


def test_a_profile_that_does_not_fit_keeps_the_key(stage: World, tmp_path: Path) -> None:
    """An approval that meets a wrong profile says so; with a better one it is carried out without the owner."""
    linked = link(stage, tmp_path, "Passen", f"{PROFILE}[accounts]\nrevenue_high = 99999\n")
    linked.approve()
    shown = linked.await_outcome("Create", "refused")
    assert (shown["status"], shown["last_activation"]["reason"]["code"]) == ("pending", "koppeling-profile-unfit")
    file = tmp_path / "better.toml"
    file.write_text(PROFILE, encoding="utf-8")
    assert stage.koppeling("link", linked.id, "--profile", str(file))["tried_again"] is True
    linked.await_outcome("Create", "done")


def test_a_key_of_another_administration_is_not_taken(stage: World, tmp_path: Path) -> None:
    """Whoever has the link of a connected shop cannot turn it to other books: a visible reason, nothing changed."""
    linked = activated(stage, tmp_path, "Standvastig")
    other = stage.books.tell("administrations", {"naam": f"Vreemd {time.monotonic_ns()}"})
    what = {"administration": other["id"], "url": linked.url}
    assert stage.books.tell("coupling/approve", what)["delivered"]
    shown = linked.await_outcome("Create", "refused")
    assert shown["last_activation"]["reason"]["code"] == "snelstart-other-administration"
    assert (shown["status"], shown["administration"]["id"]) == ("active", linked.connected.administration)
    book(stage, linked.connected, sale(1001))


def test_a_key_that_mints_nothing_is_not_taken(stage: World, http: httpx.Client, tmp_path: Path) -> None:
    """With the link alone and a made-up key the connection stays pending, and says why."""
    linked = link(stage, tmp_path, "Verzonnen")
    assert post(stage, http, told("verzonnen-sleutel", "Create", linked.reference)).status_code == 200
    shown = linked.await_outcome("Create", "refused")
    assert (shown["status"], shown["last_activation"]["reason"]["code"]) == ("pending", "snelstart-key-refused")
    linked.approve()
    linked.await_outcome("Create", "done")


def test_a_replay_changes_nothing(stage: World, http: httpx.Client, tmp_path: Path) -> None:
    """The owner's own calls sent once more, the key dead or alive: the connection keeps the key that works."""
    linked = link(stage, tmp_path, "Herhaling")
    first = linked.approve()
    linked.await_outcome("Create", "done")
    second = linked.owner("regenerate")
    linked.await_outcome("Regenerate", "done")
    assert post(stage, http, told(first["koppelsleutel"], "Create", linked.reference)).status_code == 200
    linked.await_outcome("Create", "refused")
    assert post(stage, http, told(second["koppelsleutel"], "Regenerate", linked.reference)).status_code == 200
    assert post(stage, http, told(second["koppelsleutel"], "Delete", linked.reference)).status_code == 200
    linked.await_("the doubt", heard("snelstart-still-connected"))
    stage.books.tell("tokens/expire", {"administration": linked.connected.administration})
    book(stage, linked.connected, sale(1001))


def test_forged_calls_change_nothing_and_learn_nothing(stage: World, http: httpx.Client, tmp_path: Path) -> None:
    """Forged, truncated, expired, of another connection, withdrawn: all hear the same, and no row is another."""
    linked, neighbour = activated(stage, tmp_path, "Doelwit"), link(stage, tmp_path, "Buur")
    linked.await_outcome("Create", "done")
    signing_key = partner_secret(stage)["link_signing_key"]
    soon, past = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) - timedelta(seconds=1)
    expired = new_reference_key(linked.id, past, signing_key)
    remember(stage, linked.id, expired)
    withdrawn = neighbour.reference
    stage.koppeling("link", neighbour.id)
    forged = [
        "geraden",
        linked.reference[:-1],
        linked.reference[:43],
        linked.reference.swapcase(),
        withdrawn.split(".")[0] + "." + linked.reference.split(".")[1],
        new_reference_key(linked.id, soon, "een andere sleutel"),
        new_reference_key(linked.id, soon, signing_key),
        new_reference_key("00112233445566aa", soon, signing_key),
        expired,
        withdrawn,
    ]
    before = standing(linked), standing(neighbour)
    calls = [told("sleutel", action, one) for one in forged for action in ("Create", "Regenerate", "Delete")]
    answers = {(answer.status_code, answer.text) for answer in (post(stage, http, call) for call in calls)}
    assert answers == {(200, '{"received": true}')}
    assert (standing(linked), standing(neighbour)) == before
    book(stage, linked.connected, sale(1001))


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 60_000, 400),
        (b"\xff\xfe", 400),
        (b'{"KoppelSleutel": "k", "ActionType": "Create"}', 400),
        (b'{"KoppelSleutel": {"a": {"b": "c"}}, "ActionType": "Create", "ReferenceKey": "r"}', 400),
        (b" " * 65_537, 413),
    ],
)
def test_malformed_calls_are_refused(stage: World, http: httpx.Client, content: bytes, status: int) -> None:
    """Truncated, nested, oversized: refused as malformed, by the function itself."""
    answer = post(stage, http, content)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_a_pending_connection_cannot_be_worked_with(stage: World, tmp_path: Path) -> None:
    """Resume, preview and a change of profile say that the owner must approve first; removing works."""
    linked = link(stage, tmp_path, "Onaf")
    for command in (("resume", linked.id), ("preview", linked.id), ("profile", linked.id, "--set", "cost_centre=1")):
        done = stage.run_koppeling(*command)
        assert done.returncode == 3
        assert "nog niet goedgekeurd" in done.stderr
    assert "pending" in stage.run_koppeling("list").stdout
    stage.koppeling("remove", linked.id)
    assert rows_of(stage, linked.id) == []
    stage.books.tell("coupling/approve", {"administration": linked.connected.administration, "url": linked.url})
    assert rows_of(stage, linked.id) == []


def test_no_key_is_told_anywhere(stage: World, tmp_path: Path) -> None:
    """Neither koppelsleutels nor reference keys stand in a log line or a row after connecting, renewing and ending."""
    linked = link(stage, tmp_path, "Zwijgen")
    with fault(stage, "books", kind="malformed-200", path="/b2b/token", times=1):
        first = linked.approve()
        linked.await_outcome("Create", "done")
    second = linked.owner("regenerate")
    linked.await_outcome("Regenerate", "done")
    linked.owner("delete")
    linked.await_outcome("Delete", "done")
    said = "\n".join(stage.deployment.log_lines()) + repr(rows_of(stage, linked.id))
    assert linked.id in said
    reference = linked.reference
    secrets = (first["koppelsleutel"], second["koppelsleutel"], reference, *reference.split("."))
    assert [secret for secret in secrets if secret in said] == []
