"""How every simulator serves: quietly on a loopback port that it tells through a file, until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import uvicorn
from starlette.applications import Starlette

LOOPBACK: Final = "127.0.0.1"


def options(module: str, description: str) -> argparse.ArgumentParser:
    """The options that all simulators take: `--port` and `--port-file`."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--port-file", type=Path, help="file the port is written to once it listens")
    return parser


def serve(
    application: Starlette, chosen: argparse.Namespace, http: type[asyncio.Protocol] | Literal["auto"] = "auto"
) -> None:
    """Serve until told to end, and then end as a program that did what it was told."""
    asyncio.run(_serve(application, chosen.port, chosen.port_file, http))


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which raises the signal once more: ending on request is no failure."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield


async def _serve(
    application: Starlette, port: int, port_file: Path | None, http: type[asyncio.Protocol] | Literal["auto"]
) -> None:
    running = _Server(
        uvicorn.Config(
            application,
            http=http,
            ws="none",
            lifespan="off",
            # it would print every URL, and those of the shop carry tokens
            access_log=False,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        running.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    # named as TCP: asyncio switches Nagle off only then, and with it every answer takes 40 ms longer
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(512)
        bound = listener.getsockname()[1]
        if port_file is not None:
            # renamed into place, so that who waits for the file never reads half a number
            fresh = port_file.with_suffix(".new")
            fresh.write_text(str(bound), encoding="ascii")
            fresh.rename(port_file)
        print(f"http://{LOOPBACK}:{bound}", flush=True)
        await running.serve(sockets=[listener])
