"""The table: rows as plain dicts, conditional writes, and nothing about what they mean."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from koppeling import aws, catalogue
from koppeling.failures import Unavailable
from koppeling.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Row = dict[str, Any]
"""A row as Python values: text, Decimal, bytes, lists, dicts."""

_CONDITION = "ConditionalCheckFailedException"
_NAMES_ITS_TABLES = frozenset({"batch_get_item", "transact_write_items"})

_to_wire = TypeSerializer().serialize
_from_wire = TypeDeserializer().deserialize


class ConditionFailed(Exception):
    """The row was not as the write demanded; `row` is how it is (empty when there is none)."""

    def __init__(self, row: Row) -> None:
        super().__init__("the row is not as this write demands")
        self.row = row


@dataclass(frozen=True, slots=True)
class Key:
    """A row's place."""

    pk: str
    sk: str

    def wire(self) -> dict[str, Any]:
        """As DynamoDB takes it."""
        return {"pk": {"S": self.pk}, "sk": {"S": self.sk}}


def read_row(wire: Mapping[str, Any]) -> Row:
    """A row as DynamoDB sends it, as plain values; binary becomes bytes."""
    row = {name: _from_wire(value) for name, value in wire.items()}
    return {name: bytes(value) if hasattr(value, "value") else value for name, value in row.items()}


class Table:
    """One DynamoDB table. Every failure to reach it is `Unavailable`; a refused condition is `ConditionFailed`."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: Key) -> Row | None:
        """The row, read consistently, or None."""
        # What it cost is asked for because botocore makes an empty answer of one that is no JSON, and without a row
        # there is nothing else in it.
        answer = self._call("get_item", Key=key.wire(), ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
        _part(answer, "ConsumedCapacity")
        return read_row(answer["Item"]) if "Item" in answer else None

    def put(self, row: Row, *, condition: str | None = None) -> None:
        """Write a whole row; `condition` may name attributes of the row there now."""
        extra = {"ConditionExpression": condition} if condition else {}
        self._call("put_item", Item={name: _to_wire(value) for name, value in row.items()}, **extra)

    def put_all(self, *rows: tuple[Row, str]) -> None:
        """Write whole rows together, each under a condition on the row there now, or none of them.

        `ConditionFailed` says not which row it was. Twice the price of writing them by themselves.
        """
        puts = [
            {"TableName": self._name, "Item": {name: _to_wire(value) for name, value in row.items()}}
            | {"ConditionExpression": condition}
            for row, condition in rows
        ]
        self._call("transact_write_items", TransactItems=[{"Put": put} for put in puts])

    def delete(self, key: Key) -> None:
        """Take a row away; gone already is fine."""
        self._call("delete_item", Key=key.wire())

    def update(
        self,
        key: Key,
        values: Mapping[str, Any],
        *,
        keep: Mapping[str, Any] | None = None,
        remove: Iterable[str] = (),
        condition: str | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> Row:
        """Set `values`, set `keep` where absent, drop `remove`; the row as it is afterwards.

        `condition` is a DynamoDB expression with `#name` for attributes and `:name` for entries of `given`.
        """
        keep, given = keep or {}, given or {}
        sets = [f"#{name} = :{name}" for name in values]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in keep]
        removed = [name for name in remove if name not in values]
        dropped = [f"#{name}" for name in removed]
        clauses = [f"{verb} {', '.join(parts)}" for verb, parts in (("SET", sets), ("REMOVE", dropped)) if parts]
        named = {*values, *keep, *removed, *(word for word in _names(condition or ""))}
        request: dict[str, Any] = {
            "Key": key.wire(),
            "UpdateExpression": " ".join(clauses),
            "ExpressionAttributeNames": {f"#{name}": name for name in named},
            "ReturnValues": "ALL_NEW",
        }
        if told := {f":{name}": _to_wire(value) for name, value in {**values, **keep, **given}.items()}:
            request["ExpressionAttributeValues"] = told
        if condition:
            request |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        return read_row(_part(self._call("update_item", **request), "Attributes"))

    def rows(self, pk: str, prefix: str = "") -> Iterator[Row]:
        """All rows of a partition whose sort key begins with `prefix`, in order, page by page."""
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix:
            condition, values = f"{condition} AND begins_with(sk, :sk)", {**values, ":sk": {"S": prefix}}
        yield from self._pages(KeyConditionExpression=condition, ExpressionAttributeValues=values, ConsistentRead=True)

    def due(self, due_pk: str, until: str) -> Iterator[Key]:
        """The places of rows that fall due up to `until`, longest overdue first."""
        for row in self._pages(
            IndexName="due",
            KeyConditionExpression="due_pk = :pk AND due_at <= :until",
            ExpressionAttributeValues={":pk": {"S": due_pk}, ":until": {"S": until}},
        ):
            yield Key(row["pk"], row["sk"])

    def get_many(self, keys: list[Key]) -> dict[Key, Row]:
        """The rows that exist among up to 100 keys, read consistently; a key may stand there twice."""
        found: dict[Key, Row] = {}
        wanted = [key.wire() for key in dict.fromkeys(keys)]
        while wanted:
            answer = self._call("batch_get_item", RequestItems={self._name: {"Keys": wanted, "ConsistentRead": True}})
            for wire in _part(answer, "Responses").get(self._name, []):
                row = read_row(wire)
                found[Key(row["pk"], row["sk"])] = row
            wanted = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
        return found

    def _pages(self, **query: Any) -> Iterator[Row]:  # noqa: ANN401 -- handed on to boto3 as it is
        start: dict[str, Any] = {}
        while True:
            answer = self._call("query", **query, **start)
            yield from (read_row(wire) for wire in _part(answer, "Items"))
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 -- handed on to boto3 as it is
        if operation not in _NAMES_ITS_TABLES:
            request["TableName"] = self._name
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**request)
        except ClientError as error:
            response = cast("dict[str, Any]", error.response)
            if _CONDITION in (response.get("Error", {}).get("Code"), *_cancelled_over(response)):
                raise ConditionFailed(read_row(response.get("Item", {}))) from None
            raise Unavailable(catalogue.reason("koppeling-storage-unavailable")) from error
        except BotoCoreError as error:
            raise Unavailable(catalogue.reason("koppeling-storage-unavailable")) from error
        return answer


def _cancelled_over(response: Mapping[str, Any]) -> list[str]:
    """Why each write of a transaction was not made; an `Exception` less than as the single write says it."""
    return [f"{reason.get('Code')}Exception" for reason in response.get("CancellationReasons", [])]


def _part(answer: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 -- any part of an answer
    """What an answer always holds; without it, it was none."""
    if name not in answer:
        raise Unavailable(catalogue.reason("koppeling-storage-unavailable"))
    return answer[name]


def _names(condition: str) -> list[str]:
    words = condition.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return [word[1:] for word in words if word.startswith("#")]


def table() -> Table:
    """The deployment's table."""
    return Table(aws.dynamodb(), settings().table_name)
