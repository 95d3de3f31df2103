"""What went over the wire: every request of our one HTTP client and what was answered, without its secrets."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import httpx

from koppeling import transport
from koppeling.settings import settings

type Api = Literal["snelstart", "mijnwebwinkel", "token"]

HIDDEN: Final = "hidden"
_SECRET_HEADERS: Final = frozenset({"authorization", "ocp-apim-subscription-key"})
_SECRET_PARAMETERS: Final = frozenset({"token", "partner_token"})


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; `status` is None where no whole answer came."""

    api: Api
    method: str
    path: str
    """Below the API's base URL, as `/relaties`; "" for the token endpoint."""
    query: tuple[tuple[str, str], ...] = field(repr=False)
    headers: httpx.Headers = field(repr=False)
    """Of the request; secrets by name only."""
    body: bytes = field(repr=False)
    ours: bool
    """Whether our own client made the call, not the test to hear the simulator answer."""
    setting: str = ""
    """The shop's setting in force, "" for none."""
    status: int | None = None
    content_type: str = ""
    answer: bytes = field(default=b"", repr=False)

    def json(self) -> Any:  # noqa: ANN401 -- any JSON
        """What was answered. Raises ValueError when it is no JSON."""
        return json.loads(self.answer)


@dataclass
class Recording:
    """The exchanges so far, in order of the requests."""

    exchanges: list[Exchange] = field(default_factory=list)
    ours: bool = True
    setting: str = ""

    @contextmanager
    def touring(self, setting: str = "") -> Iterator[None]:
        """Mark the calls of the block as the test's own."""
        self.ours, self.setting = False, setting
        yield
        self.ours, self.setting = True, ""


@contextmanager
def recorded() -> Iterator[Recording]:
    """Record what `koppeling.transport` sends to the addresses of the settings."""
    recording, places = Recording(), dict[int, int]()
    client = transport.client()
    before = client.event_hooks

    def sent(request: httpx.Request) -> None:
        places[id(request)] = len(recording.exchanges)
        recording.exchanges.append(_of(request, recording))

    def answered(response: httpx.Response) -> None:
        place = places.pop(id(response.request))
        content = response.read()
        recording.exchanges[place] = replace(
            recording.exchanges[place],
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            answer=content,
        )

    client.event_hooks = {"request": [sent], "response": [answered]}
    try:
        yield recording
    finally:
        client.event_hooks = before


def _of(request: httpx.Request, recording: Recording) -> Exchange:
    api, path = _place(str(request.url.copy_with(query=None)))
    headers = httpx.Headers(
        [(name, HIDDEN if name.lower() in _SECRET_HEADERS else value) for name, value in request.headers.multi_items()]
    )
    return Exchange(
        api=api,
        method=request.method,
        path=path,
        query=tuple(
            (name, HIDDEN if name in _SECRET_PARAMETERS else value) for name, value in request.url.params.multi_items()
        ),
        headers=headers,
        # The koppelsleutel travels in the token call's form; its field names are all that is looked at.
        body=b"&".join(pair.partition(b"=")[0] for pair in request.content.split(b"&"))
        if api == "token"
        else request.content,
        ours=recording.ours,
        setting=recording.setting,
    )


def _place(url: str) -> tuple[Api, str]:
    known = settings()
    if url == known.snelstart_auth_url:
        return "token", ""
    bases: tuple[tuple[Api, str], ...] = (
        ("snelstart", known.snelstart_api_url),
        ("mijnwebwinkel", known.mijnwebwinkel_api_url),
    )
    return next((api, url.removeprefix(base)) for api, base in bases if url.startswith(f"{base}/"))
