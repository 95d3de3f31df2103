"""Made-up customers of a made-up shop, as its orders carry them."""

import re
import unicodedata
from random import Random

from sandbox import words
from sandbox.order_lines import Json, identifier


def _mailbox(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]+", ".", plain).strip(".")


def _business_number(rng: Random) -> str:
    """A VAT number of the Dutch kind that passes the eleven-test."""
    while True:
        digits = [rng.randint(1, 9), *(rng.randint(0, 9) for _ in range(7))]
        check = sum(digit * weight for digit, weight in zip(digits, range(9, 1, -1), strict=True)) % 11
        if check < 10:  # noqa: PLR2004 - a remainder of ten has no digit, so such numbers are not given out
            return f"NL{''.join(map(str, digits))}{check}B01"


def customer(rng: Random, index: int) -> Json:
    """Make a customer as `debtor` of an order; `index` keeps two of one name apart."""
    name = f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.LAST_NAMES)}"
    digits, city = rng.choice(words.PLACES)
    letters = "".join(rng.choices("ABCDEGHJKLMNPRSTVWXZ", k=2))
    invoice: Json = {
        "name": name,
        "street": rng.choice(words.STREETS),
        "number": f"{rng.randint(1, 240)}{rng.choice(words.HOUSE_SUFFIXES)}",
        "zipcode": f"{digits}{rng.randint(10, 99)}{rng.choice(('', ' '))}{letters}",
        "city": city,
        "country": "Nederland",
        "country_code": "NL",
        "phone": f"06-{rng.randint(10000000, 99999999)}",
    }
    if rng.random() < 0.15:  # noqa: PLR2004 - the share of businesses
        invoice["company"] = rng.choice(words.COMPANIES).format(name=name.split(" ", 1)[1])
        if rng.random() < 0.5:  # noqa: PLR2004 - even odds
            invoice["taxnumber"] = _business_number(rng)
    email = f"{_mailbox(name)}{index}@{rng.choice(words.MAIL_DOMAINS)}"
    return {"id": identifier(rng), "email": email, "name": name, "address": {"invoice": invoice}}


def as_written_today(rng: Random, buyer: Json) -> tuple[Json, str]:
    """Give the customer as one order carries him: sometimes the e-mail in other letter case, or another delivery."""
    email = str(buyer["email"])
    written = rng.choices((email, email.title(), email.upper()), (80, 15, 5))[0]
    address = buyer["address"]
    assert isinstance(address, dict)
    if rng.random() < 0.1:  # noqa: PLR2004 - the share of presents
        # a VAT number belongs to the invoice address alone
        place = {key: value for key, value in address["invoice"].items() if key != "taxnumber"}
        address = {**address, "delivery": {**place, "name": rng.choice(words.FIRST_NAMES), "number": "1"}}
    return {**buyer, "email": written, "address": address}, email
