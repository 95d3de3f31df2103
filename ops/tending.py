"""`koppeling list`, `show`, `profile`, `pause`, `resume` and `remove`: the connections there are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import asking, linking, output, places, reconciling, stack
from ops.asking import SHOP_TOKEN, SNELSTART_KEY
from ops.options import ConnectionId, Json, StackName
from ops.output import Exit, wrong_use

if TYPE_CHECKING:
    from koppeling.connections import Connection
    from koppeling.order_row import OrderRow

LIST_EXAMPLES = ("koppeling list --json",)
SHOW_EXAMPLES = ("koppeling show 1f2e3d4c5b6a7988",)
PROFILE_EXAMPLES = (
    "koppeling profile 1f2e3d4c5b6a7988 > theepot.toml",
    "koppeling profile 1f2e3d4c5b6a7988 --edit theepot.toml",
    "koppeling profile 1f2e3d4c5b6a7988 --set payment_term_days=30 --set accounts.revenue_high=8001",
    "koppeling profile 1f2e3d4c5b6a7988 --check",
)
PAUSE_EXAMPLES = ("koppeling pause 1f2e3d4c5b6a7988",)
RESUME_EXAMPLES = (
    "koppeling resume 1f2e3d4c5b6a7988",
    "koppeling resume 1f2e3d4c5b6a7988 --snelstart-key KEY",
)
REMOVE_EXAMPLES = (
    "koppeling remove 1f2e3d4c5b6a7988",
    "koppeling remove 1f2e3d4c5b6a7988 --yes",
)


def list_(
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """List all connections, with what last night's comparison of shop and books came to."""
    stack.find(stack_name)
    from koppeling import nightly
    from koppeling.connections import Connections
    from koppeling.table import table
    from ops import views

    stored = Connections(table())
    found = [connection for one in stored.all_ids() if (connection := stored.get(one))]
    kept = {one.id: nightly.latest(table(), one.id) for one in found}
    if json:
        output.document(
            [views.connection_json(one) | {"reconciled": reconciling.kept_json(kept[one.id])} for one in found]
        )
    elif found:
        output.table(
            ("connection", "name", "status", "books", "shop", "administration"),
            [
                (
                    one.id,
                    one.name,
                    views.standing(one),
                    reconciling.mark(kept[one.id]),
                    one.shop_name or one.shop_domain,
                    one.administration_name,
                )
                for one in found
            ],
        )
    else:
        print("No connections yet; `koppeling add` makes one.")


