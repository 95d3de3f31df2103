"""Adding a connection, and letting one that stood still go on: both credentials proven, the profile checked."""

import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from koppeling import catalogue, clock, connections, meter, neighbours, partner, queues
from koppeling.booking.profile import Profile
from koppeling.booking.suggest import misfits, suggest
from koppeling.charts import load
from koppeling.connections import Connection, Connections
from koppeling.credentials import Credentials, WebhookSecrets, seal_credentials, seal_webhook
from koppeling.directory import Directory
from koppeling.failures import Failure, Refused, Unavailable
from koppeling.messages import OrderMessage
from koppeling.mijnwebwinkel.client import Shop
from koppeling.mijnwebwinkel.models import ShopStatuses
from koppeling.order_row import OrderRow
from koppeling.orders import Orders
from koppeling.settings import settings
from koppeling.signature import new_secret, new_url_key
from koppeling.snelstart.client import SnelStart, scopes, token
from koppeling.snelstart.models import Chart, CompanyInfo
from koppeling.table import ConditionFailed, Table
from koppeling.workplace import Workplace

SCOPES = (
    "relaties:read",
    "relaties:write",
    "boekhouden:read",
    "boekhouden:write",
    "orders:read",
    "bankieren:write",
    "kas:write",
    "settings:read",
)
"""What a koppelsleutel must allow for booking, settling and looking up."""

_CREDENTIAL_CODES = frozenset({"shop-token-refused", "snelstart-key-refused", "snelstart-scope-missing"})


