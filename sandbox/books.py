"""A simulated SnelStart on 127.0.0.1: token endpoint, API v2, a page to look at, and a control API under /_sim.

    python -m sandbox.books --port 0 --port-file FILE

API base `{url}/v2`, token endpoint `{url}/b2b/token`. Ends on SIGTERM or SIGINT. Nothing is kept on disk.
"""

from starlette.applications import Starlette
from starlette.routing import Route

from sandbox import books_page
from sandbox.books_control import Control
from sandbox.books_coupling import Page
from sandbox.books_gate import CuttableProtocol, Simulator
from sandbox.books_state import DEFAULT_SUBSCRIPTION_KEY
from sandbox.serving import options, serve

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def application(sim: Simulator) -> Starlette:
    """The ASGI application over one simulator."""
    return Starlette(
        routes=[
            Route("/b2b/token", sim.token, methods=["POST"]),
            Route("/v2/{path:path}", sim.api, methods=_METHODS),
            *Control(sim).routes(),
            *Page(sim).routes(),
            *books_page.routes(sim),
        ]
    )


def main() -> None:
    """Run until told to end."""
    parser = options("sandbox.books", "Een nagespeelde SnelStart op deze machine.")
    parser.add_argument("--subscription-key", default=DEFAULT_SUBSCRIPTION_KEY)
    chosen = parser.parse_args()
    sim = Simulator()
    sim.books.subscription_key = chosen.subscription_key
    serve(application(sim), chosen, CuttableProtocol)


if __name__ == "__main__":
    main()
