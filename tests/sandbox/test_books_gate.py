"""Credentials, limits, faults and counting of the simulated SnelStart."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from sandbox.books_run import BooksClient
from sandbox.books_traffic import Traffic

ROOT = Path(__file__).resolve().parents[2]


def customer(books: BooksClient, naam: str = "Jan") -> httpx.Response:
    """Send a new customer."""
    return books.call("POST", "/relaties", {"relatiesoort": ["Klant"], "naam": naam})


def names(books: BooksClient) -> list[str]:
    """The names of customers made by the test."""
    return [row["naam"] for row in books.books()["relaties"] if row["relatiecode"] > 0]


def test_a_token_says_what_it_may_do(books: BooksClient) -> None:
    """A koppelsleutel gives a bearer token shaped like a JWT with its scopes."""
    answer = books.token(str(books.made["koppelsleutel"])).json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3599)
    claims = answer["access_token"].split(".")[1]
    assert "relaties:read" in json.loads(base64.urlsafe_b64decode(claims + "=="))["scopes"]


def test_a_refused_koppelsleutel_is_a_400_of_its_own(books: BooksClient) -> None:
    """An unknown or withdrawn koppelsleutel answers 400 with the documented error."""
    answer = books.token("onbekend")
    assert answer.status_code == 400
    assert "clientkey does not contain a valid value" in answer.json()["error"]
    books.sim("POST", f"/administrations/{books.id}", {"active": False})
    assert books.token(str(books.made["koppelsleutel"])).status_code == 400


def test_a_refused_subscription_key_is_a_401_of_its_own(books: BooksClient) -> None:
    """A wrong subscription key answers the gateway's 401, to be told from a wrong bearer."""
    books.sim("POST", "/subscription-key", {"key": "nieuw"})
    answer = books.call("GET", "/landen")
    assert answer.status_code == 401
    assert answer.json() == {
        "statusCode": 401,
        "message": "Access denied due to invalid subscription key. "
        "Make sure to provide a valid key for an active subscription.",
    }
    books.headers["Ocp-Apim-Subscription-Key"] = "nieuw"
    assert books.call("GET", "/landen").status_code == 200


def test_a_token_ends(books: BooksClient) -> None:
    """An expired or unknown token answers 401 until a new one is fetched."""
    books.sim("POST", "/tokens/expire", {"administration": books.id})
    assert books.call("GET", "/landen").status_code == 401
    books.sim("POST", "/settings", {"token_seconds": 0})
    books.login()
    assert books.call("GET", "/landen").status_code == 401
    books.sim("POST", "/settings", {"token_seconds": 60})
    books.login()
    assert books.call("GET", "/landen").status_code == 200


def test_a_missing_scope_is_a_403(books: BooksClient) -> None:
    """What the koppelsleutel may not do answers 403."""
    books.sim("POST", f"/administrations/{books.id}", {"scopes": ["boekhouden:read"]})
    books.login()
    assert books.call("GET", "/grootboeken").status_code == 200
    assert books.call("GET", "/companyInfo").status_code == 403
    assert customer(books).status_code == 403


def test_past_the_limit_comes_429(books: BooksClient) -> None:
    """The call past the limit answers 429, with Retry-After unless the setting leaves it out."""
    books.sim("POST", f"/administrations/{books.id}", {"limits": [3, 100, 5]})
    assert [books.call("GET", "/companyInfo").status_code for _ in range(3)] == [200, 200, 200]
    refused = books.call("GET", "/companyInfo")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    books.sim("POST", "/settings", {"retry_after": False})
    assert "Retry-After" not in books.call("GET", "/companyInfo").headers
    books.sim("POST", "/settings", {"limits": False})
    assert books.call("GET", "/companyInfo").status_code == 200


def test_too_many_at_once_comes_429(books: BooksClient) -> None:
    """More calls at the same time than allowed answer 429, and the peak is counted."""
    books.sim("POST", f"/administrations/{books.id}", {"limits": [100, 100, 2]})
    books.sim("POST", "/settings", {"latency_ms": 300})
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: books.call("GET", "/companyInfo").status_code, range(4)))
    assert sorted(statuses) == [200, 200, 429, 429]
    assert books.sim("GET", "/calls", administration=books.id)["max_concurrent"] == 4


