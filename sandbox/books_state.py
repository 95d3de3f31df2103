"""What the simulated SnelStart remembers: settings, administrations with their books, and tokens. All in memory."""

import base64
import json
import secrets
import time
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from sandbox import books_chart, books_rates
from sandbox.books_wire import RefusedError, Row, now

SCOPES = (
    "relaties:read",
    "relaties:write",
    "boekhouden:read",
    "boekhouden:write",
    "orders:read",
    "bankieren:read",
    "bankieren:write",
    "kas:read",
    "kas:write",
    "settings:read",
)
LIMITS = {"ontwikkeling": (100, 1000, 5), "productie": (500, 5000, 50)}
DEFAULT_SUBSCRIPTION_KEY = "sandbox-subscription-key"
_TICKS_AT_UNIX_EPOCH = 621_355_968_000_000_000
_LAST_TICK = 3_155_378_975_999_999_999


@dataclass
class Settings:
    """How the simulator answers; what the facts leave open can be played either way here."""

    latency_ms: int = 0
    limits: bool = True
    clock_speed: int = 1  # how many seconds of the limits pass in one second
    clock_ahead: int = 0  # seconds that the limits' clock was put forward
    retry_after: bool = True
    token_seconds: int = 3599
    scopes_as_text: bool = False  # the JWT's scopes claim: a list, or one text with spaces
    email_case_sensitive: bool = True
    factuurnummer_case_sensitive: bool = True
    odata_error_as_list: bool = False  # a bad filter: {"Message": …} or [{"errorCode": "ALG-0104", …}]
    vat_cents_per_line: int = 1  # how far a VAT amount may be from what the lines make of it before BOE-0069
    vat_cents_fixed: int = 0
    vat_basis: str = "invoice"  # what they make: VAT inside prices that may be a cent off each, or "net": net x rate
    vat_number_checksum: bool = True  # REL-0088 also on a wrong check digit (NL, BE), or on the form alone
    one_btw_vocabulary: bool = False  # accept Hoog and VerkopenHoog in either place, instead of BOE-0082
    foreign_vat_mandatory: bool = True  # with factureerBuitenlandsBtw on, refuse Dutch VAT for an EU consumer
    mutation_numbers: str = "all"  # which mutations of a booking carry its invoice number: all, debtors or none
    ranges_unit: str = "ticks"  # unit of factureerBuitenlandsBtwRanges: ticks, ms, seconds or yyyymmdd

    def limits_clock(self) -> float:
        """The clock that the limits' minutes and hours are of, in seconds since some moment."""
        return time.monotonic() * self.clock_speed + self.clock_ahead


def update(target: "Settings | Options", values: Row) -> None:
    """Set known fields of a dataclass from JSON. Raises RefusedError 400 for an unknown name or a wrong type."""
    known = {f.name: type(getattr(target, f.name)) for f in fields(target)}
    for name, value in values.items():
        if name not in known or type(value) is not known[name]:
            raise RefusedError(400, {"error": f"unknown option or wrong type: {name}"})
    for name, value in values.items():
        setattr(target, name, value)


@dataclass
class Options:
    """What one administration allows: scopes of its key, product limits, closed periods, foreign VAT."""

    product: str = "productie"
    limits: list[int] = field(default_factory=list)  # [per minute, per hour, concurrent] instead of the product's
    active: bool = True  # False: the koppelsleutel is refused
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    blocked: list[list[str]] = field(default_factory=list)  # [[first day, last day], …], both included: BOE-0042
    vat_filed: list[list[str]] = field(default_factory=list)  # BOE-0046
    accountant: list[list[str]] = field(default_factory=list)  # BOE-0051
    huidig_boekjaar: int = 0  # 0: the current year
    overig_percentage: str = "0.00"
    foreign_vat: bool = False
    foreign_vat_ranges: list[list[str]] = field(default_factory=list)  # [[first day, last day or ""]]; empty: always
    kor: bool = False  # kleineOndernemersregeling
    btw_nummer: str = "NL123456782B90"
    email: str = "info@winkel.example"

    def closed(self, day: date) -> str | None:
        """The code that refuses a booking on this day, None when the day is open."""
        for code, ranges in (("BOE-0042", self.blocked), ("BOE-0046", self.vat_filed), ("BOE-0051", self.accountant)):
            if any(first <= day.isoformat() <= last for first, last in ranges):
                return code
        return None

    def boekjaar(self) -> int:
        """The current book year."""
        return self.huidig_boekjaar or now().year

    def foreign_vat_on(self, day: date) -> bool:
        """Whether factureerBuitenlandsBtw holds on this day."""
        ranges = self.foreign_vat_ranges or [["0001-01-01", ""]]
        return self.foreign_vat and any(first <= day.isoformat() <= (last or "9999") for first, last in ranges)