class ProfileProblems(Exception):
    """The profile does not fit the administration; one Dutch sentence per choice."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Added:
    """A new connection, and what its sender signs with: shown once, here."""

    connection: Connection
    webhook: WebhookSecrets
    warnings: tuple[str, ...] = ()


def add(table: Table, name: str, shop_token: str, koppelsleutel: str, profile_toml: str | None) -> Added:
    """Prove both credentials, suggest or check the profile, and store the connection.

    `profile_toml` changes the suggested profile where it says something. Raises `Refused` or `Unavailable` with whose
    credential is wrong, `ProfileProblems`, or the `ValueError` of a profile that cannot be read.
    """
    operator = partner.partner()
    demand_partner(operator)
    credentials = Credentials(shop_token.strip(), koppelsleutel.strip(), secrets.token_hex(16))
    shop = Shop(settings().mijnwebwinkel_api_url, credentials.shop_token, operator.partner_token)
    store, statuses = shop.store(), shop.order_statuses()
    asked = meter.Tally()
    snelstart = SnelStart(credentials.koppelsleutel, operator.subscription_key, asked.call)
    demand_scopes(credentials.koppelsleutel)
    chart = load(snelstart)
    today = clock.now().astimezone(clock.AMSTERDAM).date()
    profile = profile_for(chart, ShopStatuses(statuses), today, profile_toml)
    connection_id, webhook = connections.new_id(), WebhookSecrets((new_secret(),), new_url_key())
    connection = Connection(
        id=connection_id,
        name=name,
        profile=profile,
        statuses=statuses,
        shop_id=store.id,
        shop_name=store.name,
        shop_domain=store.primary_domain,
        administration_id=chart.company.administratie_identifier,
        administration_name=chart.company.administratie_naam,
        created_at=clock.iso(clock.now()),
        sealed_credentials=seal_credentials(connection_id, credentials),
        sealed_webhook=seal_webhook(connection_id, webhook),
        archived_listing=shop.archived_listing(),
        profile_checked_at=clock.iso(clock.now()),
    )
    known = Connections(table)
    twice(known, connection)
    known.begin(connection_id)
    try:
        with Workplace.open(table, connection) as place:
            place.meter.owe(asked.made)
            place.charts.keep(chart)
            Directory(table, connection_id, credentials, place.snelstart).read_whole()
        # Once more: reading thousands of customers takes minutes. And once it is there, for one added at that moment.
        twice(known, connection)
        connection = neighbours.tell(table, connection)
        stored(known, connection)
        warnings = twice(known, connection)
        connection = neighbours.tell(table, connection)
    except Failure as failure:
        # Whole or not at all: what is left to do is to add it again. Where it was there, a poll may have booked; beside
        # another of its shop under another form, that one's counts.
        known.remove(connection_id, booked=not isinstance(failure, Refused))
        raise
    return Added(connection, webhook, warnings)


def stored(known: Connections, connection: Connection) -> None:
    """From here on it is there. `Unavailable` where adding it took so long that it was given up."""
    try:
        known.add(connection)
    except ConditionFailed:
        raise Unavailable(catalogue.reason("koppeling-storage-unavailable")) from None


def profile_for(chart: Chart, statuses: ShopStatuses, today: date, toml: str | None) -> Profile:
    """The suggested profile, changed where `toml` says something, and checked against the administration."""
    profile = suggest(chart, statuses, today)
    if toml is not None:
        profile = profile.changed_by(toml)
    problems = misfits(profile, chart, statuses)
    if problems:
        raise ProfileProblems(problems)
    return profile


def change_profile(table: Table, connection: Connection, toml: str) -> Connection:
    """Replace the profile by `toml` over the present one, when it fits the administration."""
    with Workplace.open(table, connection) as place:
        chart = load(place.snelstart)
    known = Connections(table)

    def changed(now: Connection) -> Connection:
        profile = now.profile.changed_by(toml)
        problems = misfits(profile, chart, ShopStatuses(now.statuses))
        if problems:
            raise ProfileProblems(problems)
        new = replace(now, profile=profile, profile_problems=(), profile_checked_at=clock.iso(clock.now()))
        twice(known, new)
        return new

    stored = known.change(connection.id, changed, "profile", "profile_problems", "profile_checked_at")
    place.charts.keep(chart)
    return stored


def check_profile(table: Table, connection: Connection) -> Connection:
    """Hold the stored profile against the administration and the shop as they are now; the problems are kept with it.

    The connection as it then is. Failures as the calls of `Shop` and `SnelStart.get`.
    """
    stored = Connections(table)
    with Workplace.open(table, connection) as place:
        chart, statuses = load(place.snelstart), place.shop.order_statuses()
        place.charts.keep(chart)
    stored.learn_statuses(connection, statuses)
    return stored.checked(connection, misfits(connection.profile, chart, ShopStatuses(statuses)))


def pause(table: Table, connection: Connection) -> Connection:
    """Stand still until `resume`: announced orders are kept."""
    return Connections(table).pause(connection, catalogue.reason("koppeling-paused"))


def resume(
    table: Table, connection: Connection, *, shop_token: str | None = None, koppelsleutel: str | None = None
) -> tuple[Connection, int]:
    """Let a connection go on, with renewed credentials where given; the orders kept meanwhile are queued.

    The connection and how many orders were queued. Raises `Refused` or `Unavailable` when a credential fails.
    """
    before, old = connection, connection.credentials()
    credentials = replace(
        old,
        shop_token=(shop_token or old.shop_token).strip(),
        koppelsleutel=(koppelsleutel or old.koppelsleutel).strip(),
    )
    if credentials != old:
        connection = replace(connection, sealed_credentials=seal_credentials(connection.id, credentials))
    demand_scopes(credentials.koppelsleutel)
    with Workplace.open(table, connection) as place:
        _demand_same(connection, place)
    connection = replace(connection, paused=None)
    try:
        Connections(table).renew(connection, before, "sealed_credentials", "status", "paused")
    except ConditionFailed:
        # SnelStart told of a newer koppelsleutel meanwhile, which it never tells twice.
        raise Unavailable(catalogue.reason("koppeling-storage-unavailable")) from None
    return connection, requeue(table, connection, kept)


def rotate(table: Table, connection: Connection) -> tuple[Connection, WebhookSecrets]:
    """A new signing secret and a new URL key.

    The secret before it stays valid until the next rotation; the old key is taken for a minute at most.
    """
    old = connection.webhook_secrets()
    webhook = WebhookSecrets((new_secret(), old.secrets[0]), new_url_key())
    changed = replace(connection, sealed_webhook=seal_webhook(connection.id, webhook))
    Connections(table).save(changed, "sealed_webhook")
    return changed, webhook


def requeue(table: Table, connection: Connection, wanted: Callable[[OrderRow], bool], *, anew: bool = False) -> int:
    """Queue again the orders that `wanted` picks; how many. Under the trace they have, unless `anew`."""

    def messages() -> Iterator[OrderMessage]:
        for row in Orders(table, connection.id).all():
            if wanted(row):
                trace = "" if anew else row.trace
                yield OrderMessage(connection.id, row.number, "retry", clock.now(), trace or uuid.uuid4().hex)

    return queues.announce(messages())


def stopped(row: OrderRow) -> bool:
    """Whether somebody had to act before this order can go on: `koppeling retry ID --refused`."""
    return row.state == "refused" or (row.state == "booked" and row.reason is not None)


def kept(row: OrderRow) -> bool:
    """Whether an order stood still with its connection: what `resume` queues."""
    by_credential = row.reason is not None and row.reason.code in _CREDENTIAL_CODES
    announced = row.state == "paid" and not row.seen
    return row.state in ("received", "failed", "booked") or announced or (row.state == "refused" and by_credential)


def demand_partner(operator: partner.Partner) -> None:
    """`Refused` while the operator's own credentials are not filled in."""
    if not operator.subscription_key or not operator.partner_token:
        raise Refused(catalogue.reason("koppeling-partner-empty"))


