"""Which invoices should be in the books, by what the shop states now: a look ahead at an order, turned into invoices.

Pure. Where an order was booked, its own row says under which number, on which day and for whom.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from koppeling.booking.countries import NAMES
from koppeling.booking.credit import reversed_number
from koppeling.booking.plan import Plan, invoice_date
from koppeling.booking.profile import Profile
from koppeling.booking.rated import turned
from koppeling.booking.vat import CENT
from koppeling.compared import Expected
from koppeling.fingerprint import fingerprint
from koppeling.foreseen import Preview
from koppeling.mijnwebwinkel.models import Order, ShopStatuses
from koppeling.order_row import Booking, Kind, OrderRow
from koppeling.snelstart.relaties import is_email

_EURO: Final = "EUR"


@dataclass(frozen=True, slots=True)
class Reading:
    """What an order is read by: the profile, the shop's statuses, the ledger account of foreign VAT ("" for none)."""

    profile: Profile
    statuses: ShopStatuses
    foreign_vat_account: str = ""

    def expected(self, seen: Preview) -> list[Expected]:
        """The invoices of one order: none, its own, or its own and the one that takes it back."""
        row = seen.row
        if row and row.sale:
            return [self._own(seen, row), *self._reversal(seen, row)]
        # What has its own invoice is refused only where it is to be taken back, and that cannot be planned.
        if row and row.own_sale() and seen.outcome in ("credit", "refuse"):
            return [self._own(seen, row), *self._reversal(seen, row)]
        if row and row.booking and row.verkoopboeking_id:
            return [self._booked(seen, row)]
        return self._not_booked(seen)

    def _own(self, seen: Preview, row: OrderRow) -> Expected:
        """The sale of an order that is taken back."""
        sale = row.own_sale()
        if sale is None:
            raise TypeError("an order taken back that was never booked")
        return self._of(seen, sale.booking, sale.verkoopboeking_id, sale.paid_at)

    def _reversal(self, seen: Preview, row: OrderRow) -> list[Expected]:
        order, own = seen.order, self._own(seen, row)
        if seen.outcome == "credit" and seen.sends and not row.sale:
            return [self._planned(seen, seen.sends, row, "reversal")]
        if seen.outcome == "refuse" and not row.sale:
            return [_refused_reversal(own)]
        booking, booked_id = row.booking, row.verkoopboeking_id
        if booking is None or booking.kind != "reversal":
            return []
        mirrored = replace(
            _taken_back(own),
            factuurnummer=booking.factuurnummer,
            kind="reversal",
            total=None if own.total is None else -own.total,
            on=date.fromisoformat(booking.factuurdatum),
            was=booking.total,
            verkoopboeking_id=booked_id,
            settled_at=_moment(row.paid_at),
            settled_in=None,
            state=row.state,
            # Restored in the shop after it was taken back: the row says so.
            not_due=bool(order and row.reason and row.reason.code == "shop-restored"),
        )
        return [mirrored]

    def _booked(self, seen: Preview, row: OrderRow) -> Expected:
        booking = row.booking
        if booking is None:
            raise TypeError("a booked order without its booking")
        return self._of(seen, booking, row.verkoopboeking_id, row.paid_at)

    def _of(self, seen: Preview, booking: Booking, booked_id: str | None, paid_at: str | None) -> Expected:
        order, row = seen.order, seen.row
        plan = seen.invoice.plan if seen.invoice else None
        made = Expected(
            order_number=seen.number,
            order_uuid=booking.order_uuid,
            factuurnummer=booking.factuurnummer,
            kind=booking.kind,
            total=booking.total,
            on=date.fromisoformat(booking.factuurdatum),
            was=booking.total,
            of=booking.of,
            relatie_id=booking.relatie_id,
            of_many=order is not None and self._of_many(order),
            verkoopboeking_id=booked_id,
            settled_at=_moment(paid_at),
            state=row.state if row else None,
            reason=seen.reason or (row.reason if row else None),
            in_batch=bool(row and row.for_batch),
            settled_in=row.settled_in if row else None,
            changed=bool(order and row and row.seen and row.seen != fingerprint(order)),
        )
        if booking.kind == "sale" and order:
            made = replace(made, total=_total(order))
        elif plan:
            made = replace(made, total=plan.total)
        if plan is None:
            return made
        made = self._with(made, plan)
        # Of an order to be taken back the plan is that of its reversal; its total may be 0.00, which has no sign.
        return _taken_back(made) if booking.kind == "sale" and seen.takes_back else made

    def _not_booked(self, seen: Preview) -> list[Expected]:
        order, row = seen.order, seen.row
        plan = seen.invoice.plan if seen.invoice else None
        if plan and seen.outcome in ("book", "credit", "again"):
            return [self._planned(seen, plan, row, "credit" if seen.outcome == "credit" or plan.total < 0 else "sale")]
        credit = order is not None and order.status in self.statuses.credit()
        total = _total(order) if order else None
        if total is not None and credit:
            total = -abs(total)
        kind: Kind = "credit" if credit else "sale"
        return [
            Expected(
                order_number=seen.number,
                order_uuid=order.uuid if order else "",
                factuurnummer=self.profile.number_for(seen.number),
                kind=kind,
                total=total,
                on=invoice_date(order, self.profile)[0] if order else None,
                not_before=self._not_before(order, kind),
                of=_of(order) if credit else "",
                state=row.state if row else None,
                reason=seen.reason,
                not_due=seen.outcome not in ("refuse", "again"),
            )
        ]

    def _planned(self, seen: Preview, plan: Plan, row: OrderRow | None, kind: Kind) -> Expected:
        """An invoice that is yet to be sent."""
        made = Expected(
            order_number=seen.number,
            order_uuid=seen.order.uuid if seen.order else "",
            factuurnummer=plan.factuurnummer,
            kind=kind,
            total=plan.total,
            on=plan.factuurdatum,
            not_before=self._not_before(seen.order, kind),
            of=_of(seen.order) if kind == "credit" else "",
            of_many=seen.order is not None and self._of_many(seen.order),
            state=row.state if row else None,
            reason=seen.reason,
        )
        return self._with(made, plan)

    def _not_before(self, order: Order | None, kind: Kind) -> date | None:
        """The status may have changed once more since an order was completed; a reversal is planned for today."""
        changing = kind == "reversal" or self.profile.invoice_date == "completed"
        return order.placed_at.date() if order and changing else None

    def _of_many(self, order: Order) -> bool:
        """As `Customers` chooses, but for the few consumers abroad that the one for all cannot stand for."""
        together = bool(self.profile.customers.collective) and order.business_model != "B2B"
        return together or not is_email(order.debtor.email.strip())

    def _with(self, made: Expected, plan: Plan) -> Expected:
        accounts: dict[str, Decimal] = {}
        for regel in plan.regels:
            account = regel.grootboek_id.casefold()
            if account != self.foreign_vat_account:
                accounts[account] = accounts.get(account, Decimal(0)) + regel.bedrag
        return replace(
            made,
            rated=plan.rated,
            redeemed=plan.redeemed,
            supplied_on=plan.supplied_on,
            country=plan.country if plan.country in NAMES else "",
            accounts=accounts,
            journal=plan.settlement.dagboek_nummer,
        )


def _total(order: Order) -> Decimal | None:
    return order.total.quantize(CENT) if order.currency == _EURO else None


def _of(order: Order | None) -> str:
    return (order and order.credited_order_number) or ""


def _taken_back(sale: Expected) -> Expected:
    """With the signs of what it comes to turned; its total is another matter."""
    if sale.rated is None or sale.accounts is None:
        return sale
    accounts = {name: -amount for name, amount in sale.accounts.items()}
    return replace(sale, rated=turned(sale.rated), accounts=accounts)


def _refused_reversal(sale: Expected) -> Expected:
    """The invoice that would take it back, of a day and with VAT that nobody knows."""
    return replace(
        sale,
        factuurnummer=reversed_number(sale.factuurnummer),
        kind="reversal",
        total=None if sale.total is None else -sale.total,
        rated=None,
        accounts=None,
        on=None,
        was=None,
        journal=None,
        verkoopboeking_id=None,
        settled_at=None,
        settled_in=None,
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
