"""One process that forks all servers of these tests."""

from collections.abc import Generator

import pytest

from tests.transports.nursery import Nursery, nursery


@pytest.fixture(scope="session")
def servers() -> Generator[Nursery]:
    with nursery() as made:
        yield made
