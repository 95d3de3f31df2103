"""A shop that sees a bit of everything, and what of it must be found nowhere afterwards."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx

from sandbox.localaws import REGION
from sandbox.sign import signed_headers
from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY, Connected, World, wait_until
from tests.journey.linking import Linked, activated, told
from tests.journey.steps import Json, announce, book, connect, fault, generated, left_in, sale, standing

RESTING = ("paid", "refused", "waiting")
FAILING = 1031
SENDERS_ADDRESS = "203.0.113.77"
POISON = "bedorven-waar-zonder-vorm"
FORGED = "verzonnen-koppelsleutel-4711"
MISTYPED = "vertikt-token-0815"
CANARY: dict[str, Any] = {
    "id": "b0a7c0de-0000-4000-8000-00000000cafe",
    "email": "Kanarie.Vogel@Volière.example",
    "name": "Kanarie Vogelzang",
    "company": "Vogelzang Zaden VOF",
    "address": {
        "invoice": {
            "name": "Kanarie Vogelzang",
            "company": "Vogelzang Zaden VOF",
            "street": "Zaadkorrelkade",
            "number": "417b",
            "zipcode": "9876 QX",
            "city": "Piepdorp",
            "country": "Nederland",
            "country_code": "NL",
            "phone": "06-98765432",
            "taxnumber": "NL999999999B99",
            "bankaccount": "NL00FOUT0123456789",
        },
        "delivery": {"name": "Ontvanger Tjilpstra", "street": "Nestkastlaan", "number": "8", "city": "Eidorp"},
    },
}
QUOTING = (
    "De klant Kanarie Vogelzang (Vogelzang Zaden VOF), Zaadkorrelkade 417b, 9876 QX Piepdorp, telefoon 06-98765432, "
    "kanarie.vogel@volière.example, NL999999999B99, NL00FOUT0123456789, bezorgd bij Tjilpstra, mag dit niet"
)


@dataclass(frozen=True)
class Eventful:
    """What happened, what was said at the terminal meanwhile, and what must be nowhere."""

    connected: Connected
    linked: Linked
    terminal: str = field(repr=False)
    canaries: set[str] = field(repr=False)


def texts(value: object) -> Iterator[str]:
    """Every text in an order's part that is about a person, long enough to be looked for."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("country", "country_code", "id", "gender"):
                yield from texts(inner)
    elif isinstance(value, str) and len(value) > 4:
        yield value


def happen(stage: World, http: httpx.Client, folder: Path) -> Eventful:
    """All of it."""
    connected, linked = connect(stage, "Geheimen"), activated(stage, folder, "Geheim gekoppeld")
    orders = _orders()
    stage.place(connected, orders)
    _disturb(stage, connected)
    announce(stage, connected, [str(order["number"]) for order in orders])
    stage.announce(connected, 9999)
    _garbage(stage, connected, http)
    numbers = {str(order["number"]) for order in orders} | {"9999"}
    resting = numbers - {f"{FAILING}"}
    wait_until(lambda: resting <= set(standing(stage, connected, *RESTING)), 90, "the orders to come to rest")
    assert standing(stage, connected)[f"{FAILING}"][0] == "failed"
    assert {"paid", "refused", "waiting"} <= {row["state"] for row in stage.orders(connected).values()}
    terminal = _typed(stage, connected, linked)
    rotated = _refuse_the_shop(stage, connected)
    renewed = linked.owner("regenerate")["koppelsleutel"]
    linked.await_outcome("Regenerate", "done")
    # One more invocation of each function: what a thread of theirs wrote last comes with it.
    book(stage, connect(stage, "Na de geheimen"), sale())
    stage.deployment.poll()
    canaries = _canaries(stage, connected, linked, orders) | {renewed, *rotated}
    return Eventful(connected, linked, terminal, canaries)


