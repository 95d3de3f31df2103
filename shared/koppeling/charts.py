"""An administration's reference data, kept: in memory for minutes, in the table for hours, read anew when too old."""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from koppeling import catalogue, clock, connections
from koppeling.failures import Unavailable
from koppeling.shapes import ShapeError
from koppeling.snelstart.client import SnelStart, rows
from koppeling.snelstart.models import Chart, CompanyInfo
from koppeling.table import Key, Table

_LIFETIME = timedelta(hours=6)
_IN_MEMORY_SECONDS = 300.0
_OLD_ENOUGH_TO_DOUBT = timedelta(seconds=30)

MOST_HELD = 100
"""Administrations that a process remembers. One of 300 accounts takes 0.6 MB, and it may work for thousands."""

_memory: dict[str, tuple[float, "Known"]] = {}
_loading: dict[str, Lock] = {}
_lock = Lock()


@dataclass(frozen=True, slots=True)
class Known:
    """Reference data and when it was read from SnelStart."""

    chart: Chart
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Charts:
    """The reference data of one connection's administration; `on_read` is told of every reading anew."""

    table: Table
    connection_id: str
    snelstart: SnelStart
    on_read: Callable[[Chart], None] | None = None

    def get(self) -> Chart:
        """The reference data, at most six hours old. Failures as `SnelStart.get`."""
        return self._get(not_before=clock.now() - _LIFETIME).chart

    def renewed(self, doubted: Chart) -> Chart | None:
        """Newer reference data than `doubted`, or None when that was read only just now.

        Asked for before an order is refused over an account or journal, and when SnelStart no longer knows an id.
        """
        known = self._get(not_before=clock.now() - _LIFETIME)
        if known.chart != doubted:
            return known.chart
        if clock.now() - known.read_at < _OLD_ENOUGH_TO_DOUBT:
            return None
        return self._get(not_before=clock.now() - _OLD_ENOUGH_TO_DOUBT).chart

    def keep(self, chart: Chart) -> None:
        """Keep reference data that was just read for another purpose."""
        self._store(Known(chart, clock.now()))

    def _get(self, not_before: datetime) -> Known:
        with _lock:
            loading = _loading.setdefault(self.connection_id, Lock())
        # Ten orders of one shop in one worker read it once, not ten times.
        with loading:
            expires, known = _memory.get(self.connection_id, (0.0, None))
            if known and time.monotonic() < expires and known.read_at >= not_before:
                return known
            known = self._stored()
            if known is None or known.read_at < not_before:
                known = Known(load(self.snelstart), clock.now())
                self._store(known)
                if self.on_read:
                    self.on_read(known.chart)
            _remember(self.connection_id, known)
            return known

    def _key(self) -> Key:
        return Key(connections.partition(self.connection_id), "CHART")

    def _stored(self) -> Known | None:
        row = self.table.get(self._key())
        if row is None:
            return None
        try:
            chart = Chart.from_json(zlib.decompress(row["chart"]).decode())
        except ShapeError:
            # Written by another version of this software: read anew.
            return None
        return Known(chart, datetime.fromisoformat(row["read_at"]))

    def _store(self, known: Known) -> None:
        key = self._key()
        packed = zlib.compress(known.chart.to_json().encode())
        self.table.put({"pk": key.pk, "sk": key.sk, "chart": packed, "read_at": clock.iso(known.read_at)})


def _remember(connection_id: str, known: Known) -> None:
    with _lock:
        now = time.monotonic()
        # In the order in which they expire, because each goes to the end.
        for one in [one for one, (expires, _) in _memory.items() if expires <= now or one == connection_id]:
            del _memory[one]
        while len(_memory) >= MOST_HELD:
            del _memory[next(iter(_memory))]
        _memory[connection_id] = (now + _IN_MEMORY_SECONDS, known)


def load(snelstart: SnelStart) -> Chart:
    """Read an administration's reference data: six calls, more where it has over 500 accounts.

    The VAT rates of other countries are a seventh, for an administration that invoices them.
    """
    answer = snelstart.get("companyInfo")
    company = answer if isinstance(answer, dict) else {}
    try:
        foreign = CompanyInfo.parse(company).factureer_buitenlands_btw
        return Chart.build(
            grootboeken=snelstart.pages("grootboeken"),
            dagboeken=rows(snelstart.get("dagboeken")),
            btwtarieven=rows(snelstart.get("btwtarieven")),
            kostenplaatsen=rows(snelstart.get("kostenplaatsen")),
            landen=rows(snelstart.get("landen")),
            company_info=company,
            vatrates=rows(snelstart.get("vatrates")) if foreign else (),
        )
    except ShapeError as error:
        raise Unavailable(catalogue.reason("snelstart-unreadable", field=str(error))) from error
