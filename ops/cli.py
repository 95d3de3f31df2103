"""`koppeling`: the operator's commands. Each finds the deployment, calls one use case and shows what came of it."""

import errno
import io
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ops import (
    asking,
    importing,
    linking,
    logs,
    output,
    places,
    reconciling,
    reporting,
    stack,
    troubles,
    undoing,
    watching,
)
from ops.asking import PARTNER_TOKEN, SHOP_TOKEN, SNELSTART_KEY, SUBSCRIPTION_KEY
from ops.output import Exit, could_not, wrong_use

# What needs boto3 or pydantic is imported inside the commands: `koppeling --help` answers at once.
if TYPE_CHECKING:
    from koppeling.connections import Connection
    from koppeling.foreseen import Preview
    from koppeling.order_row import OrderRow
    from koppeling.table import Table

StackName = Annotated[
    str, typer.Option("--stack", metavar="NAME", help="The CloudFormation stack; or in KOPPELING_STACK.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
ConnectionId = Annotated[str, typer.Argument(metavar="ID", help="The connection, as `koppeling list` shows it.")]
OrderState = Literal["received", "waiting", "booked", "paid", "credited", "skipped", "refused", "failed"]

app = typer.Typer(
    name="koppeling",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="""\b
Example:
  koppeling add --name "De Theepot" --stack koppeling

\b
Exit codes:
  0  done
  1  done, but not all is well (a refused order)
  2  wrong use
  3  could not (credentials, network, no such stack, connection or order; or the answer could not be written)""",
)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    # The functions' log lines go to standard output, which belongs to what a command answers.
    os.environ["POWERTOOLS_LOG_LEVEL"] = "CRITICAL"
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """One command; its exit code. Whatever goes wrong is one line on standard error, with `--json` a document too."""
    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="koppeling", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit:
        # How typer ends when nobody reads the answer any more.
        stop = troubles.unwritten(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
    except Exception as error:  # noqa: BLE001 -- the outermost door: `explain` names every error, none is swallowed
        stop = troubles.explain(error)
    else:
        if code != Exit.INTERRUPTED:
            return code or Exit.DONE
        stop = troubles.interrupted()
    output.failed(stop.reason, json_too="--json" in arguments)
    return stop.exit_code


def _example(*commands: str) -> str:
    return "\n".join(("\b", "Example:" if len(commands) == 1 else "Examples:", *(f"  {line}" for line in commands)))


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    stack_name: Annotated[
        str,
        typer.Option("--stack", envvar="KOPPELING_STACK", metavar="NAME", help="The CloudFormation stack."),
    ] = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Every paid order of a Mijnwebwinkel shop as a paid invoice in SnelStart: the operator's commands.

    AWS is found as usual: AWS_PROFILE, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL. --stack and --json may stand before or
    after the command.
    """
    if context.invoked_subcommand is None:
        raise wrong_use("wrong-use", "Which command?", "`koppeling --help` lists them.")
    context.default_map = {context.invoked_subcommand: {"stack_name": stack_name, "json": json}}


@app.command(
    epilog=_example(
        "koppeling partner --subscription-key KEY --partner-token TOKEN --product productie", "koppeling partner --show"
    )
)
def partner(
    subscription_key: Annotated[
        str | None, typer.Option(envvar=SUBSCRIPTION_KEY.variable, help="SnelStart's, from its developer portal.")
    ] = None,
    partner_token: Annotated[
        str | None, typer.Option(envvar=PARTNER_TOKEN.variable, help="Mijnwebwinkel's, for this software.")
    ] = None,
    product: Annotated[
        Literal["productie", "ontwikkeling"] | None, typer.Option(help="Which SnelStart product the key belongs to.")
    ] = None,
    app_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The short name under which SnelStart knows this app.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Say which are set; never what they are.")] = False,  # noqa: FBT002 -- an option
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Store the operator's own credentials, or say which are set.

    What is not given stays as it was; what is not given and not yet stored is asked for at a terminal, not shown.
    """
    from koppeling import links
    from koppeling import partner as partners

    if app_name and not links.APP_NAME.fullmatch(app_name):
        raise wrong_use("wrong-use", "That can be no short name of an app.", "SnelStart's developer portal shows it.")
    deployment = stack.find(stack_name)
    name = deployment.value("PartnerSecretName")
    stored = partners.fetch(name)
    if not show:
        nothing_given = not (subscription_key or partner_token or product or app_name)
        changes = {"product": product or stored.product, "app_name": app_name or stored.app_name}
        if subscription_key or nothing_given or not stored.subscription_key:
            changes["subscription_key"] = asking.required(SUBSCRIPTION_KEY, subscription_key)
        if partner_token or nothing_given or not stored.partner_token:
            changes["partner_token"] = asking.required(PARTNER_TOKEN, partner_token)
        partners.store(name, changes)
        stored = partners.fetch(name)
    known = {
        "subscription_key": bool(stored.subscription_key),
        "partner_token": bool(stored.partner_token),
        "link_signing_key": bool(stored.link_signing_key),
    }
    if json:
        told = {"product": stored.product, "app_name": stored.app_name or None}
        output.document({**known, **told, "activation_webhook": deployment.activation_webhook()})
        return
    facts = [(key, "set" if there else "not set") for key, there in known.items()]
    names = [("product", stored.product), ("app name", stored.app_name or "not set")]
    output.facts([*facts, *names, ("activation webhook", deployment.activation_webhook())])


@app.command(
    epilog=_example(
        'koppeling add --name "De Theepot"',
        'koppeling add --name "De Theepot" --shop-token TOKEN --snelstart-key KEY --profile theepot.toml',
    )
)
def add(
    name: Annotated[str, typer.Option(help="What to call the connection.")],
    shop_token: Annotated[
        str | None, typer.Option(envvar=SHOP_TOKEN.variable, help="The shop's API token; asked for when left out.")
    ] = None,
    snelstart_key: Annotated[
        str | None, typer.Option(envvar=SNELSTART_KEY.variable, help="The koppelsleutel; asked for when left out.")
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="TOML that changes the suggested profile."),
    ] = None,
    history_from: Annotated[
        str | None, typer.Option(metavar="DATE", help="Import the orders placed from this day on, as `import` does.")
    ] = None,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Connect a shop to an administration.

    Both credentials are proven and a profile is suggested before anything is stored. Prints what the shop's side
    must know to send webhooks: the secret is shown here, once. The key is for a sender that cannot sign: it appends
    ?key=KEY to the URL.
    """
    name = asking.name(name)
    token, key = asking.required(SHOP_TOKEN, shop_token), asking.required(SNELSTART_KEY, snelstart_key)
    toml = asking.profile_text(profile) if profile else None
    first = asking.past_day("--history-from", history_from) if history_from is not None else None
    deployment = stack.find(stack_name)
    from koppeling import onboard
    from koppeling.table import table
    from ops import views

    added = onboard.add(table(), name, token, key, toml)
    connection, url = added.connection, deployment.webhook_url(added.connection.id)
    history = importing.begin(table(), connection, first) if first else None
    if json:
        output.document(
            {
                **views.connection_json(connection),
                **views.webhook_json(url, added.webhook),
                **views.profile_json(connection),
                "warnings": list(added.warnings),
                **({"history": history.as_json()} if history else {}),
            }
        )
    else:
        output.facts([*views.connection_facts(connection), *views.webhook_facts(url, added.webhook)])
        print(f"\n{connection.profile.to_toml()}", end="")
    for warning in added.warnings:
        output.remark(warning)
    if history:
        output.remark(f"The import of history runs: `koppeling import {connection.id}` follows it.")


app.command(epilog=_example(*linking.EXAMPLES))(linking.link)


@app.command("list", epilog=_example("koppeling list --json"))
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


@app.command(epilog=_example("koppeling show 1f2e3d4c5b6a7988"))
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


@app.command(
    epilog=_example(
        "koppeling profile 1f2e3d4c5b6a7988 > theepot.toml",
        "koppeling profile 1f2e3d4c5b6a7988 --edit theepot.toml",
        "koppeling profile 1f2e3d4c5b6a7988 --set payment_term_days=30 --set accounts.revenue_high=8001",
        "koppeling profile 1f2e3d4c5b6a7988 --check",
    )
)
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


@app.command(epilog=_example("koppeling rotate 1f2e3d4c5b6a7988"))
def rotate(
    connection_id: ConnectionId,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Make a new webhook secret and URL key, shown here, once.

    The secret before it stays valid until the next rotation, so that the sender can change over; the URL key before
    it is taken for a minute at most.
    """
    deployment, table, connection = places.find(stack_name, connection_id)
    from koppeling import onboard
    from ops import views

    connection, webhook = onboard.rotate(table, connection)
    url = deployment.webhook_url(connection.id)
    if json:
        output.document({"connection_id": connection.id, **views.webhook_json(url, webhook)})
    else:
        output.facts(views.webhook_facts(url, webhook))


@app.command(epilog=_example("koppeling pause 1f2e3d4c5b6a7988"))
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


@app.command(
    epilog=_example("koppeling resume 1f2e3d4c5b6a7988", "koppeling resume 1f2e3d4c5b6a7988 --snelstart-key KEY")
)
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


@app.command(epilog=_example("koppeling remove 1f2e3d4c5b6a7988", "koppeling remove 1f2e3d4c5b6a7988 --yes"))
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


@app.command(epilog=_example("koppeling orders 1f2e3d4c5b6a7988", "koppeling orders 1f2e3d4c5b6a7988 --state refused"))
def orders(
    connection_id: ConnectionId,
    state: Annotated[OrderState | None, typer.Option(help="Only orders in this state.")] = None,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """List what became of each order, by number. Exit code 1 when one of them is refused, failed or stuck.

    The refused ones are grouped by cause: `koppeling retry ID --refused` books them all once it is gone.
    """
    _, table, connection = places.find(stack_name, connection_id)
    from koppeling.orders import Orders
    from ops import views

    rows = list(Orders(table, connection.id).all(state))
    if json:
        output.document([row.as_json() for row in rows])
    elif rows and state == "refused":
        output.table(("code", "for", "cause", "advice", "count", "orders"), views.causes(rows))
    elif rows:
        output.table(("order", "state", "invoice", "total", "reason"), [views.order_cells(row) for row in rows])
    else:
        print("No orders.")
    attention = sum(views.needs_attention(row) for row in rows)
    if attention:
        return output.not_well(
            f"{attention} of {len(rows)} need attention: `koppeling order {connection.id} NUMBER` says what to do."
        )
    return Exit.DONE


@app.command(
    epilog=_example("koppeling order 1f2e3d4c5b6a7988 1001", "koppeling order 1f2e3d4c5b6a7988 1001 --explain")
)
def order(
    connection_id: ConnectionId,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The order's number in the shop.")],
    explain: Annotated[  # noqa: FBT002 -- an option
        bool, typer.Option("--explain", help="Say why: plan it again as the shop states it now, and compare.")
    ] = False,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Show what became of one order, why, and what to do. Exit code 1 when it is refused, failed or stuck."""
    wanted = places.order_number(number)
    _, table, connection = places.find(stack_name, connection_id)
    from koppeling.orders import Orders
    from ops import views

    row = Orders(table, connection.id).get(wanted)
    if row is None:
        raise could_not(
            "no-such-order",
            f"Order {wanted} of connection {connection.id} was never announced here.",
            f"If it is in the shop, `koppeling retry {connection.id} {wanted}` fetches it.",
        )
    now = _looked_ahead(table, connection, wanted) if explain else None
    from ops import previews

    if json:
        output.document(previews.explained_json(row, now) if now else row.as_json())
    else:
        output.facts(views.order_facts(row))
        if now:
            previews.explain(now)
    if views.needs_attention(row):
        return output.not_well(output.say(row.reason) if row.reason else f"Order {wanted} is {row.state}.")
    return Exit.DONE


@app.command(
    epilog=_example(
        "koppeling preview 1f2e3d4c5b6a7988 --last 30d",
        "koppeling preview 1f2e3d4c5b6a7988 --order 1001",
        "koppeling preview 1f2e3d4c5b6a7988 --last 7d --json",
    )
)
def preview(
    connection_id: ConnectionId,
    last: Annotated[
        str | None, typer.Option(metavar="DAYS", help="Orders placed in the last so many days; 30d unless given.")
    ] = None,
    number: Annotated[
        str | None, typer.Option("--order", metavar="NUMBER", help="One order, by its number in the shop.")
    ] = None,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Show what would be booked, line by line, and what would be refused and why, without writing anything.

    Works for a paused connection too. Not to be known beforehand: whether SnelStart's period is still open and
    whether it takes the customer. Exit code 1 when an order would be refused.
    """
    if last is not None and number is not None:
        raise wrong_use("wrong-use", "Give --last or --order, not both", "(see `koppeling preview --help`).")
    wanted = places.order_number(number) if number is not None else None
    from ops import previews

    days = previews.days(last or "30d")
    _, table, connection = places.find(stack_name, connection_id)
    found: list[Preview] = []
    for one in [_looked_ahead(table, connection, wanted)] if wanted else _look_ahead(table, connection, days):
        found.append(one)
        if not json:
            previews.show(one)
    summary = previews.Summary.of(found)
    if json:
        orders = [previews.preview_json(one) for one in found]
        output.document({"connection_id": connection.id, "summary": summary.as_json(), "orders": orders})
    else:
        print(summary.text())
    if summary.refused:
        return output.not_well(f"{summary.outcomes['refuse']} of {summary.looked_at} would be refused.")
    return Exit.DONE


@app.command(epilog=_example("koppeling retry 1f2e3d4c5b6a7988 1001", "koppeling retry 1f2e3d4c5b6a7988 --refused"))
def retry(
    connection_id: ConnectionId,
    number: Annotated[str | None, typer.Argument(metavar="[NUMBER]", help="The order's number in the shop.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="All orders that somebody had to act on.")] = False,  # noqa: FBT002 -- an option
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Queue an order again, or all refused ones, after the cause is gone.

    An order never seen here is queued too. Exit code 1 when what is queued may not lead to a booking.
    """
    if (number is None) != refused:
        raise wrong_use("wrong-use", "Give one order number or --refused", "(see `koppeling retry --help`).")
    wanted = places.order_number(number) if number is not None else None
    _, table, connection = places.find(stack_name, connection_id)
    if connection.paused:
        # Its message would only remember the order; one that is refused would not go on at `resume`.
        raise could_not(
            "connection-paused",
            f"Connection {connection.id} is paused, so nothing can be tried again.",
            f"`koppeling resume {connection.id}` first.",
        )
    if wanted is None:
        from koppeling import onboard

        row, queued = None, onboard.requeue(table, connection, onboard.stopped, anew=True)
    else:
        row, queued = _queue(table, connection, wanted)
    if json:
        output.document({"connection_id": connection.id, "order_number": wanted, "queued": queued})
    else:
        print(f"Queued: {queued}.")
    if wanted and row is None:
        return output.not_well(
            f"Order {wanted} was not known here: `koppeling order {connection.id} {wanted}` will say whether it exists."
        )
    return Exit.DONE


app.command("import", epilog=_example(*importing.EXAMPLES))(importing.import_)
app.command(epilog=_example(*reconciling.EXAMPLES))(reconciling.reconcile)
app.command(epilog=_example(*reporting.EXAMPLES))(reporting.report)
app.command(epilog=_example(*undoing.EXAMPLES))(undoing.undo)


@app.command(epilog=_example("koppeling redrive"))
def redrive(
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Move the dead letters of orders and imports back. Exit code 1 when unreadable ones stay behind."""
    deployment = stack.find(stack_name)
    from ops import letters

    moved = letters.redrive(
        deployment.value("OrderDeadLetterQueueUrl"),
        deployment.value("OrderQueueUrl"),
        deployment.value("BacklogQueueUrl"),
    )
    if json:
        output.document({"moved": moved.moved, "left": moved.left})
    else:
        print(f"Moved: {moved.moved}.")
    if moved.left:
        return output.not_well(
            f"Left behind: {moved.left}, being no messages of ours; SQS drops them when they are 14 days old."
        )
    return Exit.DONE


app.command(epilog=_example(*watching.HEALTH_EXAMPLES))(watching.health)
app.command(epilog=_example(*logs.EXAMPLES))(logs.log)
app.command(epilog=_example(*watching.LETTERS_EXAMPLES))(watching.letters)


def _profile_fits(connection: "Connection") -> int:
    problems = len(connection.profile_problems)
    if not problems:
        return Exit.DONE
    return output.not_well(
        f"The profile does not fit the administration ({problems}): change it with `koppeling profile {connection.id}"
        f" --set`, or repair it in SnelStart and look again with --check."
    )


def _looked_ahead(table: "Table", connection: "Connection", number: str) -> "Preview":
    from koppeling.preview import preview_order
    from koppeling.workplace import Workplace

    with Workplace.open(table, connection) as place:
        return preview_order(place, number)


def _look_ahead(table: "Table", connection: "Connection", days: int) -> "Iterator[Preview]":
    from koppeling import clock
    from koppeling.preview import preview_since
    from koppeling.workplace import Workplace

    today = clock.now().astimezone(clock.AMSTERDAM).date()
    with Workplace.open(table, connection) as place:
        yield from preview_since(place, today - timedelta(days=days), today, _progress)


def _progress(done: int, expected: int) -> None:
    if sys.stderr.isatty():
        output.remark(f"{done} of {expected} orders looked at ...")


def _queue(table: "Table", connection: "Connection", number: str) -> tuple["OrderRow | None", int]:
    """The order as it was, and how many messages were queued: one."""
    from koppeling import clock, queues
    from koppeling.messages import OrderMessage
    from koppeling.orders import Orders
    from koppeling.settings import settings

    row = Orders(table, connection.id).get(number)
    message = OrderMessage(connection.id, number, "retry", clock.now(), uuid.uuid4().hex)
    return row, queues.send_orders(settings().order_queue_url, [message])
