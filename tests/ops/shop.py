"""The simulated shop in a process of its own, for the command line's tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from sandbox.world import simulator

PARTNER_TOKEN = "partner-token-cli"  # a made-up credential
SHOP_TOKEN = "shop-token-cli"


@dataclass(frozen=True)
class ShopClient:
    """The simulator's address; it holds one store, De Theepot, with `SHOP_TOKEN`."""

    url: str


@contextmanager
def running_shop() -> Iterator[ShopClient]:
    """The simulator on a free port, with one store."""
    with simulator("sandbox.shop") as url:
        store = {"token": SHOP_TOKEN, "name": "De [bold]Theepot", "primary_domain": "theepot.example"}
        httpx.post(f"{url}/_sim/stores", json=store).raise_for_status()
        httpx.post(f"{url}/_sim/partner-token", json={"partner_token": PARTNER_TOKEN}).raise_for_status()
        yield ShopClient(url)
