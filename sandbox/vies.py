"""A simulated VIES, the EU's register of VAT numbers, on 127.0.0.1: its REST look-up and a control API under /_sim.

    python -m sandbox.vies --port 0 --port-file FILE

Every number is registered unless told otherwise. Ends on SIGTERM or SIGINT. Nothing is kept on disk.
"""

import argparse
import asyncio
import signal
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_OUT_OF_ORDER: Final = 503
_COUNTRIES: Final = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI".split()  # noqa: SIM905 -- a list
)


@dataclass
class Register:
    """What the simulated register knows and how it fares; numbers with their country's prefix.

    `errors`: per country the `userError` it answers instead of a verdict, such as MS_UNAVAILABLE. `down`: the whole
    service answers 503. `reference`: the request identifier in its answers, empty for a question without requester.
    """

    unregistered: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    down: bool = False
    reference: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, country: str, digits: str) -> dict[str, object]:
        """The answer's JSON, in the shape of the real service."""
        known = country in _COUNTRIES and digits.isalnum()
        registered = known and country + digits not in self.unregistered
        verdict = self.errors.get(country, "VALID" if registered else "INVALID" if known else "INVALID_INPUT")
        valid = verdict == "VALID"
        return {
            "isValid": valid,
            "requestDate": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "userError": verdict,
            "name": "VOORBEELD" if valid else "---",
            "address": "VOORBEELDSTRAAT 1" if valid else "---",
            "requestIdentifier": self.reference if valid else "",
            "originalVatNumber": digits,
            "vatNumber": digits,
        }


class Vies:
    """The handlers, over one register."""

    def __init__(self) -> None:
        """Start with every number registered."""
        self.register = Register()

    async def check(self, request: Request) -> Response:
        """`GET /ms/{country}/vat/{number}`."""
        country, digits = request.path_params["country"], request.path_params["number"]
        self.register.asked.append(country + digits)
        if self.register.down:
            return Response("Service Unavailable", _OUT_OF_ORDER)
        return JSONResponse(self.register.answer(country, digits))

    async def reset(self, request: Request) -> Response:
        """Start over, with these fields of `Register`."""
        try:
            self.register = Register(**await request.json())
        except TypeError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({})

    async def asked(self, _: Request) -> Response:
        """The numbers asked about so far, in order."""
        return JSONResponse({"asked": self.register.asked})

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/ms/{country}/vat/{number}", self.check),
                Route("/_sim/register", self.reset, methods=["POST"]),
                Route("/_sim/asked", self.asked),
            ]
        )


async def _serve(port: int, port_file: Path | None) -> None:
    config = uvicorn.Config(
        Vies().application(),
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    # named as TCP: asyncio switches Nagle off only then, and with it every answer takes 40 ms longer
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        bound = listener.getsockname()[1]
        if port_file is not None:
            fresh = port_file.with_suffix(".new")
            fresh.write_text(str(bound))
            fresh.rename(port_file)
        print(f"http://127.0.0.1:{bound}", flush=True)
        await running.serve(sockets=[listener])


def main() -> None:
    """Run until told to end."""
    parser = argparse.ArgumentParser(prog="sandbox.vies", description="Een nagespeeld VIES op deze machine.")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--port-file", type=Path, help="file the port is written to once it listens")
    chosen = parser.parse_args()
    # uvicorn raises the signal it ended on once more: ending on request is no failure
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    asyncio.run(_serve(chosen.port, chosen.port_file))


if __name__ == "__main__":
    main()
