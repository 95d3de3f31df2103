"""How each reason comes about that lies with connecting by SnelStart's own page."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from functions.activation import app
from koppeling import activation, aws, linking
from koppeling.connections import Connection, Connections
from koppeling.failures import Reason
from koppeling.messages import ActivationMessage
from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY
from tests.exactly_once.rig import environment
from tests.refusals.scene import Scenario, Scene, told
from tests.regimes.winkel import next_name

_KNOWN: Mapping[str, str] = {"subscription_key": SUBSCRIPTION_KEY, "partner_token": PARTNER_TOKEN}


@contextmanager
def operator(**secret: str) -> Iterator[None]:
    """A deployment whose operator has filled in these credentials."""
    name = next_name()
    aws.secretsmanager().create_secret(Name=name, SecretString=json.dumps(secret))
    app.forget()
    with environment({"PARTNER_SECRET_NAME": name}):
        yield
    app.forget()


@dataclass(frozen=True)
class _Approving:
    """A pending connection of the scene's shop, and what SnelStart knows of it."""

    scene: Scene
    connection_id: str
    reference_key: str
    poll_queue_url: str

    @property
    def connection(self) -> Connection:
        """As it is now."""
        found = Connections(self.scene.stage.table).get(self.connection_id)
        assert found is not None
        return found

    def says(self, action: str) -> None:
        """SnelStart calls, with the koppelsleutel of the scene's administration, and the poller carries that out."""
        koppelsleutel = self.scene.home.connection.credentials().koppelsleutel
        call = {"ActionType": action, "ReferenceKey": self.reference_key, "KoppelSleutel": koppelsleutel}
        assert app.handler({"body": json.dumps(call)}, None)["statusCode"] == 200
        sqs = self.scene.stage.sqs
        [received] = sqs.receive_message(QueueUrl=self.poll_queue_url, WaitTimeSeconds=2)["Messages"]
        sqs.delete_message(QueueUrl=self.poll_queue_url, ReceiptHandle=received["ReceiptHandle"])
        message = ActivationMessage.from_body(received["Body"])
        activation.carry_out(self.scene.stage.table, message, self.poll_queue_url)

    def stands_still(self) -> Reason:
        """Why the connection does not book."""
        reason = self.connection.paused
        assert reason is not None
        return reason

    def outcome(self) -> Reason:
        """Why the last that SnelStart said was not done, or not yet."""
        latest = activation.latest(self.scene.stage.table, self.connection_id)
        assert latest is not None
        assert latest.reason is not None
        return latest.reason


@contextmanager
def _approving(scene: Scene, profile: str | None = None) -> Iterator[_Approving]:
    """A link was made for the scene's shop, and its owner is about to open it."""
    queue_url = scene.stage.sqs.create_queue(QueueName=next_name())["QueueUrl"]
    shop_token = scene.home.shop_token
    known = {**_KNOWN, "app_name": "Koppeling", "link_signing_key": next_name()}
    with operator(**known), environment({"POLL_QUEUE_URL": queue_url}):
        added, link = linking.begin(scene.stage.table, "Winkel", shop_token, profile)
        [reference_key] = parse_qs(urlsplit(link.url).query)["referenceKey"]
        yield _Approving(scene, added.connection.id, reference_key, queue_url)
        Connections(scene.stage.table).remove(added.connection.id)


def _app_name_missing(scene: Scene) -> Reason:
    with operator(**_KNOWN):
        return told(lambda: linking.begin(scene.stage.table, "Winkel", "shop-token", None))


def _not_activated(scene: Scene) -> Reason:
    with _approving(scene) as approving:
        return approving.stands_still()


def _profile_unfit(scene: Scene) -> Reason:
    """The operator chose an account that the owner's administration turns out not to have."""
    with _approving(scene, "[accounts]\ngift_cards = 9999\n") as approving:
        approving.says("Create")
        assert "9999" in approving.outcome().sentence
        return approving.outcome()


def _disconnected(scene: Scene) -> Reason:
    """The owner ended the connection in SnelStart, and its koppelsleutel is taken no longer."""
    with _approving(scene, 'invoice_number = "MWW{number}"\n') as approving:
        approving.says("Create")
        assert approving.connection.status == "active"
        scene.options(active=False)
        scene.books("tokens/expire")
        approving.says("Delete")
        return approving.stands_still()


def _still_connected(scene: Scene) -> Reason:
    """SnelStart says that it is ended, and goes on to take its koppelsleutel."""
    with _approving(scene, 'invoice_number = "MWW{number}"\n') as approving:
        approving.says("Create")
        approving.says("Delete")
        assert approving.connection.status == "active"
        return approving.outcome()


SCENARIOS: Mapping[str, Scenario] = {
    "koppeling-app-name-missing": _app_name_missing,
    "koppeling-not-activated": _not_activated,
    "koppeling-profile-unfit": _profile_unfit,
    "snelstart-disconnected": _disconnected,
    "snelstart-still-connected": _still_connected,
}