def demand_scopes(koppelsleutel: str) -> None:
    """Say at once which right a koppelsleutel lacks. A token that does not list its rights is taken as it is."""
    granted = scopes(token(koppelsleutel, fresh=True))
    # A list that holds none of our names is written in other words than the documentation: no reason to refuse.
    known = granted is not None and not granted.isdisjoint(SCOPES)
    missing = [scope for scope in SCOPES if granted is not None and known and scope not in granted]
    if missing:
        raise Refused(catalogue.reason("snelstart-scope-missing", scope=", ".join(missing)))


def _demand_same(connection: Connection, place: Workplace) -> None:
    """Renewed credentials must be of the same shop and administration: anything else books into strange books."""
    if place.shop.store().id != connection.shop_id:
        raise Refused(catalogue.reason("shop-other-shop"))
    company = CompanyInfo.parse(place.snelstart.get("companyInfo"))
    if company.administratie_identifier != connection.administration_id:
        raise Refused(catalogue.reason("snelstart-other-administration"))


def twice(known: Connections, new: Connection) -> tuple[str, ...]:
    """A shop connected to the same administration twice under two number forms would be booked twice: refused.

    Also when the other one is gone, unless this one begins with orders from after that. What is allowed and may yet
    come unexpected is told, in Dutch.
    """
    told = []
    for other in known.beside(new):
        same_form = other.profile.invoice_number == new.profile.invoice_number
        if other.shop_id == new.shop_id:
            if not same_form:
                raise Refused(catalogue.reason("number-two-forms"))
            told.append(f"Deze winkel is al aan deze administratie gekoppeld (koppeling {other.id}).")
        elif same_form:
            told.append(
                f"Winkel {other.shop_name} boekt in deze administratie onder dezelfde vorm van factuurnummers"
                f" ({new.profile.invoice_number}). Een bestelling met een nummer dat die winkel al heeft geboekt, wordt"
                " geweigerd: geef deze winkel een eigen vorm (invoice_number)."
            )
    # After who is there: one that is removed meanwhile leaves its form first.
    for form, removed_on in known.forms_before(new):
        start = new.profile.begins
        if form != new.profile.invoice_number and (start is None or start <= removed_on):
            raise Refused(catalogue.reason("number-two-forms"))
    return tuple(told)
