"""A profile that no longer fits: `profile --check` looks anew, `show` and `list` tell what was last found."""

from tests.ops.desk import Books


def test_a_profile_that_fits_is_told_so(books: Books) -> None:
    """Nothing to list, exit code 0; the moment of the check is kept."""
    said = books.run("profile", books.id, "--check")
    assert (said.code, said.out) == (0, "The profile fits.\n")
    told = books.run("profile", books.id, "--check", "--json").json
    assert told["profile_problems"] == []
    assert books.run("show", books.id, "--json").json["profile_checked_at"] == told["profile_checked_at"]


def test_every_choice_that_no_longer_fits_is_listed_with_what_would_do(books: Books) -> None:
    """An account that is gone, one out of use, and a status the shop no longer has: each with its choice."""
    chosen = books.run("profile", books.id, "--json").json["profile"]
    high, low = chosen["accounts"]["revenue_high"], chosen["accounts"]["revenue_low"]
    books.books.plant("grootboeken", nummer=high, weg=True)
    books.books.plant("grootboeken", nummer=low, nonactief=True)
    other = {"token": books.token, "name": "De Theepot", "primary_domain": "theepot.example"}
    books.shop.tell("stores", other | {"statuses": [{"status": 9, "description": {"nl_NL": "Klaar"}}]})
    said = books.run("profile", books.id, "--check")
    assert said.code == 1
    account, inactive, status = said.out.splitlines()
    assert account.startswith(f"Grootboek {high}, gekozen voor omzet hoog (revenue_high), bestaat niet")
    assert inactive.startswith(f"Grootboek {low}, gekozen voor omzet laag (revenue_low), is niet actief")
    assert "Wel geschikt: " in account
    assert str(low) not in inactive.partition("Wel geschikt")[2]
    assert status == "Status 4 (completed_statuses) bestaat niet in de winkel; wel: 9 (Klaar)."


def test_what_was_found_stays_visible_until_it_fits_again(books: Books) -> None:
    """`show` lists it with exit code 1, `list` marks the connection, and a repair takes it away."""
    account = books.run("profile", books.id, "--json").json["profile"]["accounts"]["revenue_export"]
    books.books.plant("grootboeken", nummer=account, nonactief=True)
    assert books.run("show", books.id).code == 0, "nobody looked yet"
    assert books.run("profile", books.id, "--check").code == 1
    shown, listed = books.run("show", books.id), books.run("list")
    assert (shown.code, listed.code) == (1, 0)
    assert f"does not fit     Grootboek {account}" in shown.out
    assert f"koppeling profile {books.id} --set" in shown.err
    assert "active, profile does not fit (1)" in listed.out
    [one] = books.run("list", "--json").json
    assert one["profile_problems"] == books.run("show", books.id, "--json").json["profile_problems"]
    books.books.plant("grootboeken", nummer=account, nonactief=False)
    assert books.run("profile", books.id, "--check").code == 0
    assert books.run("show", books.id).code == 0
    assert "does not fit" not in books.run("list").out


def test_another_choice_takes_the_problem_away(books: Books) -> None:
    """A profile that is stored was checked."""
    account = books.run("profile", books.id, "--json").json["profile"]["accounts"]["revenue_high"]
    books.books.plant("grootboeken", nummer=account, nonactief=True)
    said = books.run("profile", books.id, "--check")
    would_do = said.out.partition("Wel geschikt: ")[2].split()[0]
    assert books.run("profile", books.id, "--set", f"accounts.revenue_high={would_do}").code == 0
    assert books.run("show", books.id, "--json").json["profile_problems"] == []
