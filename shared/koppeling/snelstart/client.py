"""SnelStart's API: the token, reading with OData filters, and writing exactly once per call."""

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

import simplejson

from koppeling import catalogue, transport
from koppeling.failures import ConnectionRefused, Unavailable, Unknown
from koppeling.secret import Secret
from koppeling.settings import settings
from koppeling.snelstart.errors import TokenExpired, failure

PAGE = 500
"""The largest `$top`. There is no paging metadata: the next page is asked for only while one comes back full."""

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_RENEW_SECONDS_EARLY = 60
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN = 400, 401, 403

_tokens: dict[str, tuple[float, str]] = {}
_minting: dict[str, Lock] = {}
_lock = Lock()


def is_id(value: object) -> bool:
    """Whether this is an id as SnelStart gives them out."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def literal(text: str) -> str:
    """A text as an OData literal: quoted, quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class SnelStart:
    """One administration, by the owner's koppelsleutel and the operator's subscription key."""

    koppelsleutel: str
    subscription_key: str
    around: transport.Around = field(default=transport.freely, compare=False)
    """What every call to the API is made within: its budget. The token comes from elsewhere and counts for nothing."""
    patience: transport.Around = field(default=transport.freely, compare=False)
    """What every call is made within, the one for the token too."""

    def __repr__(self) -> str:
        """Nothing: a traceback that prints locals must not print keys."""
        return "SnelStart(…)"

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:  # noqa: ANN401 -- any JSON
        """Read `path`; retried within bounds.

        Raises `Unavailable`, `ConnectionRefused` (koppelsleutel, scope), `UnknownId` or `SnelStartRefused`.
        """
        for fresh in (False, True):
            try:
                answer = transport.read(
                    self._url(path), params=params, headers=self._headers(fresh=fresh), around=self._both()
                )
            except (transport.NotSent, transport.NoAnswer) as error:
                raise Unavailable(catalogue.reason("snelstart-unavailable")) from error
            if answer.ok:
                if answer.body is None:
                    raise Unavailable(catalogue.reason("snelstart-unavailable"))
                return answer.body
            scope = _scope(path, "read")
            failed = failure(answer, wrote=False, scope=scope)
            outdated = answer.status == _FORBIDDEN and not fresh and self._lacks(scope)
            if not (outdated or isinstance(failed, TokenExpired)):
                raise failed
        raise Unavailable(catalogue.reason("snelstart-unavailable"))

    def pages(self, path: str, filter_: str | None = None) -> Iterator[dict[str, Any]]:
        """All rows of a list call that knows `$top` and `$skip`."""
        skip = 0
        before: list[dict[str, Any]] = []
        while True:
            params: dict[str, str | int] = {"$top": PAGE, "$skip": skip}
            if filter_:
                params["$filter"] = filter_
            page = rows(self.get(path, params))
            if page and page == before:
                # Who does not mind `$skip` has no last page.
                raise Unavailable(catalogue.reason("snelstart-unavailable"))
            before = page
            yield from page
            if len(page) < PAGE:
                return
            skip += PAGE

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Write once. The created object, which has an `id`.

        Raises `Unavailable` (certainly not done), `SnelStartRefused`, `UnknownId`, `ConnectionRefused` (certainly
        not done) or `Unknown`. Sent again is only what a token was refused for that is expired or lacks the right by
        its own account: that is refused before anything is done.
        """
        answer = self._write("POST", path, body)
        if isinstance(answer.body, dict) and is_id(answer.body.get("id")):
            return answer.body
        raise Unknown(catalogue.reason("snelstart-outcome-unknown"))

    def put(self, path: str, body: Mapping[str, object]) -> None:
        """Replace what is there, once. Failures as `post`."""
        self._write("PUT", path, body)

    def delete(self, path: str) -> None:
        """Take away what is there, once; `UnknownId` when it is there no longer. Other failures as `post`."""
        self._write("DELETE", path)

    def _write(
        self, method: Literal["POST", "PUT", "DELETE"], path: str, body: Mapping[str, object] | None = None
    ) -> transport.Answer:
        """A call that changes the books, once; its answer, which is a success. Failures as `post`."""
        content = None if body is None else simplejson.dumps(body, use_decimal=True).encode()
        typed = {} if content is None else {"Content-Type": "application/json"}
        for fresh in (False, True):
            headers = {**self._headers(fresh=fresh), **typed}
            try:
                answer = transport.write(
                    self._url(path), content=content, headers=headers, around=self._both(), method=method
                )
            except transport.NotSent as error:
                raise Unavailable(catalogue.reason("snelstart-unavailable")) from error
            except transport.NoAnswer as error:
                raise Unknown(catalogue.reason("snelstart-outcome-unknown")) from error
            if answer.ok:
                return answer
            scope = _scope(path, "write")
            failed = failure(answer, wrote=True, scope=scope)
            outdated = answer.status == _FORBIDDEN and not fresh and self._lacks(scope)
            if not (outdated or isinstance(failed, TokenExpired)):
                raise failed
        raise Unavailable(catalogue.reason("snelstart-unavailable"))

    def _lacks(self, scope: str) -> bool:
        """Whether the token held says itself that it lacks this right: one minted now may have it."""
        granted = scopes(token(self.koppelsleutel, around=self.patience))
        return granted is not None and scope not in granted

    def _both(self) -> transport.Around:
        # Nothing is bought for a call that is not to be made.
        return transport.within(self.patience, self.around)

    def _url(self, path: str) -> str:
        return f"{settings().snelstart_api_url}/{path}"

    def _headers(self, *, fresh: bool) -> dict[str, str]:
        return {
            "Authorization": Secret(f"Bearer {token(self.koppelsleutel, fresh=fresh, around=self.patience)}"),
            "Ocp-Apim-Subscription-Key": self.subscription_key,
        }


def _scope(path: str, access: str) -> str:
    """The right a call needs, for the sentence that says it is missing."""
    resource = path.split("/", 1)[0]
    area = {
        "relaties": "relaties",
        "bankboekingen": "bankieren",
        "kasboekingen": "kas",
        "verkoopfacturen": "orders",
        "verkoopboekingen": "boekhouden",
        "grootboeken": "boekhouden",
        "grootboekmutaties": "boekhouden",
        "dagboeken": "boekhouden",
    }.get(resource, "settings")
    return f"{area}:{access}"


def rows(answer: object) -> list[dict[str, Any]]:
    """A list answer, or `Unavailable` when it is none."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise Unavailable(catalogue.reason("snelstart-unavailable"))
    return answer


