"""What most commands are about: one connection of one deployment, and the number of an order."""

from typing import TYPE_CHECKING, NamedTuple

from ops import output, stack
from ops.output import could_not, wrong_use

if TYPE_CHECKING:
    from koppeling.connections import Connection
    from koppeling.table import Table
    from ops.stack import Deployment


class Place(NamedTuple):
    """One connection of one deployment."""

    deployment: "Deployment"
    table: "Table"
    connection: "Connection"


def find(stack_name: str, connection_id: str) -> Place:
    """The connection; what to do when there is no such stack or connection in it."""
    deployment = stack.find(stack_name)
    from koppeling.connections import Connections
    from koppeling.table import table

    rows = table()
    connection = Connections(rows).get(connection_id)
    if connection is None:
        raise no_connection(connection_id)
    return Place(deployment, rows, connection)


def no_connection(connection_id: str) -> output.Stop:
    """There is no such connection."""
    return could_not(
        "no-such-connection",
        f"There is no connection {connection_id} in this stack.",
        "`koppeling list` shows the ones there are.",
    )


def order_number(typed: str) -> str:
    """An order's number as it is known by; what to do when it can be none."""
    from koppeling.messages import order_number as known_as

    number = known_as(typed)
    if number is None:
        raise wrong_use("wrong-use", f"{typed} can be no order number.", "Give it as the shop shows it, such as 1001.")
    return number
