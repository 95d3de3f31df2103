"""An order's amounts on ledger accounts: the lines and the VAT of the invoice, as each regime wants them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from koppeling.booking import oss
from koppeling.booking.amounts import Amounts, Part
from koppeling.booking.countries import shown
from koppeling.booking.ledgers import account_for, cost_centre, gift_cards_account, regime_account
from koppeling.booking.profile import Profile
from koppeling.booking.rated import DUTCH, EXPORT, WITHIN_EU, Rated
from koppeling.booking.regime import Regime
from koppeling.booking.vat import CENT, DOCUMENT, DocumentKind, LineKind, cents, kind_of
from koppeling.catalogue import euro, on, percentage, reason
from koppeling.failures import Refused
from koppeling.snelstart.models import Chart, Grootboek


@dataclass(frozen=True, slots=True)
class Regel:
    """One booking line; `bedrag` in euro without VAT, two decimals, never zero."""

    omschrijving: str
    grootboek_id: str
    grootboek_nummer: int
    bedrag: Decimal
    btw_soort: LineKind
    kostenplaats_id: str | None


@dataclass(frozen=True, slots=True)
class BtwRegel:
    """The invoice's VAT of one kind, in the document's vocabulary."""

    btw_soort: DocumentKind
    bedrag: Decimal


@dataclass(frozen=True, slots=True)
class Postings:
    """The lines and the VAT of an invoice; together its total. `rated`: the same per rate, without gift cards.

    `redeemed`: what was paid with vouchers without VAT, or what they took off, as the profile says; never negative.
    """

    regels: tuple[Regel, ...]
    btw: tuple[BtwRegel, ...]
    rated: tuple[Rated, ...]
    redeemed: Decimal


def post(figures: Amounts, regime: Regime, day: date, profile: Profile, chart: Chart) -> Postings:
    """The lines and VAT of an order of this day. Raises `Refused` for an account or rate that is not there."""
    return _Posting(figures, regime, day, profile, chart).post()


@dataclass(frozen=True, slots=True)
class _Posting:
    figures: Amounts
    regime: Regime
    day: date
    profile: Profile
    chart: Chart

    def post(self) -> Postings:
        if self.regime.name == "oss":
            return Postings((*self._lines({}), *self._foreign_vat()), (), self._rated({}), self._redeemed())
        kinds = self._kinds()
        btw = tuple(BtwRegel(DOCUMENT[kinds[rate]], amount) for rate, amount in self.figures.vat)
        return Postings(self._lines(kinds), btw, self._rated(kinds), self._redeemed())

    def _rated(self, kinds: Mapping[Decimal, LineKind]) -> tuple[Rated, ...]:
        nets: dict[Decimal, Decimal] = {}
        for part, net in self.figures.nets:
            if part.category != "gift_cards":
                nets[part.rate] = nets.get(part.rate, Decimal(0)) + net
        vat = dict(self.figures.vat)
        made = [
            Rated(self._rate_of(kinds.get(rate, "Geen")), rate, nets.get(rate, Decimal(0)), vat.get(rate, Decimal(0)))
            for rate in dict.fromkeys((*vat, *nets))
        ]
        return tuple(one for one in made if one.net or one.vat)

    def _redeemed(self) -> Decimal:
        vouchers = (net for part, net in self.figures.nets if part.voucher and not part.rate)
        return sum((-net for net in vouchers if net < 0), Decimal(0))

    def _rate_of(self, kind: LineKind) -> str:
        match self.regime.name:
            case "oss":
                return self.regime.country
            case "reverse_charge":
                return WITHIN_EU
            case "export":
                return EXPORT
            case "domestic" | "kor":
                return DUTCH[kind]

    def _lines(self, kinds: Mapping[Decimal, LineKind]) -> tuple[Regel, ...]:
        regels = []
        for part, net in self.figures.nets:
            kind = kinds.get(part.rate, "Geen")
            regels.append(self._regel(part.description, self._account(part, kind), net, kind))
        return tuple(regels)

    def _account(self, part: Part, kind: LineKind) -> Grootboek:
        """The voucher's own account whatever the regime, then what the regime prescribes, then the profile's choice."""
        if part.category == "gift_cards":
            return gift_cards_account(self.profile, self.chart)
        match self.regime.name:
            case "oss":
                centre = bool(self.profile.cost_centre)
                return oss.revenue_account(self.regime.country, part.rate, self.day, self.chart, cost_centre=centre)
            case "reverse_charge":
                return regime_account("revenue_eu", self.profile, self.chart)
            case "export":
                return regime_account("revenue_export", self.profile, self.chart)
            case "domestic" | "kor":
                return account_for(part.category, kind, self.profile, self.chart)

    def _foreign_vat(self) -> tuple[Regel, ...]:
        """The VAT of another country, one line per rate on the account on which it is owed."""
        self._require_computable()
        if not self.figures.vat:
            return ()
        account = oss.vat_account(self.chart, cost_centre=bool(self.profile.cost_centre))
        return tuple(
            self._regel(f"Btw {shown(self.regime.country)} {percentage(rate)}", account, amount, "Geen")
            for rate, amount in self.figures.vat
        )

    def _require_computable(self) -> None:
        """SnelStart computes foreign VAT from the lines and takes a total within one cent a line of that."""
        nets = [(part.rate, net) for part, net in self.figures.nets if part.category != "gift_cards"]
        computed = cents(sum((net * rate / 100 for rate, net in nets), Decimal(0)))
        stated = sum((amount for _, amount in self.figures.vat), Decimal(0))
        if abs(stated - computed) > len(nets) * CENT:
            rates = " en ".join(percentage(rate) for rate in sorted({rate for rate, _ in nets}, reverse=True))
            raise Refused(reason("vat-total", rate=rates, stated=euro(stated), computed=euro(computed)))

    def _regel(self, omschrijving: str, account: Grootboek, bedrag: Decimal, kind: LineKind) -> Regel:
        centre = cost_centre(self.profile, self.chart)
        return Regel(omschrijving, account.id, account.nummer, bedrag, kind, centre.id if centre else None)

    def _kinds(self) -> dict[Decimal, LineKind]:
        kinds: dict[Decimal, LineKind] = {}
        rates = [part.rate for part, _ in self.figures.nets] + [rate for rate, _ in self.figures.vat]
        for rate in dict.fromkeys(rates):
            kind = kind_of(rate, self.day, self.chart.rates)
            if kind is None:
                raise Refused(reason("vat-rate-unknown", rate=percentage(rate), date=on(self.day)))
            kinds[rate] = kind
        return kinds
