"""What the boundary does, it does in both eras."""

import pytest

from tests.serving import Era


@pytest.fixture(params=["auto", "legacy"], ids=["2026-07-28", "handshake"])
def era(request: pytest.FixtureRequest) -> Era:
    return request.param
