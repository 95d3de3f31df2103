"""The shapes of what the command line prints of a preview: JSON for scripts, lines for people."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from koppeling.booking.vat import CENT
from ops import output
from ops.output import wrong_use

if TYPE_CHECKING:
    from koppeling.foreseen import Invoice, Outcome, Preview
    from koppeling.order_row import OrderRow

_INDENT: Final = 4
_DAYS: Final = re.compile(r"[0-9]{1,3}d")
_MOST_DAYS: Final = 366
_SAID: Final[dict["Outcome", str]] = {
    "book": "would be booked",
    "credit": "would be credited",
    "booked": "is booked",
    "waiting": "waits",
    "again": "would be tried again",
    "skip": "is skipped",
    "refuse": "would be refused",
}


def days(last: str) -> int:
    """How many days `--last` names: 30d."""
    if not _DAYS.fullmatch(last) or not 1 <= int(last[:-1]) <= _MOST_DAYS:
        raise wrong_use(
            "wrong-use",
            f"--last takes a number of days up to {_MOST_DAYS}, such as 30d, not {last}",
            "(see `koppeling preview --help`).",
        )
    return int(last[:-1])


@dataclass(frozen=True, slots=True)
class Summary:
    """What previews come to; amounts in euro."""

    looked_at: int
    outcomes: Counter["Outcome"]
    book: Decimal
    credit: Decimal
    refused: Counter[str]

    @classmethod
    def of(cls, previews: Sequence["Preview"]) -> "Summary":
        """Count and add up."""
        return cls(
            looked_at=len(previews),
            outcomes=Counter(one.outcome for one in previews),
            book=_sum(one for one in previews if one.outcome == "book"),
            credit=_sum(one for one in previews if one.outcome == "credit"),
            refused=Counter(one.reason.code for one in previews if one.outcome == "refuse" and one.reason),
        )

    def as_json(self) -> dict[str, Any]:
        """Outcomes without orders are named too."""
        return {
            "looked_at": self.looked_at,
            **{outcome: self.outcomes[outcome] for outcome in _SAID},
            "book_total": str(self.book),
            "credit_total": str(self.credit),
            "refused_by_code": dict(self.refused.most_common()),
        }

    def text(self) -> str:
        """One line for people."""
        counts = self.outcomes
        parts = [f"{counts['book']} would be booked, EUR {self.book} in all"]
        if counts["credit"]:
            parts.append(f"{counts['credit']} credited, EUR {self.credit}")
        others: tuple[tuple[Outcome, str], ...] = (
            ("booked", "booked already"),
            ("waiting", "waiting"),
            ("again", "to be tried again"),
            ("skip", "skipped"),
        )
        parts += [f"{counts[outcome]} {said}" for outcome, said in others if counts[outcome]]
        if self.refused:
            by_code = ", ".join(f"{count} {code}" for code, count in self.refused.most_common())
            parts.append(f"{counts['refuse']} refused ({by_code})")
        return f"Of {self.looked_at}: {'; '.join(parts)}."


def _sum(previews: Iterable["Preview"]) -> Decimal:
    return sum((one.sends.total for one in previews if one.sends), Decimal("0.00"))


def preview_json(one: "Preview") -> dict[str, Any]:
    """One order. `booked` is what is in the books, `invoice` what was planned now; null where there is none."""
    order, booking, row = one.order, one.booking, one.row
    return {
        "order_number": one.number,
        "outcome": one.outcome,
        "reason": one.reason.as_dict() if one.reason else None,
        "order_date": order.placed_at.date().isoformat() if order else None,
        "total": _money(order.total) if order else None,
        "currency": order.currency if order else None,
        "state": row.state if row else None,
        "booked": {
            "invoice_number": booking.factuurnummer,
            "date": booking.factuurdatum,
            "total": str(booking.total),
            "payment": f"{booking.gateway}:{booking.method}",
        }
        if booking
        else None,
        "invoice": _invoice_json(one.invoice) if one.invoice else None,
        "notes": list(one.notes),
    }


def explained_json(row: "OrderRow", now: "Preview") -> dict[str, Any]:
    """An order as `koppeling order --json` has it, with what would become of it now and where the two differ."""
    differences = [{"what": one.name, "then": one.then, "now": one.now} for one in now.differences()]
    return {**row.as_json(), "now": preview_json(now), "differences": differences}


def _invoice_json(invoice: "Invoice") -> dict[str, Any]:
    planned = invoice.plan
    return {
        "invoice_number": planned.factuurnummer,
        "date": planned.factuurdatum.isoformat(),
        "description": planned.omschrijving,
        "lines": [
            {
                "description": line.omschrijving,
                "account": line.grootboek_nummer,
                "account_name": line.grootboek_omschrijving,
                "amount": str(line.bedrag),
                "vat_kind": line.btw_soort,
            }
            for line in invoice.lines
        ],
        "vat": [{"kind": one.btw_soort, "amount": str(one.bedrag)} for one in planned.btw],
        "total": str(planned.total),
        "journal": {
            "number": planned.settlement.dagboek_nummer,
            "name": invoice.dagboek_omschrijving,
            "kind": planned.settlement.soort,
        },
        "regime": planned.regime,
        "country": planned.country,
        "marked": planned.markering,
    }


def show(one: "Preview") -> None:
    """One order: a line, the invoice's lines under it, and why."""
    print(output.plain(_headline(one)))
    if one.invoice:
        _show_lines(one.invoice)
    if one.reason:
        if one.outcome == "booked":
            print(f"{'':{_INDENT}}Planned again now it would be refused:")
        print(output.plain(f"{'':{_INDENT}}{one.reason.code}: {output.say(one.reason)} ({one.reason.whose})"))
    for note in one.notes:
        print(output.plain(f"{'':{_INDENT}}note: {note}"))
    print()