def show(
    connection_id: ConnectionId,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Show one connection, and how many of its orders stand in each state.

    Exit code 1 when its profile did not fit the administration as that was last read, at most a day ago.
    """
    deployment, table, connection = places.find(stack_name, connection_id)
    from koppeling import activation, nightly
    from koppeling.orders import Orders
    from ops import views

    counts = views.count_states(Orders(table, connection.id).all())
    url, told = deployment.webhook_url(connection.id), activation.latest(table, connection.id)
    kept = nightly.latest(table, connection.id)
    if json:
        heard = {"webhook_url": url, "last_activation": linking.activation_json(told)}
        heard |= {"reconciled": reconciling.kept_json(kept)}
        output.document({**views.connection_json(connection), **heard, "orders": counts})
    else:
        output.facts([*views.connection_facts(connection), ("webhook URL", url), *linking.activation_facts(told)])
        print()
        output.facts([(state, str(count)) for state, count in counts.items() if count] or [("orders", "none yet")])
        output.facts(reconciling.kept_facts(kept))
    return _profile_fits(connection)


def profile(
    connection_id: ConnectionId,
    edit: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, metavar="FILE", help="TOML with the new choices.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One new choice; may be repeated.")
    ] = None,
    check: Annotated[  # noqa: FBT002 -- an option
        bool, typer.Option("--check", help="Hold it against the administration and the shop as they are now.")
    ] = False,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Print a connection's profile as TOML, change it, or check it.

    What FILE or --set leave out stays as it is. A profile that does not fit the administration is not stored. One that
    no longer fits, because an account is gone, is told of with --check: what is wrong and what would do, exit code 1.
    """
    if sum(map(bool, (edit, set_, check))) > 1:
        raise wrong_use("wrong-use", "Give one of --edit, --set and --check", "(see `koppeling profile --help`).")
    toml = asking.profile_text(edit) if edit else asking.settings_text(set_) if set_ else None
    _, table, connection = places.find(stack_name, connection_id)
    from ops import views

    if toml is not None:
        from koppeling import onboard

        connection = onboard.change_profile(table, connection, toml)
    if check:
        from koppeling import onboard

        connection = onboard.check_profile(table, connection)
    if json:
        told = views.problems_json(connection) if check else {}
        output.document({"connection_id": connection.id, **views.profile_json(connection), **told})
    elif check:
        print("\n".join(map(output.plain, connection.profile_problems)) or "The profile fits.")
    else:
        print(connection.profile.to_toml(), end="")
    return _profile_fits(connection) if check else Exit.DONE


def pause(
    connection_id: ConnectionId,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Let a connection stand still; orders announced meanwhile are kept until `koppeling resume`."""
    _, table, connection = places.find(stack_name, connection_id)
    from koppeling import onboard
    from ops import views

    connection = onboard.pause(table, connection)
    if json:
        output.document(views.connection_json(connection))
    else:
        output.facts(views.connection_facts(connection))


def resume(
    connection_id: ConnectionId,
    shop_token: Annotated[
        str | None, typer.Option(envvar=SHOP_TOKEN.variable, help="A new shop token, in place of the stored one.")
    ] = None,
    snelstart_key: Annotated[
        str | None, typer.Option(envvar=SNELSTART_KEY.variable, help="A new koppelsleutel, in place of the stored one.")
    ] = None,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Let a connection go on, after proving both credentials; the orders kept meanwhile are queued."""
    _, table, connection = places.find(stack_name, connection_id)
    from koppeling import onboard
    from ops import views

    connection, queued = onboard.resume(
        table, connection, shop_token=shop_token or None, koppelsleutel=snelstart_key or None
    )
    if json:
        output.document({**views.connection_json(connection), "queued": queued})
    else:
        output.facts([*views.connection_facts(connection), ("queued again", str(queued))])


def remove(
    connection_id: ConnectionId,
    yes: Annotated[  # noqa: FBT002 -- an option
        bool, typer.Option("--yes", help="Do not ask; --json asks only while orders are under way.")
    ] = False,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Erase a connection: its credentials, its orders' states, its profile. The books keep their bookings.

    Exit code 1 when orders were still under way: nobody settles their invoices any more.
    """
    stack.find(stack_name)
    from koppeling import clock
    from koppeling.connections import Connections
    from koppeling.orders import Orders
    from koppeling.table import table
    from ops import views

    stored = Connections(table())
    connection = stored.get(connection_id)
    # Listed without a row: an earlier removal that was cut off, to be finished.
    if connection is None and connection_id not in stored.all_ids(removed=True):
        raise places.no_connection(connection_id)
    unfinished = [row for row in Orders(table(), connection_id).all() if row.under_way(clock.now())]
    if not yes:
        _confirm_removal(connection.name if connection else connection_id, unfinished, may_ask=not json)
    rows = stored.remove(connection_id)
    if json:
        under_way = views.under_way_json(unfinished)
        output.document({"connection_id": connection_id, "removed": True, "rows": rows, "under_way": under_way})
    else:
        print(f"Removed, {rows} rows erased. What was booked in SnelStart is untouched.")
    if unfinished:
        return output.not_well(f"{views.under_way(unfinished)} Kijk in SnelStart of ze geboekt en betaald zijn.")
    return Exit.DONE


def _confirm_removal(name: str, unfinished: "list[OrderRow]", *, may_ask: bool) -> None:
    """Ask at a terminal; a script that did not say --yes stops, with `--json` only while orders are under way."""
    from ops import views

    said = views.under_way(unfinished) if unfinished else ""
    if may_ask and asking.at_terminal():
        if said:
            output.remark(f"{said} Na het verwijderen gebeurt dat niet meer.")
        question = f"Erase all that is kept of {output.plain(name)}? The books keep their bookings."
        typer.confirm(question, abort=True, err=True)
    elif said:
        raise wrong_use(
            "orders-under-way",
            said,
            "Wacht tot dat klaar is, of verwijder toch met --yes: de koppeling doet er dan niets meer aan.",
        )
    elif may_ask:
        raise wrong_use("not-confirmed", "Nobody is there to confirm this.", "Add --yes to remove without asking.")


def _profile_fits(connection: "Connection") -> int:
    problems = len(connection.profile_problems)
    if not problems:
        return Exit.DONE
    return output.not_well(
        f"The profile does not fit the administration ({problems}): change it with `koppeling profile {connection.id}"
        f" --set`, or repair it in SnelStart and look again with --check."
    )
