"""What most commands take: which deployment, which connection, and whether to print JSON."""

from typing import Annotated

import typer

StackName = Annotated[
    str, typer.Option("--stack", metavar="NAME", help="The CloudFormation stack; or in KOPPELING_STACK.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
ConnectionId = Annotated[str, typer.Argument(metavar="ID", help="The connection, as `koppeling list` shows it.")]
