"""`koppeling report` as the operator uses it: the file it writes, what it leaves alone, what it says."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from koppeling import clock
from tests.exactly_once.rig import order
from tests.ops.conftest import Koppeling, Said
from tests.ops.desk import Books

TODAY = clock.now().astimezone(clock.AMSTERDAM).date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reported(books: Books, *more: str) -> Said:
    """A report over two days."""
    return books.run("report", books.id, "--from", str(YESTERDAY), "--to", str(TODAY), *more)


def test_a_report_is_written_where_one_is(books: Books, here: Path) -> None:
    """Under a name that tells whose and of when, for the operator's eyes, and nothing else beside it."""
    [number] = books.place(order())
    books.deliver(number)
    said = reported(books)
    name = f"koppeling-{books.id}-{YESTERDAY}-{TODAY}.html"
    assert (said.code, said.out, said.err) == (0, f"Sluitend. Orders: 1. Written to {name}.\n", "")
    assert [file.name for file in here.iterdir()] == [name]
    assert (here / name).stat().st_mode & 0o777 == 0o600
    assert "Sluitend" in (here / name).read_text(encoding="utf-8")


def test_a_report_with_differences_is_written_all_the_same(books: Books, here: Path) -> None:
    """Exit code 0: the file was asked for, and is there; the document tells that it does not close."""
    [number] = books.place(order())
    said = reported(books, "--out", "maand.html", "--json")
    assert (said.code, said.err) == (0, "")
    told = said.json
    assert (told["file"], told["closes"], told["orders"]) == ("maand.html", False, 1)
    assert [one["order_number"] for one in told["differences"]] == [number]
    assert told["standings"]["to-book"] == 1
    assert told["latency"]["orders"] == 0
    assert told["eu_consumers"][-1]["net"] == "0.00"
    assert "Niet sluitend" in (here / "maand.html").read_text(encoding="utf-8")
    assert "Niet sluitend (1). Orders: 1." in reported(books).out


def test_an_earlier_report_is_written_anew(books: Books, here: Path) -> None:
    """The same command tomorrow takes the same file."""
    assert reported(books, "--out", "maand.html").code == 0
    books.place(order())
    assert reported(books, "--out", "maand.html").code == 0
    assert "1 bestelling:" in (here / "maand.html").read_text(encoding="utf-8")
    assert [file.name for file in here.iterdir()] == ["maand.html"]


def test_a_file_that_is_no_report_is_left_alone(books: Books, here: Path) -> None:
    """Told before anything is read; so is a directory that is not there, or one in the file's place."""
    (here / "begroting.html").write_text("<!doctype html><p>van mij</p>", encoding="utf-8")
    before = books.books.sim("GET", "/calls", administration=books.books.id)["calls"]
    said = reported(books, "--out", "begroting.html", "--json")
    assert (said.code, said.json["error"]["code"]) == (3, "report-file")
    assert "no report" in said.err
    assert (here / "begroting.html").read_text(encoding="utf-8") == "<!doctype html><p>van mij</p>"
    said = reported(books, "--out", "nergens/maand.html")
    assert said.code == 3
    assert "directory that exists" in said.err
    assert reported(books, "--out", str(here)).code == 2
    assert books.books.sim("GET", "/calls", administration=books.books.id)["calls"] == before


def test_a_place_that_cannot_hold_a_file_is_told_before_anything_is_read(books: Books, here: Path) -> None:
    """Before an hour's waiting, not after it."""
    (here / "map").write_text("", encoding="utf-8")
    before = books.books.sim("GET", "/calls", administration=books.books.id)["calls"]
    said = reported(books, "--out", "map/maand.html")
    assert said.code == 3
    assert "cannot be written" in said.err
    assert books.books.sim("GET", "/calls", administration=books.books.id)["calls"] == before


@pytest.mark.parametrize(("first", "last"), [("2026-11-02", "2026-11-01"), ("gisteren", "2026-11-01")])
def test_days_that_cannot_be_meant_are_exit_code_2(books: Books, here: Path, first: str, last: str) -> None:
    """The wrong way round, or no day at all; no file is left behind."""
    said = books.run("report", books.id, "--from", first, "--to", last)
    assert (said.code, said.out) == (2, "")
    assert list(here.iterdir()) == []


def test_a_side_that_refuses_leaves_no_file(books: Books, here: Path) -> None:
    """One line that says whose credential it is."""
    books.books.sim("POST", f"/administrations/{books.books.id}", {"active": False})
    books.books.sim("POST", "/tokens/expire", {"administration": books.books.id})
    said = reported(books, "--json")
    assert (said.code, said.json["error"]["code"]) == (3, "snelstart-key-refused")
    assert list(here.iterdir()) == []


def test_a_connection_that_is_not_there_is_told(koppeling: Koppeling, books: Books) -> None:
    """As everywhere."""
    said = koppeling("report", "0000000000000000", "--from", str(TODAY), "--json")
    assert (said.code, said.json["error"]["code"]) == (3, "no-such-connection")
    assert books.id


def test_other_commands_do_not_load_what_draws() -> None:
    """Neither matplotlib nor jinja2 is imported before a report is made."""
    code = "import sys, ops.cli; sys.exit(bool({'matplotlib', 'jinja2', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)  # noqa: S603 -- our own
    assert done.returncode == 0
