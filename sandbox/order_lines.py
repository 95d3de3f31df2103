"""Lines of a made-up order, and the VAT a shop would state for them. Money is whole cents until it becomes text."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Literal

from sandbox import words

type Json = dict[str, object]
type VatMethod = Literal["line", "rate", "drift"]
"""How a shop comes to its VAT: rounded per line, rounded per rate, or per rate and then a cent off.

The last is what the maker's own example shows: 0.83 and 6.50 where per rate it would be 0.82 and 6.51.
"""

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
HUNDRED = Decimal(100)
ZERO = Decimal(0)


@dataclass(frozen=True)
class Part:
    """What a line costs under one rate: cents including VAT, the rate in percent."""

    rate: Decimal
    cents: int

    @property
    def vat(self) -> Decimal:
        """The VAT inside, in euros, not rounded."""
        return Decimal(self.cents) / HUNDRED * self.rate / (HUNDRED + self.rate)


@dataclass(frozen=True)
class Line:
    """One order line: its JSON but for the price, and its parts, one per rate."""

    json: Json
    parts: tuple[Part, ...]

    @property
    def cents(self) -> int:
        """What the customer pays for the whole line."""
        return sum(part.cents for part in self.parts)

    def told(self) -> Json:
        """The line as the API states it: one price, or a list where several rates apply."""
        prices = [price(part) for part in self.parts]
        return {**self.json, "price": prices[0] if len(prices) == 1 else prices}


def identifier(rng: Random) -> str:
    """Make a UUID that the seed repeats."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def euros(cents: int) -> Decimal:
    """Turn cents into euros with two decimals."""
    return (Decimal(cents) / HUNDRED).quantize(CENT)


def excluding(cents: int, rate: Decimal) -> str:
    """Write an amount without its VAT, to six decimals."""
    return f"{(Decimal(cents) / (HUNDRED + rate)).quantize(MICRO, ROUND_HALF_UP):f}"


def price(part: Part) -> Json:
    """Write the price of a line under one rate."""
    return {
        "amount": excluding(part.cents, part.rate),
        "amount_including_tax": f"{euros(part.cents)}",
        "rate": f"{part.rate:.2f}",
    }


def cents_per_rate(lines: Iterable[Line]) -> dict[Decimal, int]:
    """Add the lines up per rate, in cents including VAT."""
    sums: dict[Decimal, int] = {}
    for line in lines:
        for part in line.parts:
            sums[part.rate] = sums.get(part.rate, 0) + part.cents
    return sums


def split(cents: int, weights: Mapping[Decimal, int]) -> tuple[Part, ...]:
    """Split an amount over rates by ratio, to the cent: what rounding leaves goes to the largest."""
    whole = sum(weights.values())
    shares = {rate: cents * weight // whole for rate, weight in weights.items()}
    shares[max(weights, key=lambda rate: (weights[rate], rate))] += cents - sum(shares.values())
    return tuple(Part(rate, share) for rate, share in sorted(shares.items()) if share)


def article(rng: Random) -> Line:
    """Make an article line: one to six pieces, perhaps with options, perhaps at an action price."""
    name, percent, low, high = rng.choice(words.ARTICLES)
    rate, quantity = Decimal(percent), rng.choices((1, 2, 3, 4, 6), (60, 22, 10, 5, 3))[0]
    listed = rng.randint(low, high)
    paid, options, texts = listed, [], [name]
    if rng.random() < 0.3:  # noqa: PLR2004 - a share, named by the branch
        text, extra = rng.choice(words.OPTIONS)
        options.append(_option(rng, text, extra, rate))
        paid += extra
        texts.append(text)
    if rng.random() < 0.15:  # noqa: PLR2004 - a share, named by the branch
        off = rng.randint(1, listed // 2)
        options.append(_option(rng, rng.choice(("Actieprijs", "Korting winkelwagen")), -off, rate))
        paid -= off
    sold = {
        "id": rng.randint(1, 99999),
        "description": name,
        "sku": f"ART-{rng.randint(1000, 9999)}",
        "price": {"amount": excluding(listed, rate), "rate": f"{rate:.2f}"},
        "options": options,
    }
    json: Json = {
        "id": identifier(rng),
        "type": "article",
        "quantity": quantity,
        "weight": "0",
        "description": ", ".join(texts),
        "articles": [sold],
    }
    return Line(json, (Part(rate, paid * quantity),))


def _option(rng: Random, text: str, cents: int, rate: Decimal) -> Json:
    return {
        "list_option_id": rng.randint(1, 99999),
        "description": text,
        "price": {"amount": excluding(cents, rate), "rate": f"{rate:.2f}"},
    }


def custom(rng: Random) -> Line:
    """Make a line typed in by the shopkeeper, with no article behind it."""
    rate = Decimal(rng.choice(("21", "21", "9", "0")))
    json: Json = {
        "id": identifier(rng),
        "type": "custom",
        "quantity": 1,
        "weight": "0",
        "description": rng.choice(words.CUSTOM_LINES),
    }
    return Line(json, (Part(rate, rng.randint(100, 15000)),))


def costs(rng: Random, kind: Literal["shipping", "payment"], cents: int, goods: Mapping[Decimal, int]) -> Line:
    """Make a line of shipping or payment costs, at the largest rate of the goods or split over all of them."""
    largest = max(goods, key=lambda rate: (goods[rate], rate))
    parts = split(cents, goods) if rng.random() < 0.5 else (Part(largest, cents),)  # noqa: PLR2004 - even odds
    text = "Verzendkosten" if kind == "shipping" else "Betaalkosten"
    return Line({"id": identifier(rng), "type": kind, "quantity": 1, "description": text}, parts)


def discount(rng: Random, cents: int, goods: Mapping[Decimal, int], text: str) -> Line:
    """Make a discount line over all rates of the goods; `cents` is positive, the line is not."""
    parts = tuple(Part(part.rate, -part.cents) for part in split(cents, goods))
    return Line({"id": identifier(rng), "type": "discount", "quantity": 1, "description": text}, parts)


def stated_vat(rng: Random, lines: Iterable[Line], method: VatMethod) -> dict[Decimal, Decimal]:
    """State the VAT per rate the way a shop does, each within one cent per line of the exact amount."""
    parts: dict[Decimal, list[Part]] = {}
    for line in lines:
        for part in line.parts:
            parts.setdefault(part.rate, []).append(part)
    stated: dict[Decimal, Decimal] = {}
    for rate, own in sorted(parts.items()):
        if method == "line":
            stated[rate] = sum((part.vat.quantize(CENT, ROUND_HALF_UP) for part in own), ZERO)
        else:
            stated[rate] = sum((part.vat for part in own), ZERO).quantize(CENT, ROUND_HALF_UP)
        # with one line under a rate, a cent on top of the rounding would be more than a cent per line
        if method == "drift" and rate and len(own) > 1:
            stated[rate] += rng.choice((-CENT, CENT))
    return stated