@dataclass
class Administration:
    """One administration: its key, its reference data and its books. Rows are in the API's own shape."""

    id: UUID
    naam: str
    koppelsleutel: str
    options: Options
    grootboeken: dict[str, Row]
    dagboeken: dict[str, Row]
    kostenplaatsen: dict[str, Row]
    landen: dict[str, Row]
    couplings: dict[str, str] = field(default_factory=dict)  # koppelsleutels by the reference key they were made for
    relaties: dict[str, Row] = field(default_factory=dict)
    verkoopboekingen: dict[str, Row] = field(default_factory=dict)
    verkoopfacturen: dict[str, Row] = field(default_factory=dict)  # by the id of their verkoopboeking
    bankboekingen: dict[str, Row] = field(default_factory=dict)
    kasboekingen: dict[str, Row] = field(default_factory=dict)
    by_number: dict[str, list[str]] = field(default_factory=dict)  # casefolded factuurnummer: verkoopboeking ids
    by_email: dict[str, list[str]] = field(default_factory=dict)  # casefolded e-mail: relatie ids
    next_relatiecode: int = 10000

    def btwtarieven(self) -> list[Row]:
        """The Dutch VAT history of this administration."""
        return books_rates.btwtarieven(self.options.overig_percentage)

    def country_of(self, relatie: Row) -> str:
        """Three-letter code of a relation's country; a relation without an address is Dutch."""
        adres = relatie.get("vestigingsAdres") or {}
        land = self.landen.get((adres.get("land") or {}).get("id") or "")
        return str(land["landcodeISO"]) if land else "NLD"

    def foreign_vat_account(self) -> str:
        """The id of the ledger account foreign VAT is booked on."""
        return next(k for k, row in self.grootboeken.items() if row["nummer"] == books_chart.FOREIGN_VAT_NUMBER)

    def put_relatie(self, row: Row) -> None:
        """Add or replace a relation and keep the e-mail index right."""
        old = self.relatie_email(row["id"])
        if old is not None:
            self.by_email[old].remove(row["id"])
        self.relaties[row["id"]] = row
        self.by_email.setdefault(str(row.get("email") or "").casefold(), []).append(row["id"])

    def relatie_email(self, key: str) -> str | None:
        """The casefolded e-mail a relation is indexed under, None when there is no such relation."""
        known = self.relaties.get(key)
        return None if known is None else str(known.get("email") or "").casefold()

    def free_relatiecode(self) -> int:
        """The next customer number nobody has."""
        taken = {row["relatiecode"] for row in self.relaties.values()}
        while self.next_relatiecode in taken:
            self.next_relatiecode += 1
        return self.next_relatiecode

    def company_info(self, settings: Settings) -> Row:
        """`companyInfo`, the part of it that has a meaning here."""
        foreign = self.options.foreign_vat
        account = self.foreign_vat_account()
        ranges = (self.options.foreign_vat_ranges or [["2021-07-01", ""]]) if foreign else []
        return {
            "administratieIdentifier": str(self.id),
            "administratieNaam": self.naam,
            "bedrijfsnaam": self.naam,
            "rechtsvorm": "Bv",
            "btwNummer": self.options.btw_nummer,
            "email": self.options.email,
            "huidigBoekjaar": self.options.boekjaar(),
            "beginmaandFiscaleBoekjaar": 1,
            "btwAangiftePeriodeSoort": "Kwartaal",
            "kleineOndernemersregeling": {
                "isKleineOndernemersRegelingActief": self.options.kor,
                "maximaalBedragVolledigeVerrekening": 0,
                "maximaalBedragKleineOndernemersRegeling": 0,
            },
            "buitenlandseBtwGrootboek": {"id": account, "uri": f"/grootboeken/{account}"} if foreign else None,
            "factureerBuitenlandsBtw": foreign,
            "factureerBuitenlandsBtwRanges": [
                {"from": _as_unit(first, settings.ranges_unit), "to": _as_unit(last, settings.ranges_unit)}
                for first, last in ranges
            ],
        }


def _as_unit(day: str, unit: str) -> int:
    if unit == "ticks" and not day:
        return _LAST_TICK
    at = date.fromisoformat(day or "9999-12-31")
    if unit == "yyyymmdd":
        return int(at.strftime("%Y%m%d"))
    seconds = (at - date(1970, 1, 1)) // timedelta(seconds=1)
    match unit:
        case "seconds":
            return seconds
        case "ms":
            return seconds * 1000
        case _:
            return seconds * 10_000_000 + _TICKS_AT_UNIX_EPOCH


def own_relatie(code: int, naam: str, soort: str, email: str) -> Row:
    """A relation SnelStart keeps for itself: kind Eigen or a negative code."""
    return new_relatie(str(uuid4())) | {"relatiecode": code, "naam": naam, "relatiesoort": [soort], "email": email}


