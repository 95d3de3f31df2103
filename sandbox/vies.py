"""A simulated VIES, the EU's register of VAT numbers, on 127.0.0.1: its REST look-up and a control API under /_sim.

    python -m sandbox.vies --port 0 --port-file FILE

Every number is registered unless told otherwise. Ends on SIGTERM or SIGINT. Nothing is kept on disk.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.serving import options, serve

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


def main() -> None:
    """Run until told to end."""
    serve(Vies().application(), options("sandbox.vies", "Een nagespeeld VIES op deze machine.").parse_args())


if __name__ == "__main__":
    main()
