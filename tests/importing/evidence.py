"""A long import with the limits' clock running faster, as evidence: `python -m tests.importing.evidence 20000 30`.

Both sides' limits keep the numbers SnelStart gives; only their minutes and hours pass `speed` times as fast. Nothing
else does, so what is shown is calls, their use of the allowance hour by hour as the simulated SnelStart counted them,
and 429s. Where this machine cannot make an hour's calls in an hour divided by `speed`, a lower one must be chosen.
"""

import sys
import time
from datetime import datetime, timedelta
from decimal import Decimal

from koppeling import budget, importing
from koppeling.allowance import LIMITS
from koppeling.deadline import Deadline
from koppeling.imports import Imports
from koppeling.messages import ImportMessage
from sandbox.localaws import running
from sandbox.orders import generate
from sandbox.world import simulator
from tests.exactly_once.rig import AMSTERDAM, stage

_CHUNK = 500
_DAYS = 330


def main(orders: int, speed: int) -> None:
    """Import so many orders of a year and say what it took."""
    begun = time.time()
    budget._now = lambda: begun + (time.time() - begun) * speed  # noqa: SLF001 -- the compressed clock
    with (
        running() as local,
        simulator("sandbox.shop") as shop,
        simulator("sandbox.books") as books,
        stage(local, shop, books) as made,
    ):
        made.calm()
        made.books.tell("settings", {"clock_speed": speed})
        connected = made.connect()
        start = datetime.now(AMSTERDAM) - timedelta(days=_DAYS + 2)
        raws = [
            each.raw
            for each in generate(
                1, orders, first_number=100_001, start=start, span=timedelta(days=_DAYS), mix={"sale": 1}
            )
        ]
        for first in range(0, orders, _CHUNK):
            made.place(connected, *raws[first : first + _CHUNK])
        made.books.tell("calls/reset")
        began = time.monotonic()
        run = importing.start(made.table, connected.connection, start.date())
        while True:
            later = importing.step(made.table, ImportMessage(connected.id, run.id), Deadline.after(58))
            now = Imports(made.table, connected.id).get(run.id)
            assert now is not None
            hours = (time.monotonic() - began) * speed / 3600
            counts = now.counts
            _say(f"{hours:6.2f} h  {counts.read:6d} read  {counts.booked:6d} booked  {now.calls:6d} calls")
            if later is None:
                break
            time.sleep(later.seconds / speed)
        report = made.books.ask("calls", administration=connected.administration)
        ledger = made.ledger(connected)
        calls = report["total"] - report["token"]
        new = sum(each["count"] for each in report["calls"] if (each["method"], each["path"]) == ("POST", "/relaties"))
        known = (calls - new) / orders
        unpaid = sum(1 for each in ledger["invoices"] if Decimal(each["openstaandSaldo"]))
        _say(f"{counts.booked} orders of {new} new customers in {calls} calls, {now.batches} of them for payments")
        _say(f"calls an order: {known:.3f} of a known customer, {known + 1:.3f} of a new one")
        _say(f"{report['refused_429']} answered 429; at most {report['max_concurrent']} at once")
        allowed = LIMITS["productie"].per_hour
        shares = ", ".join(f"{count} ({count / allowed:.1%})" for count in report["per_hour"])
        _say(f"calls in each whole hour, of {allowed}: {shares or 'it took less than one'}")
        _say(f"most calls in any minute {report['max_per_minute']}, in any hour {report['max_per_hour']}")
        if report["per_hour"]:
            steady = sum(report["per_hour"]) / len(report["per_hour"])
            of_known, of_new = steady / known, steady / (known + 1)
            _say(f"at {steady:.0f} calls an hour: {of_known:.0f} orders of known customers, {of_new:.0f} of new ones")
        _say(f"in the books: {len(ledger['invoices'])} invoices, {unpaid} of them not paid")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
