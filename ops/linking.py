"""`koppeling link`: let an owner connect by approving in SnelStart, instead of sending a koppelsleutel around."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops import asking, output, places, stack
from ops.asking import SHOP_TOKEN
from ops.options import Json, StackName
from ops.output import wrong_use

if TYPE_CHECKING:
    from koppeling.activation import Activation
    from koppeling.linking import Link
    from ops.stack import Deployment
    from ops.views import Fact

EXAMPLES = (
    'koppeling link --name "De Theepot"',
    "koppeling link 1f2e3d4c5b6a7988",
    "koppeling link 1f2e3d4c5b6a7988 --profile theepot.toml",
)


def link(
    connection_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A connection there is already, for a new link to it.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call a new connection.")] = None,
    shop_token: Annotated[
        str | None, typer.Option(envvar=SHOP_TOKEN.variable, help="The shop's API token; asked for when left out.")
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="TOML that changes the suggested profile."),
    ] = None,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Print the link by which a shop's owner approves the connection in SnelStart; it holds a week.

    With --name a new connection: the shop token is proven, the rest happens by itself once the owner approves. With
    ID a new link for one that is there, when its koppelsleutel broke; earlier links nobody approved by stop working.
    Whoever has the link can connect an administration by it: send it to the owner only, and see in `koppeling show`
    which administration it became.
    """
    if (connection_id is None) == (name is None):
        raise wrong_use(
            "wrong-use", "Give --name for a new connection, or the ID of one", "(see `koppeling link --help`)."
        )
    toml = asking.profile_text(profile) if profile else None
    if name is not None:
        name = asking.name(name)
        token = asking.required(SHOP_TOKEN, shop_token)
        _show(*_new(stack.find(stack_name), name, token, toml), json=json)
    else:
        _show(*_another(stack.find(stack_name), connection_id or "", toml), json=json)


def _new(deployment: "Deployment", name: str, token: str, toml: str | None) -> tuple[dict[str, Any], "list[Fact]"]:
    from koppeling import linking
    from koppeling.table import table
    from ops import views

    added, made = linking.begin(table(), name, token, toml)
    url = deployment.webhook_url(added.connection.id)
    return (
        {**views.connection_json(added.connection), **views.webhook_json(url, added.webhook), **_json(made)},
        [*views.connection_facts(added.connection), *views.webhook_facts(url, added.webhook), *_facts(made)],
    )


def _another(deployment: "Deployment", connection_id: str, toml: str | None) -> tuple[dict[str, Any], "list[Fact]"]:
    from koppeling import activation, linking
    from koppeling.connections import Connections
    from koppeling.table import table

    rows = table()
    connection = Connections(rows).get(connection_id)
    if connection is None:
        raise places.no_connection(connection_id)
    if toml is not None and not connection.pending:
        raise wrong_use(
            "wrong-use",
            "This connection has its profile already.",
            f"Change it with `koppeling profile {connection.id} --edit`.",
        )
    linking.keep_profile(rows, connection, toml)
    made = linking.new_link(rows, connection)
    tried = activation.try_again(rows, connection, deployment.value("PollQueueUrl"))
    return (
        {"connection_id": connection.id, **_json(made), "tried_again": tried},
        [
            ("connection", connection.id),
            *_facts(made),
            ("tried again", "the approval that was refused" if tried else None),
        ],
    )


def _json(made: "Link") -> dict[str, Any]:
    return {"activation_url": made.url, "expires_at": made.expires_at}


def _facts(made: "Link") -> "list[Fact]":
    return [("activation URL", made.url), ("holds until", made.expires_at)]


def _show(document: dict[str, Any], facts: "list[Fact]", *, json: bool) -> None:
    if json:
        output.document(document)
    else:
        output.facts(facts)


def activation_json(latest: "Activation | None") -> dict[str, Any] | None:
    """What SnelStart told last of a connection, and what came of it."""
    if latest is None:
        return None
    return {
        "action": latest.action,
        "state": latest.state,
        "received_at": latest.received_at,
        "reason": latest.reason.as_dict() if latest.reason else None,
    }


def activation_facts(latest: "Activation | None") -> "list[Fact]":
    """The same for people."""
    if latest is None:
        return []
    reason = latest.reason
    return [
        ("SnelStart told", f"{latest.action} at {latest.received_at}: {latest.state}"),
        ("because", f"{reason.sentence} {reason.advice}" if reason else None),
    ]