def new_relatie(key: str) -> Row:
    """A relation with nothing filled in, in the API's shape."""
    empty_email = {"shouldSend": False, "email": None, "ccEmail": None}
    return {
        "relatiesoort": [],
        "modifiedOn": now(),
        "relatiecode": 0,
        "naam": None,
        "vestigingsAdres": None,
        "correspondentieAdres": None,
        "telefoon": None,
        "mobieleTelefoon": None,
        "email": None,
        "btwNummer": None,
        "factuurkorting": Decimal("0.00"),
        "krediettermijn": None,
        "bankieren": False,
        "nonactief": False,
        "kredietLimiet": None,
        "memo": None,
        "kvkNummer": None,
        "oin": None,
        "websiteUrl": None,
        "aanmaningsoort": "Nee",
        "offerteEmailVersturen": empty_email,
        "bevestigingsEmailVersturen": empty_email,
        "factuurEmailVersturen": empty_email,
        "aanmaningEmailVersturen": empty_email,
        "offerteAanvraagEmailVersturen": empty_email,
        "bestellingEmailVersturen": empty_email,
        "ublBestandAlsBijlage": False,
        "iban": None,
        "bic": None,
        "incassoSoort": "Geen",
        "factuurRelatie": None,
        "inkoopBoekingenUri": f"/relaties/{key}/inkoopboekingen",
        "verkoopBoekingenUri": f"/relaties/{key}/verkoopboekingen",
        "documents": [],
        "extraVeldenKlant": [],
        "id": key,
        "uri": f"/relaties/{key}",
    }


def new_administration(naam: str, koppelsleutel: str, options: Options) -> Administration:
    """A fresh administration with the default chart, journals, cost centres and SnelStart's own relations."""
    key = uuid4()
    chart = books_chart.grootboeken(key)
    made = Administration(
        id=key,
        naam=naam,
        koppelsleutel=koppelsleutel,
        options=options,
        grootboeken={row["id"]: row for row in chart},
        dagboeken={row["id"]: row for row in books_chart.dagboeken(key, chart)},
        kostenplaatsen={row["id"]: row for row in books_chart.kostenplaatsen(key)},
        landen={row["id"]: row for row in books_rates.landen(key)},
    )
    made.put_relatie(own_relatie(0, naam, "Eigen", options.email))
    made.put_relatie(own_relatie(-1, "Diverse debiteuren", "Klant", options.email))
    return made


@dataclass(frozen=True, slots=True)
class Token:
    """An access token: whose it is, what it may do, and until when on the monotonic clock."""

    administration: Administration
    scopes: frozenset[str]
    expires: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of the app's webhook: `status` is its answer, None where none came; never repeated."""

    action: str
    administration: str
    status: int | None
    seconds: float

    def told(self) -> Row:
        """As JSON; `delivered` is what SnelStart counts as such."""
        delivered = self.status is not None and 200 <= self.status <= 299  # noqa: PLR2004 -- the vendor's words
        return {
            "action": self.action,
            "administration": self.administration,
            "status": self.status,
            "delivered": delivered,
            "seconds": f"{self.seconds:.3f}",
        }


@dataclass
class Coupling:
    """The one app that owners can connect, as registered with SnelStart."""

    app_name: str = ""
    webhook_url: str = ""
    casing: str = "upper"
    deliveries: list[Delivery] = field(default_factory=list)


@dataclass
class Books:
    """Everything one running simulator holds."""

    settings: Settings = field(default_factory=Settings)
    subscription_key: str = DEFAULT_SUBSCRIPTION_KEY
    administrations: dict[str, Administration] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    coupling: Coupling = field(default_factory=Coupling)

    def by_koppelsleutel(self, koppelsleutel: str) -> Administration | None:
        """The administration an active koppelsleutel opens."""
        for found in self.administrations.values():
            keys = (found.koppelsleutel, *found.couplings.values())
            if koppelsleutel in keys and found.options.active:
                return found
        return None

    def find(self, key: str) -> Administration:
        """An administration by id, name or, when there is one only, by nothing. Raises RefusedError 404."""
        if not key and len(self.administrations) == 1:
            return next(iter(self.administrations.values()))
        for found in self.administrations.values():
            if key and key in {str(found.id), found.naam}:
                return found
        raise RefusedError(404, {"error": "unknown administration"})

    def mint(self, administration: Administration) -> str:
        """A new token, shaped like a JWT; the signature is noise."""
        scopes = administration.options.scopes
        lives = self.settings.token_seconds
        issued = int(time.time())
        claims = {
            "iss": "https://auth.snelstart.nl",
            "scopes": " ".join(scopes) if self.settings.scopes_as_text else scopes,
            "nbf": issued,
            "exp": issued + lives,
            "jti": secrets.token_hex(8),
        }
        parts = [_segment({"alg": "RS256", "typ": "JWT"}), _segment(claims), secrets.token_urlsafe(64)]
        token = ".".join(parts)
        self.tokens[token] = Token(administration, frozenset(scopes), time.monotonic() + lives)
        return token


def _segment(value: Row) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def later(day: datetime, days: int | None) -> datetime:
    """The day an invoice falls due."""
    return day + timedelta(days=days or 0)
