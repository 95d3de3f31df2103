"""The whole world on one machine: local AWS with the real template, a simulated shop, a simulated SnelStart.

`world` starts all of it on free loopback ports and ends it all however the block ends. Demo, sandbox and tests stand
on the same one.
"""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from sandbox import localaws
from sandbox.localaws import Deployment, LocalAws
from sandbox.sign import signed_headers

SUBSCRIPTION_KEY = "sandbox-subscription-key"
PARTNER_TOKEN = "sandbox-partner-token"  # noqa: S105 -- the simulator's

APP_NAME = "koppeling-sandbox"

_START_SECONDS = 20.0
_LOOK_EVERY_SECONDS = 0.1
_ROOT = Path(__file__).resolve().parent.parent

type Say = Callable[[str], object]


class WorldError(Exception):
    """A part of the world did not start or did not do what was asked."""


@dataclass(frozen=True)
class Simulator:
    """A simulator's control API."""

    url: str
    _http: httpx.Client = field(repr=False)

    def ask(self, path: str, **params: str) -> Any:  # noqa: ANN401 -- JSON
        """GET a control page, `/_sim` left out."""
        return self._http.get(f"{self.url}/_sim/{path}", params=params).raise_for_status().json()

    def tell(self, path: str, body: object = None) -> Any:  # noqa: ANN401 -- JSON
        """POST to a control page."""
        return self._http.post(f"{self.url}/_sim/{path}", json=body or {}).raise_for_status().json()

    def patch(self, path: str, body: object) -> Any:  # noqa: ANN401 -- JSON
        """PATCH a control page."""
        return self._http.patch(f"{self.url}/_sim/{path}", json=body).raise_for_status().json()

    def untell(self, path: str) -> None:
        """DELETE a control page."""
        self._http.delete(f"{self.url}/_sim/{path}").raise_for_status()


@dataclass(frozen=True)
class Connected:
    """A simulated shop tied to a simulated administration."""

    id: str
    webhook_url: str
    webhook_secret: str = field(repr=False)
    webhook_key: str = field(repr=False)
    shop_token: str = field(repr=False)
    administration: str
    koppelsleutel: str = field(repr=False)


