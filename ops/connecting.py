"""`koppeling partner`, `add` and `rotate`: whose credentials there are, and what the shop's side must know."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ops import asking, importing, output, places, stack
from ops.asking import PARTNER_TOKEN, SHOP_TOKEN, SNELSTART_KEY, SUBSCRIPTION_KEY
from ops.options import ConnectionId, Json, StackName
from ops.output import Exit, wrong_use

PARTNER_EXAMPLES = (
    "koppeling partner --subscription-key KEY --partner-token TOKEN --product productie",
    "koppeling partner --show",
)
ADD_EXAMPLES = (
    'koppeling add --name "De Theepot"',
    'koppeling add --name "De Theepot" --shop-token TOKEN --snelstart-key KEY --profile theepot.toml',
)
ROTATE_EXAMPLES = ("koppeling rotate 1f2e3d4c5b6a7988",)


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
) -> int:
    """Connect a shop to an administration.

    Both credentials are proven and a profile is suggested before anything is stored. Prints what the shop's side
    must know to send webhooks: the secret is shown here, once. The key is for a sender that cannot sign: it appends
    ?key=KEY to the URL. Exit code 1 when the connection is there but its history may not be imported.
    """
    name = asking.name(name)
    token, key = asking.required(SHOP_TOKEN, shop_token), asking.required(SNELSTART_KEY, snelstart_key)
    toml = asking.profile_text(profile) if profile else None
    first = asking.past_day("--history-from", history_from) if history_from is not None else None
    deployment = stack.find(stack_name)
    from koppeling import onboard
    from koppeling.failures import Failure
    from koppeling.table import table
    from ops import views

    added = onboard.add(table(), name, token, key, toml)
    connection, url = added.connection, deployment.webhook_url(added.connection.id)
    history, not_begun = None, None
    try:
        history = importing.begin(table(), connection, first) if first else None
    except Failure as failure:
        # The connection is there, and its secret is shown nowhere but here.
        not_begun = failure.reason
    if json:
        output.document(
            {
                **views.connection_json(connection),
                **views.webhook_json(url, added.webhook),
                **views.profile_json(connection),
                "warnings": list(added.warnings),
                **({"history": history.as_json() if history else None} if first else {}),
            }
        )
    else:
        output.facts([*views.connection_facts(connection), *views.webhook_facts(url, added.webhook)])
        print(f"\n{connection.profile.to_toml()}", end="")
    for warning in added.warnings:
        output.remark(warning)
    if history:
        output.remark(f"The import of history runs: `koppeling import {connection.id}` follows it.")
    if not_begun:
        return output.not_well(
            f"Connection {connection.id} is added, but its history is not imported: {output.say(not_begun)}"
            f" Then: `koppeling import {connection.id} --from {first}`."
        )
    return Exit.DONE


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
