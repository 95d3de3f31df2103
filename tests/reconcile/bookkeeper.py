"""Somebody who works in SnelStart by hand, next to the koppeling: through the API as any other program would."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from koppeling.settings import settings
from koppeling.snelstart.client import token
from sandbox.world import SUBSCRIPTION_KEY
from tests.exactly_once.rig import Connected

type Json = dict[str, Any]


@dataclass(frozen=True)
class Bookkeeper:
    """One administration, by hand."""

    connected: Connected
    http: httpx.Client = field(repr=False)

    def call(self, method: str, path: str, body: Json | None = None) -> Any:  # noqa: ANN401 -- JSON
        """One call; it must succeed."""
        bearer = token(self.connected.connection.credentials().koppelsleutel)
        headers = {"Authorization": f"Bearer {bearer}", "Ocp-Apim-Subscription-Key": SUBSCRIPTION_KEY}
        answer = self.http.request(method, f"{settings().snelstart_api_url}/{path}", headers=headers, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def invoice(self, number: str) -> Json:
        """The invoice with this number."""
        listed = self.connected.snelstart.get("verkoopfacturen", {"$filter": f"Factuurnummer eq '{number}'"})
        [found] = listed
        return dict(found)

    def booking(self, number: str) -> Json:
        """The whole booking of an invoice, amounts as text."""
        held = self.call("GET", f"verkoopboekingen/{self.invoice(number)['verkoopBoeking']['id']}")
        return dict(held)

    def change(self, number: str, **changes: object) -> None:
        """Replace a booking by itself with these changes."""
        booking = self.booking(number)
        self.call("PUT", f"verkoopboekingen/{booking['id']}", booking | changes)

    def copy(self, number: str, **changes: object) -> Json:
        """Book the invoice again with these changes."""
        booking = {name: value for name, value in self.booking(number).items() if name not in ("id", "uri")}
        return dict(self.call("POST", "verkoopboekingen", booking | changes))

    def credit(self, number: str, as_: str, **changes: object) -> Json:
        """Book the whole negative of an invoice under another number."""
        booking = self.booking(number)
        regels = [{**regel, "bedrag": -regel["bedrag"]} for regel in booking["boekingsregels"]]
        btw = [{**one, "btwBedrag": -one["btwBedrag"]} for one in booking["btw"]]
        turned = {"boekingsregels": regels, "btw": btw, "factuurbedrag": -booking["factuurbedrag"]}
        return self.copy(number, factuurnummer=as_, **turned, **changes)

    def payments(self, number: str) -> list[tuple[str, Json]]:
        """The bank and cash bookings on an invoice, with the call they are listed by."""
        booking_id = self.invoice(number)["verkoopBoeking"]["id"]
        return [
            (path, row)
            for path in ("bankboekingen", "kasboekingen")
            for row in self.call("GET", path)
            if any(line["boekingId"]["id"] == booking_id for line in row["verkoopboekingBoekingsRegels"])
        ]

    def unpay(self, number: str) -> None:
        """Remove the payments of an invoice."""
        for path, row in self.payments(number):
            self.call("DELETE", f"{path}/{row['id']}")

    def delete(self, number: str) -> None:
        """Remove an invoice, its payments first."""
        self.unpay(number)
        self.call("DELETE", f"verkoopboekingen/{self.invoice(number)['verkoopBoeking']['id']}")

    def pay(self, number: str, journal: int, omschrijving: str = "Uit het bankafschrift") -> None:
        """Settle an invoice whole in a bank journal."""
        invoice = self.invoice(number)
        [dagboek] = [row for row in self.connected.snelstart.get("dagboeken") if row["nummer"] == journal]
        amount, booking_id = str(invoice["factuurBedrag"]), invoice["verkoopBoeking"]["id"]
        line = {"boekingId": {"id": booking_id}, "omschrijving": omschrijving, "debet": "0", "credit": amount}
        body = {
            "datum": invoice["factuurDatum"],
            "dagboek": {"id": dagboek["id"]},
            "omschrijving": omschrijving,
            "bedragOntvangen": amount,
            "bedragUitgegeven": "0",
            "verkoopboekingBoekingsRegels": [line],
        }
        self.call("POST", "bankboekingen", body)


@contextmanager
def bookkeeper(connected: Connected) -> Iterator[Bookkeeper]:
    """At work in this administration."""
    with httpx.Client(timeout=30.0, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http:
        yield Bookkeeper(connected, http)