@dataclass(frozen=True)
class World:
    """Everything running, and ways to move it."""

    aws: LocalAws
    deployment: Deployment
    shop: Simulator
    books: Simulator
    vies: Simulator | None
    """The simulated register of VAT numbers, where this world asks it."""
    _http: httpx.Client = field(repr=False)

    def koppeling(self, *arguments: str, check: bool = True) -> Any:  # noqa: ANN401 -- JSON
        """Run the operator's command with --json; what it printed. `WorldError` with its sentence when it failed."""
        done = self.run_koppeling(*arguments, "--json")
        if check and done.returncode > 1:
            raise WorldError(f"koppeling {arguments[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def run_koppeling(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the operator's command as a process of its own."""
        return subprocess.run(  # noqa: S603 -- our own command
            [str(Path(sys.executable).with_name("koppeling")), *arguments],
            env={**os.environ, **self.deployment.environment, "NO_COLOR": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def connect(self, name: str, *, profile: str | None = None, **administration: object) -> Connected:
        """A new shop and a new administration, connected as an operator would."""
        slug = name.lower().replace(" ", "-")
        token, key = f"shop-token-{slug}-{time.monotonic_ns()}", f"koppelsleutel-{slug}-{time.monotonic_ns()}"
        self.shop.tell("stores", {"token": token, "name": name, "primary_domain": f"{slug}.example.nl"})
        made = self.books.tell(
            "administrations", {"koppelsleutel": key, "naam": f"{name} administratie"} | administration
        )
        arguments = ["add", "--name", name, "--shop-token", token, "--snelstart-key", key]
        with tempfile.TemporaryDirectory() as folder:
            if profile is not None:
                file = Path(folder) / "profile.toml"
                file.write_text(profile, encoding="utf-8")
                arguments += ["--profile", str(file)]
            added = self.koppeling(*arguments)
        return Connected(
            id=added["connection_id"],
            webhook_url=added["webhook_url"],
            webhook_secret=added["webhook_secret"],
            webhook_key=added["webhook_key"],
            shop_token=token,
            administration=made["id"],
            koppelsleutel=key,
        )

    def connect_since_yesterday(self, name: str) -> Connected:
        """The same, booking orders from yesterday on: orders of a few minutes ago, just after midnight, too."""
        yesterday = datetime.now(ZoneInfo("Europe/Amsterdam")).date() - timedelta(days=1)
        return self.connect(name, profile=f"start_date = {yesterday.isoformat()}\n")

    def place(self, connected: Connected, orders: Sequence[Mapping[str, Any]]) -> None:
        """Let the shop have these orders (raw, as its API states them)."""
        self.shop.tell("orders", {"store": connected.shop_token, "orders": list(orders)})

    def announce(self, connected: Connected, number: str | int, *, status: int = 4) -> httpx.Response:
        """A signed webhook about an order, as the shop would send it."""
        body = json.dumps({"type": "order.status_changed", "data": {"order_number": number, "status": status}}).encode()
        headers = signed_headers(connected.webhook_secret, body)
        return self._http.post(connected.webhook_url, content=body, headers=headers)

    def orders(self, connected: Connected) -> dict[str, dict[str, Any]]:
        """What became of each order, by number, as the command line says it."""
        return {order["order_number"]: order for order in self.koppeling("orders", connected.id)}

    def ledger(self, connected: Connected) -> Any:  # noqa: ANN401 -- JSON
        """The whole administration as the simulator keeps it, amounts as text."""
        return self.books.ask("books", administration=connected.administration)

    def invoices(self, connected: Connected) -> dict[str, dict[str, Any]]:
        """The invoices in the simulated administration, by number."""
        return {invoice["factuurnummer"]: invoice for invoice in self.ledger(connected)["invoices"]}


def wait_until(done: Callable[[], bool], seconds: float, what: str, *, every: float = _LOOK_EVERY_SECONDS) -> None:
    """Look `every` so many seconds until `done`; `WorldError` naming `what` when that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise WorldError(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)


@contextmanager
def world(
    *,
    parameters: Mapping[str, str] | None = None,
    enforce_roles: bool = False,
    with_vies: bool = False,
    say: Say = print,
) -> Iterator[World]:
    """Start everything, deploy the template with `parameters`, fill in the operator's credentials.

    `with_vies`: a simulated register of VAT numbers too, asked before VAT is reverse-charged.
    """
    with ExitStack() as stack:
        # Nothing here speaks TLS; reading the machine's certificates would only take time.
        http = stack.enter_context(httpx.Client(timeout=30.0, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))
        say("Starting the simulated shop, the simulated SnelStart and the local AWS ...")
        shop = Simulator(stack.enter_context(simulator("sandbox.shop")), http)
        books = Simulator(stack.enter_context(simulator("sandbox.books")), http)
        vies = Simulator(stack.enter_context(simulator("sandbox.vies")), http) if with_vies else None
        aws = stack.enter_context(localaws.running(enforce_roles=enforce_roles))
        addresses = {
            "MijnwebwinkelApiUrl": shop.url,
            "SnelStartApiUrl": f"{books.url}/v2",
            "SnelStartAuthUrl": f"{books.url}/b2b/token",
            **({"ViesUrl": vies.url} if vies else {}),
        }
        deployment = aws.deploy({**addresses, **(parameters or {})}, say=say)
        made = World(aws, deployment, shop, books, vies, http)
        shop.tell("partner-token", {"partner_token": PARTNER_TOKEN})
        books.tell("subscription-key", {"key": SUBSCRIPTION_KEY})
        books.tell("coupling", {"app_name": APP_NAME, "webhook_url": f"{deployment.api_url}/snelstart/koppeling"})
        operators = ("--subscription-key", SUBSCRIPTION_KEY, "--partner-token", PARTNER_TOKEN, "--app-name", APP_NAME)
        made.koppeling("partner", *operators)
        yield made


@contextmanager
def simulator(module: str) -> Iterator[str]:
    """A simulator in a process of its own on a free port; yields its URL and ends it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", module, "--port", "0", "--port-file", str(port_file)]
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL) as process:  # noqa: S603 -- our own module
            try:
                deadline = time.monotonic() + _START_SECONDS
                while not port_file.exists():
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise WorldError(f"{module} did not start")
                    time.sleep(0.02)
                yield f"http://127.0.0.1:{port_file.read_text().strip()}"
            finally:
                process.terminate()