def token(koppelsleutel: str, *, fresh: bool = False, around: transport.Around = transport.freely) -> str:
    """The bearer token of a koppelsleutel, minted once a process and kept until a minute before it expires.

    Raises `ConnectionRefused` when the koppelsleutel itself is refused, else `Unavailable`, or what `around` raises.
    """
    with _lock:
        minting = _minting.setdefault(koppelsleutel, Lock())
    before = _tokens.get(koppelsleutel)
    with minting:
        known = _tokens.get(koppelsleutel)
        # `fresh` means "not the one I was refused with"; another thread may have minted a newer one meanwhile.
        if known and time.monotonic() < known[0] and not (fresh and known == before):
            return known[1]
        minted, lifetime = _mint(koppelsleutel, around)
        _tokens[koppelsleutel] = (time.monotonic() + max(0, lifetime - _RENEW_SECONDS_EARLY), minted)
        return minted


def _mint(koppelsleutel: str, around: transport.Around) -> tuple[Secret, int]:
    form = {"grant_type": "clientkey", "clientkey": koppelsleutel}
    try:
        # Orders of the same administration wait for it one behind the other, and a second token does no harm.
        answer = transport.write(
            settings().snelstart_auth_url, form=form, around=around, timeout=transport.READ_TIMEOUT
        )
    except (transport.NotSent, transport.NoAnswer) as error:
        raise Unavailable(catalogue.reason("snelstart-unavailable")) from error
    if answer.status in (_BAD_REQUEST, _UNAUTHORIZED):
        raise ConnectionRefused(catalogue.reason("snelstart-key-refused"))
    minted = _minted(answer.body) if answer.ok else None
    if minted is None:
        raise Unavailable(catalogue.reason("snelstart-unavailable"), answer.retry_after)
    return minted


def _minted(body: object) -> tuple[Secret, int] | None:
    """Token and lifetime; None for what is neither. A token goes into a header, where only ASCII can."""
    told: dict[str, object] = body if isinstance(body, dict) else {}
    bearer, lifetime = told.get("access_token"), str(told.get("expires_in"))
    if not isinstance(bearer, str) or not bearer or not (bearer.isascii() and bearer.isprintable()):
        return None
    return (Secret(bearer), int(lifetime)) if _SECONDS.fullmatch(lifetime) else None


def scopes(bearer: str) -> frozenset[str] | None:
    """What a token may do, as its `scopes` claim lists it; None when it is no readable JWT or has no such claim.

    The token is not verified: it came from SnelStart itself over TLS, and the list only makes an error clearer.
    """
    parts = bearer.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    listed = claims.get("scopes") if isinstance(claims, dict) else None
    if isinstance(listed, str):
        return frozenset(listed.replace(",", " ").split())
    return frozenset(str(scope) for scope in listed) if isinstance(listed, list) else None
