"""The simulated SnelStart's activation page."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, override
from urllib.parse import quote

import httpx
import pytest

from sandbox.books_run import BooksClient

PAGE = "https://web.snelstart.nl/couplings/activate/app"


@contextmanager
def app(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An app's webhook that answers this, and all it was told."""
    told: list[dict[str, Any]] = []

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Quietly."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", told
        server.shutdown()


def owner(books: BooksClient, does: str, **how: object) -> Any:  # noqa: ANN401 -- JSON
    """What the owner does, and what came of it."""
    return books.sim("POST", f"/coupling/{does}", {"administration": books.id, **how})


@pytest.mark.parametrize(
    ("casing", "names"),
    [
        ("upper", ["KoppelSleutel", "ActionType", "ReferenceKey"]),
        ("camel", ["koppelSleutel", "actionType", "referenceKey"]),
    ],
)
def test_a_coupling_lives_and_dies(books: BooksClient, casing: str, names: list[str]) -> None:
    """Approved, regenerated, deleted: each is told once, and of its keys only the newest opens the administration."""
    with app() as (url, told):
        books.sim("POST", "/coupling", {"app_name": "app", "webhook_url": url, "casing": casing})
        first = owner(books, "approve", url=f"{PAGE}?referenceKey=r-1&successUrl={quote('https://a.example/?b=c', '')}")
        assert first["success_url"] == "https://a.example/?b=c"
        assert books.token(first["koppelsleutel"]).status_code == 200
        second = owner(books, "regenerate")
        assert books.token(first["koppelsleutel"]).status_code == 400
        assert books.token(second["koppelsleutel"]).status_code == 200
        owner(books, "delete")
        assert books.token(second["koppelsleutel"]).status_code == 400
    assert books.token(str(books.made["koppelsleutel"])).status_code == 200
    assert [list(one) for one in told] == [names] * 3
    keys = [first["koppelsleutel"], second["koppelsleutel"], second["koppelsleutel"]]
    assert [list(one.values()) for one in told] == [
        [key, action, "r-1"] for key, action in zip(keys, ["Create", "Regenerate", "Delete"], strict=True)
    ]


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
def test_what_is_not_taken_is_never_told_again(books: BooksClient, status: int) -> None:
    """An answer outside 200 to 299 is dropped; the key is made all the same."""
    with app(status) as (url, told):
        books.sim("POST", "/coupling", {"app_name": "app", "webhook_url": url})
        made = owner(books, "approve", url=f"{PAGE}?referenceKey=r")
    assert (made["status"], made["delivered"], len(told)) == (status, False, 1)
    assert books.token(made["koppelsleutel"]).status_code == 200
    assert [one["delivered"] for one in books.sim("GET", "/coupling/deliveries")] == [False]


@pytest.mark.parametrize(
    "url",
    [
        "http://web.snelstart.nl/couplings/activate/app?referenceKey=r",
        "https://web.snelstart.example/couplings/activate/app?referenceKey=r",
        "https://web.snelstart.nl/couplings/activate/other?referenceKey=r",
        f"{PAGE}?referenceKey=",
        f"{PAGE}?successUrl=https%3A%2F%2Fa.example",
        f"{PAGE}?referenceKey=r&referenceKey=s",
        f"{PAGE}?referenceKey=r&extra=1",
        f"{PAGE}?referenceKey=r&successUrl=http%3A%2F%2Fa.example",
        f"{PAGE}?referenceKey={'r' * 501}",
        f"{PAGE}?referenceKey=r#fragment",
    ],
)
def test_a_wrong_link_opens_nothing(books: BooksClient, url: str) -> None:
    """Another host, app or parameter, or a reference key of over 500 characters: the page shows an error."""
    books.sim("POST", "/coupling", {"app_name": "app", "webhook_url": "http://127.0.0.1:1/"})
    with pytest.raises(httpx.HTTPStatusError):
        owner(books, "approve", url=url)
    assert books.sim("GET", "/coupling/deliveries") == []