def _orders() -> list[Json]:
    """Good ones of generated customers, ones nothing can be made of, and those of one person who must stay unknown."""
    kinds = ("dollars", "mismatch", "unpaid")
    orders = [order.raw for order in generated(11, 6, first=1001)]
    orders += [generated(12, first=1011 + place, **{kind: 1})[0].raw for place, kind in enumerate(kinds)]
    # SnelStart refuses the first address, nobody knows what to do with the second, the third is good
    for number, email in enumerate((CANARY["email"], "geen adres maar Kanarievogel", "kanarie@vogel.example"), 1021):
        orders.append(sale(number, debtor={**CANARY, "email": email}))
    orders.append(sale(1024, price="kapot", debtor=CANARY))
    orders += [sale(number, debtor={**CANARY, "email": f"kanarie{number}@vogel.example"}) for number in (1025, 1026)]
    return [*orders, sale(FAILING, debtor=CANARY)]


def _disturb(stage: World, connected: Connected) -> None:
    """Faults of every kind on both sides, and refusals that repeat what they were told of the customer."""
    shop = ("500", "cut", "html-200", "401", "429", "garbage")
    for number, kind in enumerate(shop, 1001):
        what = {"kind": kind, "path": f"/v1/orders/{number}$", "times": 2, "store": connected.shop_token}
        stage.shop.tell("faults", what)
    lasting = {"kind": "503", "path": f"/v1/orders/{FAILING}$", "times": 10_000, "store": connected.shop_token}
    stage.shop.tell("faults", lasting)
    for kind, path, more in (
        ("refused", "/verkoopboekingen", {"body_contains": "Webwinkelorder 1025", "error_code": "BOE-9999"}),
        ("refused", "/relaties", {"body_contains": "kanarie1026@", "error_code": "ALG-9999"}),
        *((kind, "/verkoopboekingen", {}) for kind in ("500-after", "401", "429", "cut-before", "malformed-200")),
        # Not of whoever comes first: the two above are to be refused with a sentence.
        ("400", "/relaties", {"body_contains": generated(11, 6, first=1001)[0].email}),
        *((kind, "/relaties", {}) for kind in ("503", "html-200")),
        ("cut-after", "/bankboekingen", {}),
    ):
        quoted = {"message": QUOTING, "times": 9} if kind == "refused" else {}
        what = {"kind": kind, "path": path, "method": "POST", "administration": connected.administration}
        stage.books.tell("faults", what | more | quoted)


def _garbage(stage: World, connected: Connected, http: httpx.Client) -> None:
    """Webhooks and activations of nobody, a message that is none, and a dead letter."""
    assert stage.announce(connected, "?Kanarie Vogelzang").status_code == 400
    body = b'{"order_number": "Kanarie Vogelzang"}'
    who = {"X-Forwarded-For": SENDERS_ADDRESS, "User-Agent": f"Kanarie/{SENDERS_ADDRESS}"}
    for headers in (signed_headers(connected.webhook_secret, body), {}):
        answer = http.post(connected.webhook_url, content=body, headers=headers | who, params={"key": MISTYPED})
        assert answer.status_code in {400, 401}
    call = told(FORGED, "Create", "verzonnen.verwijzing")
    assert http.post(f"{stage.deployment.api_url}/snelstart/koppeling", content=call, headers=who).status_code < 500
    stage.deployment.sqs.send_message(QueueUrl=stage.deployment.outputs["OrderQueueUrl"], MessageBody=POISON)
    stage.deployment.sqs.send_message(
        QueueUrl=stage.deployment.outputs["OrderDeadLetterQueueUrl"],
        MessageBody=json.dumps({"connection_id": connected.id, "order_number": "1024"}),
    )


def _refuse_the_shop(stage: World, connected: Connected) -> tuple[str, ...]:
    """The shop's token is refused for a while, and its webhook's secret and key renewed; those."""
    with fault(stage, "shop", kind="403", path="/v1/(store|orders)(/|$)", store=connected.shop_token):
        stage.deployment.poll()
        announce(stage, connected, [1041])
        # Whoever asks first finds the token refused: the poll, and the order is kept, or the worker, and it is refused.
        wait_until(
            lambda: stage.koppeling("show", connected.id)["status"] == "paused",
            90,
            "the connection to be paused",
            every=1.0,
        )
    stage.koppeling("resume", connected.id)
    told = stage.koppeling("rotate", connected.id)
    return _webhook(told["webhook_secret"], told["webhook_key"])