def test_the_token_endpoint_takes_no_place_from_the_calls(books: BooksClient) -> None:
    """Its calls are another host's: they leave the places under way to the API's calls, and have none to run out of."""
    books.sim("POST", f"/administrations/{books.id}", {"limits": [100, 100, 1]})
    books.sim("POST", "/settings", {"latency_ms": 500})
    began = threading.Barrier(4)

    def token() -> int:
        began.wait()
        return books.token(str(books.made["koppelsleutel"])).status_code

    def api() -> int:
        began.wait()
        time.sleep(0.2)
        return books.call("GET", "/companyInfo").status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = [pool.submit(work) for work in (token, token, token, api)]
        assert [each.result() for each in statuses] == [200] * 4
    counted = books.sim("GET", "/calls", administration=books.id)
    assert (counted["max_concurrent"], counted["refused_429"]) == (1, 0)


def test_calls_are_counted_by_share(books: BooksClient) -> None:
    """Token, reference and order calls are counted apart, ids taken out of the path."""
    books.sim("POST", "/calls/reset")
    books.login()
    books.call("GET", "/landen")
    key = customer(books).json()["id"]
    books.call("GET", f"/relaties/{key}")
    counted = books.sim("GET", "/calls", administration=books.id)
    assert [counted[part] for part in ("token", "reference", "orders", "total")] == [1, 1, 2, 4]
    assert {"method": "GET", "path": "/relaties/{id}", "part": "orders", "count": 1} in counted["calls"]
    assert (counted["max_per_minute"], counted["refused_429"]) == (3, 0)


@pytest.mark.parametrize(
    ("kind", "status", "booked"),
    [
        ("500-before", 500, []),
        ("500-after", 500, ["Jan"]),
        ("429", 429, []),
        ("503", 503, []),
        ("401", 401, []),
        ("timeout-before", 504, []),
        ("timeout-after", 504, ["Jan"]),
    ],
)
def test_a_fault_strikes_before_or_after_the_commit(
    books: BooksClient, kind: str, status: int, booked: list[str]
) -> None:
    """A planted fault answers its status, with or without the work done, as often as told."""
    books.sim("POST", "/faults", {"kind": kind, "method": "POST", "path": "/relaties", "seconds": 0.05})
    assert books.call("GET", "/landen").status_code == 200
    assert customer(books).status_code == status
    assert names(books) == booked
    assert customer(books).status_code == 201


@pytest.mark.parametrize(("kind", "booked"), [("cut-before", []), ("cut-after", ["Jan"])])
def test_a_cut_connection_leaves_the_client_without_answer(books: BooksClient, kind: str, booked: list[str]) -> None:
    """A cut drops the connection without a byte, before or after the commit."""
    books.sim("POST", "/faults", {"kind": kind, "path": "/relaties"})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        customer(books)
    assert names(books) == booked


def test_a_malformed_answer_hides_a_done_booking(books: BooksClient) -> None:
    """A 200 with half a body comes after the work."""
    books.sim("POST", "/faults", {"kind": "malformed-200", "path": "/relaties"})
    answer = customer(books)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert names(books) == ["Jan"]


def test_a_late_commit_comes_after_the_answer(books: BooksClient) -> None:
    """A late commit answers 504 with nothing booked yet, and books it afterwards."""
    books.sim("POST", "/faults", {"kind": "late-commit", "path": "/relaties", "seconds": 0.3})
    assert customer(books).status_code == 504
    assert names(books) == []
    time.sleep(0.5)
    assert names(books) == ["Jan"]


def test_a_late_commit_comes_when_told(books: BooksClient) -> None:
    """What is late for as long as nobody says otherwise is booked when the answer to being told is there."""
    books.sim("POST", "/faults", {"kind": "late-commit", "path": "/relaties", "seconds": 3600})
    assert customer(books).status_code == 504
    assert names(books) == []
    assert books.sim("POST", "/late") == {"committed": 1}
    assert names(books) == ["Jan"]
    assert books.sim("POST", "/late") == {"committed": 0}


