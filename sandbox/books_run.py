"""Start the simulated SnelStart for a test or a script, and talk to it as a client or as the puppeteer."""

import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from sandbox.books_state import DEFAULT_SUBSCRIPTION_KEY
from sandbox.books_wire import Row, loads

_START_SECONDS = 20.0
_ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def running_books(*arguments: str) -> Iterator[str]:
    """The simulator in a process of its own on a free port; yields its URL and ends it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", "sandbox.books", "--port-file", str(port_file), *arguments]
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own module
            try:
                deadline = time.monotonic() + _START_SECONDS
                while not port_file.exists():
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError("the simulated SnelStart did not start")
                    time.sleep(0.02)
                yield f"http://127.0.0.1:{port_file.read_text()}"
            finally:
                process.terminate()


class BooksClient:
    """One administration, as its client (with token and subscription key) and as its puppeteer (`sim`)."""

    def __init__(self, url: str, *, reset: bool = False, **options: Any) -> None:  # noqa: ANN401 - the control API's own options
        self.url = url
        # no TLS on 127.0.0.1: reading the machine's certificates would cost more than the test
        self._http = httpx.Client(base_url=url, timeout=10, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        if reset:
            self.sim("POST", "/reset")
        self.made = self.sim("POST", "/administrations", options)
        self.id = str(self.made["id"])
        self.headers = {"Ocp-Apim-Subscription-Key": DEFAULT_SUBSCRIPTION_KEY}
        self.login()

    def other(self, **options: Any) -> "BooksClient":  # noqa: ANN401 - the control API's own options
        """Another administration in the same simulator."""
        return BooksClient(self.url, **options)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def login(self) -> None:
        """Fetch a token and use it from now on. Raises HTTPStatusError when the koppelsleutel is refused."""
        answer = self.token(str(self.made["koppelsleutel"])).raise_for_status()
        self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def token(self, koppelsleutel: str) -> httpx.Response:
        """The token endpoint's answer to a koppelsleutel."""
        return self._http.post("/b2b/token", data={"grant_type": "clientkey", "clientkey": koppelsleutel})

    def call(self, method: str, path: str, body: object = None, **params: str) -> httpx.Response:
        """A call under /v2; `filter`, `top` and `skip` are sent as $filter, $top and $skip."""
        query = {f"${name}": value for name, value in params.items()}
        return self._http.request(
            method, f"/v2{path}", params=query or None, json=body if body is not None else None, headers=self.headers
        )

    def rows(self, path: str, **params: str) -> list[Row]:
        """The rows of a collection. Raises HTTPStatusError."""
        rows: list[Row] = loads(self.call("GET", path, **params).raise_for_status().content)
        return rows

    def sim(self, method: str, path: str, body: object = None, **params: str) -> Any:  # noqa: ANN401 - JSON
        """The control API's answer. Raises HTTPStatusError."""
        answer = self._http.request(method, f"/_sim{path}", params=params or None, json=body)
        return answer.raise_for_status().json()

    def plant(self, what: str, **values: object) -> Row:
        """Plant something in this administration through the control API."""
        planted: Row = self.sim("POST", f"/{what}", {"administration": self.id, **values})
        return planted

    def books(self) -> Row:
        """The complete books of this administration, amounts as text."""
        read: Row = self.sim("GET", "/books", administration=self.id)
        return read

    def page(self) -> str:
        """The page of this administration, as HTML."""
        return self._http.get(f"/administratie/{self.id}").raise_for_status().text

    def grootboek(self, nummer: int) -> str:
        """The id of a ledger account."""
        return str(self.rows("/grootboeken", filter=f"Nummer eq {nummer}")[0]["id"])

    def dagboek(self, nummer: int) -> str:
        """The id of a journal."""
        return next(str(row["id"]) for row in self.rows("/dagboeken") if row["nummer"] == nummer)

    def land(self, code: str) -> str:
        """The id of a country by its two-letter code."""
        return next(str(row["id"]) for row in self.rows("/landen") if row["landcode"] == code)

    def klant(self, **values: object) -> str:
        """The id of a new customer, made through the API."""
        body = {"relatiesoort": ["Klant"], "naam": "Jan Klant", **values}
        return str(self.call("POST", "/relaties", body).raise_for_status().json()["id"])

    def open_balance(self, factuurnummer: str) -> Decimal:
        """What is still open on an invoice."""
        found = self.rows("/verkoopfacturen", filter=f"Factuurnummer eq '{factuurnummer}'")
        return Decimal(found[0]["openstaandSaldo"])
