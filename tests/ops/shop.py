"""The simulated shop in a process of its own, for the command line's tests."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

PARTNER_TOKEN = "partner-token-cli"  # a made-up credential
SHOP_TOKEN = "shop-token-cli"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class ShopClient:
    """The simulator's address; it holds one store, De Theepot, with `SHOP_TOKEN`."""

    url: str


@contextmanager
def running_shop() -> Iterator[ShopClient]:
    """The simulator on a free port, with one store."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", "sandbox.shop", "--port-file", str(port_file)]
        with subprocess.Popen(command, cwd=ROOT) as process:  # noqa: S603 -- our own module
            try:
                deadline = time.monotonic() + 20
                while not port_file.exists():
                    assert process.poll() is None, "the simulated shop ended"
                    assert time.monotonic() < deadline, "the simulated shop did not start"
                    time.sleep(0.02)
                url = f"http://127.0.0.1:{port_file.read_text(encoding='ascii')}"
                store = {"token": SHOP_TOKEN, "name": "De [bold]Theepot", "primary_domain": "theepot.example"}
                httpx.post(f"{url}/_sim/stores", json=store).raise_for_status()
                httpx.post(f"{url}/_sim/partner-token", json={"partner_token": PARTNER_TOKEN}).raise_for_status()
                yield ShopClient(url)
            finally:
                process.terminate()