def _typed(stage: World, connected: Connected, linked: Linked) -> str:
    """What the command line says of all this, also when it is used wrongly; none of these prints a secret by design."""
    wrong = ("--name", "Fout", "--shop-token")
    commands = (
        *(["list"], ["show", connected.id], ["show", linked.id], ["orders", connected.id], ["partner", "--show"]),
        *(["order", connected.id, number] for number in ("1021", "1025", f"{FAILING}", "77")),
        *(["retry", connected.id, "77x"], ["letters"], ["log", connected.id]),
        ["add", *wrong, MISTYPED, "--snelstart-key", connected.koppelsleutel],
        ["add", *wrong, connected.shop_token, "--snelstart-key", MISTYPED],
        ["add", *wrong, connected.shop_token, "--snelstart-kye", connected.koppelsleutel],
        ["resume", connected.id, "--shop-token", MISTYPED],
        ["resume", connected.id, "--snelstart-key", MISTYPED],
    )
    with ThreadPoolExecutor(2) as typists:
        done = list(typists.map(lambda command: stage.run_koppeling(*command), commands))
    assert sum(one.returncode == 3 for one in done) >= 4
    return "\n".join(f"{one.stdout}{one.stderr}" for one in done)


def _canaries(stage: World, connected: Connected, linked: Linked, orders: list[Json]) -> set[str]:
    """Every credential that had to do with it, and everything that is about a person in its orders."""
    endpoint, name = stage.deployment.endpoint, stage.deployment.outputs["PartnerSecretName"]
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    secrets = session.client("secretsmanager", endpoint_url=endpoint)
    operators = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    assert operators["link_signing_key"]
    canaries = {
        *(SUBSCRIPTION_KEY, PARTNER_TOKEN, operators["link_signing_key"], linked.reference, linked.url),
        *(*_credentials(connected), *_credentials(linked.connected)),
        # how a bearer token and a token in an address begin
        *("eyJhbGci", "Bearer ", "?token=", "&token=", "partner_token="),
        *(FORGED, MISTYPED, SENDERS_ADDRESS, "Kanarie", "Vogelzang", "Tjilpstra"),
        *texts(CANARY),
    }
    for order in orders:
        canaries |= set(texts(order["debtor"]))
    return canaries


def _credentials(connected: Connected) -> tuple[str, ...]:
    webhook = _webhook(connected.webhook_secret, connected.webhook_key)
    return connected.shop_token, connected.koppelsleutel, *webhook


def _webhook(secret: str, key: str) -> tuple[str, ...]:
    return secret, secret.removeprefix("whsec_"), key


@contextmanager
def _impatient(stage: World) -> Iterator[None]:
    """What was received more than once is a dead letter, for the length of the block: fifty times take minutes."""
    queue = stage.deployment.outputs["OrderQueueUrl"]
    asked = stage.deployment.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
    policy = asked["Attributes"]["RedrivePolicy"]
    hasty = json.dumps(json.loads(policy) | {"maxReceiveCount": 1})
    stage.deployment.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": hasty})
    try:
        yield
    finally:
        stage.deployment.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})


def messages(stage: World) -> list[str]:
    """What stands in every queue there is, the dead letters too, once the poison is among those; they are taken out."""
    letters = stage.deployment.outputs["OrderDeadLetterQueueUrl"]
    with _impatient(stage):
        wait_until(lambda: left_in(stage, letters) >= 2, 60, "the poison among the dead letters", every=0.5)
    bodies = []
    for url in stage.deployment.sqs.list_queues()["QueueUrls"]:
        while batch := stage.deployment.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30
        ).get("Messages", []):
            bodies += [message["Body"] for message in batch]
    stage.deployment.sqs.purge_queue(QueueUrl=letters)
    return bodies
