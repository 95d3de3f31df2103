"""House rules on template.yaml: what each function may do, and no more than that."""

import pytest

from tests.template import FUNCTIONS, ROLES, as_list, each_function, statements, target


@each_function
def test_role_of_its_own(name: str) -> None:
    """Each function has a role that no other function uses, and no policy beside it."""
    role = target(FUNCTIONS[name]["Role"])
    assert [other for other in FUNCTIONS if target(FUNCTIONS[other]["Role"]) == role] == [name]
    assert "Policies" not in FUNCTIONS[name]
    assert "ManagedPolicyArns" not in ROLES[role]


@each_function
def test_role_without_wildcards(name: str) -> None:
    """No function may do `*`, not even to one resource, or may do anything to `*`."""
    for statement in statements(target(FUNCTIONS[name]["Role"])):
        assert "*" not in [resource for resource in as_list(statement["Resource"]) if isinstance(resource, str)]
        assert [action for action in as_list(statement["Action"]) if "*" in action] == []


def _allowed(role: str, service: str) -> set[str]:
    return {
        action
        for statement in statements(role)
        for action in as_list(statement["Action"])
        if action.startswith(f"{service}:")
    }


def test_webhook_may_read_one_row_and_send() -> None:
    """The function the whole internet reaches reads a row and queues a number; it writes nothing, reads no secret."""
    assert _allowed("WebhookRole", "dynamodb") == {"dynamodb:GetItem"}
    assert _allowed("WebhookRole", "sqs") == {"sqs:SendMessage"}
    assert _allowed("WebhookRole", "secretsmanager") == set()


def test_activation_keeps_and_cannot_open() -> None:
    """The function SnelStart calls writes rows and seals; it reads none, and opens no secret but the operator's own."""
    assert _allowed("ActivationRole", "dynamodb") == {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert _allowed("ActivationRole", "sqs") == {"sqs:SendMessage"}
    direct = [
        (statement["Action"], statement["Condition"]["StringEquals"])
        for statement in statements("ActivationRole")
        if any(action.startswith("kms:") for action in as_list(statement["Action"]))
        and "kms:ViaService" not in statement["Condition"]["StringEquals"]
    ]
    assert direct == [("kms:Encrypt", {"kms:EncryptionContext:purpose": "credentials"})]


@pytest.mark.parametrize(("role", "more"), [("WorkerRole", set()), ("PollerRole", {"dynamodb:DeleteItem"})])
def test_no_function_scans_and_only_the_poller_deletes(role: str, more: set[str]) -> None:
    """Rows are written and read by key: none can read all of them, and only the sweep after a removal deletes any."""
    assert _allowed(role, "dynamodb") == more | {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    }


@pytest.mark.parametrize(
    ("role", "purpose"), [("WebhookRole", "webhook"), ("WorkerRole", "credentials"), ("PollerRole", "credentials")]
)
def test_decrypt_is_bound_to_a_purpose(role: str, purpose: str) -> None:
    """The webhook cannot open a shop's credentials, the others not its webhook secret; all else goes via a service."""
    decrypting = [
        statement["Condition"]["StringEquals"]
        for statement in statements(role)
        if "kms:Decrypt" in as_list(statement["Action"])
    ]
    direct = [condition for condition in decrypting if "kms:ViaService" not in condition]
    assert direct == [{"kms:EncryptionContext:purpose": purpose}]


@pytest.mark.parametrize(
    ("role", "queues"),
    [("WorkerRole", ["OrderQueue", "BacklogQueue", "ImportQueue"]), ("PollerRole", ["PollQueue"])],
)
def test_consumer_may_put_a_message_off(role: str, queues: list[str]) -> None:
    """Who takes messages may delete them and change their visibility, on its own queues alone."""
    taking = [s for s in statements(role) if "sqs:ReceiveMessage" in as_list(s["Action"])]
    assert [target(queue) for statement in taking for queue in as_list(statement["Resource"])] == queues
    assert set(taking[0]["Action"]) == {
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    }
