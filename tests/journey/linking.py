"""A shop whose owner connects by SnelStart's own page, and what SnelStart, or whoever says so, then tells."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx

from koppeling.links import remembered_as
from koppeling.table import read_row
from sandbox.world import Connected, World, wait_until
from tests.journey.steps import Json, rows_of

PROFILE = f"start_date = {datetime.now(UTC).date() - timedelta(days=7)}\n"
SECONDS = 60.0


@dataclass(frozen=True)
class Linked:
    """A shop for which a link was made, and the administration whose owner may approve."""

    stage: World = field(repr=False)
    connected: Connected = field(repr=False)
    url: str = field(repr=False)

    @property
    def id(self) -> str:
        """The connection's id."""
        return self.connected.id

    @property
    def reference(self) -> str:
        """The reference key in the link."""
        return parse_qs(urlsplit(self.url).query)["referenceKey"][0]

    def shown(self) -> Any:  # noqa: ANN401 -- JSON
        """What `koppeling show` says."""
        return self.stage.koppeling("show", self.id)

    def owner(self, does: str, **how: object) -> Any:  # noqa: ANN401 -- JSON
        """The owner approves, regenerates or deletes in SnelStart; what was told of it, which must be taken at once."""
        what = {"administration": self.connected.administration, **how}
        told = self.stage.books.tell(f"coupling/{does}", what)
        assert told["delivered"]
        assert float(told["seconds"]) < 10
        return told

    def approve(self) -> Any:  # noqa: ANN401 -- JSON
        """The owner follows the link and approves."""
        return self.owner("approve", url=self.url)

    def await_(self, what: str, seen: Callable[[Json], bool]) -> Any:  # noqa: ANN401 -- JSON
        """Wait until `seen` says so of the rows, by which this looks; then what `koppeling show` says."""
        wait_until(lambda: seen(self._stored()), SECONDS, what)
        return self.shown()

    def _stored(self) -> Json:
        """The part of `koppeling show` that comes of an activation, from the rows: the command takes a second."""
        rows = {row["sk"]["S"]: read_row(row) for row in rows_of(self.stage, self.id)}
        told = [row for place, row in sorted(rows.items()) if place.startswith("ACTIVATION#")]
        return {"status": rows["CONNECTION"]["status"], "last_activation": told[-1] if told else None}

    def await_outcome(self, action: str, state: str) -> Any:  # noqa: ANN401 -- JSON
        """Wait until the last thing SnelStart told came to this."""

        def came_to(stored: Json) -> bool:
            last = stored["last_activation"]
            return last is not None and (last["action"], last["state"]) == (action, state)

        return self.await_(f"{action} to be {state}", came_to)


def heard(code: str) -> Callable[[Json], bool]:
    """Whether this is why what SnelStart told last is not done."""
    return lambda stored: ((stored["last_activation"] or {}).get("reason") or {}).get("code") == code


def link(stage: World, tmp_path: Path, name: str, profile: str = PROFILE, **administration: object) -> Linked:
    """A new shop and a new administration; the operator made a link for the one, nobody approved yet."""
    slug = f"{name.lower().replace(' ', '-')}-{time.monotonic_ns()}"
    stage.shop.tell("stores", {"token": slug, "name": name, "primary_domain": "gekoppeld.example"})
    made = stage.books.tell("administrations", {"naam": f"{name} administratie"} | administration)
    file = tmp_path / "profile.toml"
    file.write_text(profile, encoding="utf-8")
    told = stage.koppeling("link", "--name", name, "--shop-token", slug, "--profile", str(file))
    connected = Connected(
        id=told["connection_id"],
        webhook_url=told["webhook_url"],
        webhook_secret=told["webhook_secret"],
        webhook_key=told["webhook_key"],
        shop_token=slug,
        administration=made["id"],
        koppelsleutel=made["koppelsleutel"],
    )
    assert (told["status"], told["administration"]["id"]) == ("pending", "")
    return Linked(stage, connected, told["activation_url"])


def activated(stage: World, tmp_path: Path, name: str, profile: str = PROFILE) -> Linked:
    """The same, approved and at work."""
    linked = link(stage, tmp_path, name, profile)
    linked.approve()
    linked.await_("the connection to be active", lambda stored: stored["status"] == "active")
    return linked


def post(stage: World, http: httpx.Client, content: str | bytes) -> httpx.Response:
    """A call of whoever it may be."""
    return http.post(f"{stage.deployment.api_url}/snelstart/koppeling", content=content)


def told(koppelsleutel: str, action: str, reference: str) -> str:
    """A call as SnelStart makes it."""
    return json.dumps({"KoppelSleutel": koppelsleutel, "ActionType": action, "ReferenceKey": reference})


def standing(linked: Linked) -> list[dict[str, Any]]:
    """What the table holds of the connection, but for the links' own rows."""
    return sorted(
        (row for row in rows_of(linked.stage, linked.id) if not row["sk"]["S"].startswith("LINK#")),
        key=lambda row: row["sk"]["S"],
    )


def partner_secret(stage: World) -> dict[str, str]:
    """The operator's secret."""
    with_secrets = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    client = with_secrets.client("secretsmanager", endpoint_url=stage.deployment.endpoint)
    name = stage.deployment.outputs["PartnerSecretName"]
    found: dict[str, str] = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    return found


def sealed(stage: World, connection_id: str, koppelsleutel: str) -> bytes:
    """A koppelsleutel as the function seals it."""
    with_keys = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    return with_keys.client("kms", endpoint_url=stage.deployment.endpoint).encrypt(
        KeyId=stage.deployment.outputs["KeyId"],
        Plaintext=json.dumps({"koppelsleutel": koppelsleutel}).encode(),
        EncryptionContext={"connection": connection_id, "purpose": "credentials"},
    )["CiphertextBlob"]


def remember(stage: World, connection_id: str, reference_key: str) -> None:
    """Let the connection know a reference key, as `koppeling link` does."""
    stage.deployment.dynamodb.put_item(
        TableName=stage.deployment.outputs["TableName"],
        Item={"pk": {"S": f"CONNECTION#{connection_id}"}, "sk": {"S": remembered_as(reference_key)}},
    )
