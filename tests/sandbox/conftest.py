"""The simulated SnelStart for the tests beside it: one process per session, a fresh administration per test."""

from collections.abc import Iterator

import pytest

from sandbox.books_run import BooksClient, running_books


@pytest.fixture(scope="session")
def books_url() -> Iterator[str]:
    """The URL of a running simulated SnelStart."""
    with running_books() as url:
        yield url


@pytest.fixture
def books(books_url: str) -> Iterator[BooksClient]:
    """A fresh administration in a simulator that has forgotten everything else."""
    client = BooksClient(books_url, reset=True)
    yield client
    client.close()