def test_a_fault_refuses_by_a_rule(books: BooksClient) -> None:
    """A fault may answer a broken rule as SnelStart does, its code in a list, and nothing is done."""
    books.sim("POST", "/faults", {"kind": "refused", "error_code": "REL-0066", "path": "/relaties"})
    answer = books.call("POST", "/relaties", {"relatiesoort": ["Klant"], "naam": "Jan"})
    assert (answer.status_code, [rule["errorCode"] for rule in answer.json()]) == (400, ["REL-0066"])
    assert not [relatie for relatie in books.books()["relaties"] if relatie["naam"] == "Jan"]
    assert books.klant()


def test_reference_data_can_be_taken_out(books: BooksClient) -> None:
    """An account that is removed is no longer listed."""
    books.plant("grootboeken", nummer=8200, weg=True)
    assert 8200 not in {row["nummer"] for row in books.rows("/grootboeken", filter="Nummer eq 8200")}
    assert books.grootboek(8210)


def test_a_fault_can_wait_and_choose(books: BooksClient) -> None:
    """A fault may let calls pass first, and strike only bodies that hold a text."""
    fault = {"kind": "500", "path": "/relaties", "after": 1, "body_contains": "Piet", "administration": books.id}
    books.sim("POST", "/faults", fault)
    statuses = [customer(books, naam).status_code for naam in ("Jan", "Piet", "Jan", "Piet", "Piet")]
    assert statuses == [201, 201, 201, 500, 201]
    books.sim("POST", "/faults", {"kind": "500", "path": "/b2b/token", "method": "POST"})
    assert books.token(str(books.made["koppelsleutel"])).status_code == 500
    books.sim("DELETE", "/faults")
    assert books.sim("GET", "/faults") == []


def test_a_write_is_done_before_the_round_trip_ends(books: BooksClient) -> None:
    """With a round-trip time set, a client that gives up has booked all the same."""
    books.sim("POST", "/settings", {"latency_ms": 600})
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{books.url}/v2/relaties",
            json={"relatiesoort": ["Klant"], "naam": "Jan"},
            headers=books.headers,
            timeout=0.2,
        )
    assert names(books) == ["Jan"]


def test_the_body_must_be_json_that_says_so(books: BooksClient) -> None:
    """No body, broken JSON, a key twice and another content type are refused."""
    url = f"{books.url}/v2/relaties"
    as_json = books.headers | {"Content-Type": "application/json"}
    assert httpx.post(url, content=b"", headers=as_json).json()[0]["errorCode"] == "ALG-0106"
    assert httpx.post(url, content=b"{", headers=as_json).json()[0]["errorCode"] == "SIM-0004"
    assert httpx.post(url, content=b'{"naam":"a","naam":"b"}', headers=as_json).json()[0]["errorCode"] == "SIM-0004"
    assert httpx.post(url, content=b"{}", headers=books.headers | {"Content-Type": "text/plain"}).status_code == 415


def test_an_unknown_option_is_refused(books: BooksClient) -> None:
    """A typing mistake in a setting or a fault is told, not ignored."""
    with pytest.raises(httpx.HTTPStatusError):
        books.sim("POST", "/settings", {"latency": 5})
    with pytest.raises(httpx.HTTPStatusError):
        books.sim("POST", "/faults", {"kind": "explode"})
    with pytest.raises(httpx.HTTPStatusError):
        books.sim("POST", "/subscription-key", {})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_ends_quietly_when_told(tmp_path: Path, number: signal.Signals) -> None:
    """It prints its URL and nothing else, and ends with 0 on SIGTERM and SIGINT."""
    port_file = tmp_path / "port"
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "sandbox.books", "--port", "0", "--port-file", str(port_file)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        while not port_file.exists():
            time.sleep(0.02)
        url = f"http://127.0.0.1:{port_file.read_text()}"
        assert httpx.get(url).status_code == 200
        process.send_signal(number)
        printed, _ = process.communicate(timeout=10)
    assert (process.returncode, printed) == (0, f"{url}\n")


def test_calls_are_told_by_whole_hours_of_the_limits_clock() -> None:
    """Of an hour that is not over nothing is told; what passes faster passes so in minutes and hours alike."""
    told = Traffic(started=[3600 * at for at in (7.0, 8.0, 8.5, 8.99, 9.5)]).report()
    assert told["per_hour"] == [1, 3]
    assert (told["max_per_hour"], told["max_per_minute"]) == (3, 1)
    assert Traffic().report()["per_hour"] == []
