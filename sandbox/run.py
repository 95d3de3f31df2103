"""`make sandbox`: the whole world on this machine until Ctrl-C, with an order of its own every few seconds.

Everything it starts ends with it. What to look at, and the commands to try, are printed once it stands.
"""

import argparse
import itertools
import os
import shlex
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from sandbox import orders as generator
from sandbox.world import Connected, World, WorldError, world

_FIRST_NUMBER = 1001


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the world, connect one shop, say where everything is, and stay."""
    parser = argparse.ArgumentParser(
        prog="make sandbox",
        description=__doc__,
        epilog="Example: python -m sandbox.run --every 2 --answer-ms 100 --vies",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two orders, 0 for none (5)")
    parser.add_argument("--answer-ms", type=int, default=50, help="how long both APIs take for an answer (50)")
    parser.add_argument("--seed", type=int, default=27, help="which orders (27)")
    parser.add_argument(
        "--vies", action="store_true", help="ask a simulated VIES about VAT numbers; also `make sandbox VIES=1`"
    )
    chosen = parser.parse_args(arguments)
    console = Console()
    try:
        with world(
            parameters={"SettleSeconds": "10", "PollRate": "rate(1 minute)"},
            with_vies=chosen.vies,
            say=lambda line: console.print(f"[dim]{line}"),
        ) as made:
            connected = made.connect_since_yesterday("Fietsbel & Co")
            made.shop.tell("settings", {"round_trip_ms": chosen.answer_ms})
            made.books.tell("settings", {"latency_ms": chosen.answer_ms})
            _show(made, connected, console)
            _stay(made, connected, chosen.seed, chosen.every, console)
    except WorldError as error:
        console.print(f"[red]{error}")
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped; nothing is left running.")
    return 0


def _show(made: World, connected: Connected, console: Console) -> None:
    environment = " ".join(
        f"{name}={shlex.quote(value)}"
        for name, value in made.deployment.environment.items()
        if os.environ.get(name) != value
    )
    koppeling = f"{os.path.relpath(sys.executable).removesuffix('python')}koppeling"
    console.rule("The sandbox stands; Ctrl-C ends it")
    for line in (
        f"The administration, to look at   {made.books.url}/administratie/{connected.administration}",
        f"Simulated shop                   {made.shop.url}/v1  (control: {made.shop.url}/_sim/orders?store=…)",
        f"Simulated SnelStart              {made.books.url}/v2",
        f"Simulated VIES                   {_vies(made)}",
        f"Local AWS                        {made.deployment.endpoint}",
        f"Webhook of this shop             {connected.webhook_url}?key={connected.webhook_key}",
        f"Koppeling                        {connected.id}",
        "",
        "The operator's commands, in another terminal:",
        f"  export {environment}",
        f"  {koppeling} orders {connected.id}",
        f"  {koppeling} order {connected.id} {_FIRST_NUMBER}",
    ):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    console.rule()


def _vies(made: World) -> str:
    return f"{made.vies.url}  (asked so far: {made.vies.url}/_sim/asked)" if made.vies else "not asked (VIES=1)"


def _to_belgium(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The same amount to a business in Belgium, its VAT reverse-charged: what VIES is asked about."""
    price, total = {"amount": raw["price"]["total"], "rate": "0.00"}, raw["price"]["total"]
    line = {"id": "1", "type": "article", "quantity": 1, "description": "Partij theedoeken"}
    invoice = {"name": "Theehuis", "company": "Theehuis BV", "street": "Wetstraat", "number": "1", "city": "Brussel"}
    invoice |= {"zipcode": "1000", "country_code": "BE", "taxnumber": "BE0428759497"}
    return {
        **raw,
        "business_model": "B2B",
        "tax_region": "BE",
        "tax_strategy": "reverse_charged_vat",
        "debtor": {**raw["debtor"], "address": {"invoice": invoice}},
        "orderlines": [{**line, "price": {**price, "amount_including_tax": total}}],
        "price": {"tax": [{"amount": "0.00", "rate": "0.00"}], "total": total},
        "shipping": [],
    }


def _stay(made: World, connected: Connected, seed: int, every: float, console: Console) -> None:
    """Let the shop sell: most orders are announced, every tenth is left for the poll to find."""
    pause = threading.Event()
    if every <= 0:
        pause.wait()
    for index in itertools.count():
        placed = datetime.now(ZoneInfo("Europe/Amsterdam")) - timedelta(minutes=2)
        number = _FIRST_NUMBER + index
        order = generator.generate(seed + index, 1, first_number=number, start=placed, span=timedelta(minutes=1))[0]
        reverse = made.vies is not None and order.kind == "sale" and index % 3 == 0
        made.place(connected, [_to_belgium(order.raw) if reverse else order.raw])
        if index % 10 == 9:  # noqa: PLR2004 -- every tenth
            console.print(f"order {order.number} ({order.kind}, € {order.total}): nobody tells, the poll will find it")
        else:
            answer = made.announce(connected, order.number)
            console.print(
                f"order {order.number} ({order.kind}, € {order.total}): webhook answered {answer.status_code}"
            )
        pause.wait(every)


if __name__ == "__main__":
    sys.exit(main())
