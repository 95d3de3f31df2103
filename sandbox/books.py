"""A simulated SnelStart on 127.0.0.1: token endpoint, API v2, a page to look at, and a control API under /_sim.

    python -m sandbox.books --port 0 --port-file FILE

API base `{url}/v2`, token endpoint `{url}/b2b/token`. Ends on SIGTERM or SIGINT. Nothing is kept on disk.
"""

import argparse
import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from sandbox import books_page
from sandbox.books_control import Control
from sandbox.books_gate import CuttableProtocol, Simulator
from sandbox.books_state import DEFAULT_SUBSCRIPTION_KEY

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def application(sim: Simulator) -> Starlette:
    """The ASGI application over one simulator."""
    return Starlette(
        routes=[
            Route("/b2b/token", sim.token, methods=["POST"]),
            Route("/v2/{path:path}", sim.api, methods=_METHODS),
            *Control(sim).routes(),
            *books_page.routes(sim),
        ]
    )


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the program below ends it, with exit code 0."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield


def server(sim: Simulator) -> Server:
    """A quiet server: no access log, so no token or address is ever printed."""
    config = uvicorn.Config(
        application(sim),
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    return Server(config)


async def _serve(port: int, port_file: Path | None, subscription_key: str) -> None:
    sim = Simulator()
    sim.books.subscription_key = subscription_key
    running = server(sim)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        running.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    # named as TCP: asyncio switches Nagle off only then, and with it every answer takes 40 ms longer
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
        bound = listener.getsockname()[1]
        if port_file is not None:
            fresh = port_file.with_suffix(".new")
            fresh.write_text(str(bound))
            fresh.rename(port_file)
        print(f"http://127.0.0.1:{bound}", flush=True)
        await running.serve(sockets=[listener])


def main() -> None:
    """Run until told to end."""
    parser = argparse.ArgumentParser(prog="sandbox.books", description="Een nagespeelde SnelStart op deze machine.")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--port-file", type=Path, help="file the port is written to once it listens")
    parser.add_argument("--subscription-key", default=DEFAULT_SUBSCRIPTION_KEY)
    chosen = parser.parse_args()
    asyncio.run(_serve(chosen.port, chosen.port_file, chosen.subscription_key))


if __name__ == "__main__":
    main()