def explain(now: "Preview") -> None:
    """What would become of an order now, and where that is not what was done."""
    print("\nAs the shop states it now, by the profile and the accounts of today:\n")
    show(now)
    found = now.differences()
    if found:
        print("What was done is not what would be done now:\n")
        output.table(("what", "then", "now"), [(one.name, one.then, one.now) for one in found])
    elif now.booking and now.invoice:
        print("This is how it was booked: nothing differs.")


def _headline(one: "Preview") -> str:
    order, booking = one.order, one.booking
    words = [f"Order {one.number}"]
    if order:
        words.append(f"of {order.placed_at.date().isoformat()}, {order.currency} {_money(order.total)},")
    words.append(_SAID[one.outcome])
    if one.outcome == "booked" and booking:
        words.append(f"as {booking.factuurnummer} of {booking.factuurdatum}, EUR {booking.total}")
    if one.sends:
        words.append(f"as {one.sends.factuurnummer} of {one.sends.factuurdatum.isoformat()}, EUR {one.sends.total}")
    return " ".join(words)


def _show_lines(invoice: "Invoice") -> None:
    planned = invoice.plan
    rows: list[tuple[str, ...]] = [
        (
            line.omschrijving,
            f"{line.grootboek_nummer} {line.grootboek_omschrijving}",
            line.btw_soort,
            str(line.bedrag),
        )
        for line in invoice.lines
    ]
    rows += [("VAT", "", one.btw_soort, str(one.bedrag)) for one in planned.btw]
    settled = f"{planned.settlement.dagboek_nummer} {invoice.dagboek_omschrijving} ({planned.settlement.soort})"
    rows.append(("total", f"settled in {settled}", _regime(invoice), str(planned.total)))
    output.columns(rows, indent=_INDENT)


def _regime(invoice: "Invoice") -> str:
    marked = ", marked" if invoice.plan.markering else ""
    return f"{invoice.plan.regime} {invoice.plan.country}{marked}"


def _money(amount: Decimal) -> str:
    """With two decimals; the exact digits where the shop states more."""
    return str(amount.quantize(CENT)) if amount == amount.quantize(CENT) else str(amount)
