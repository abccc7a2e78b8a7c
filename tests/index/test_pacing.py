import anyio
import pytest

from mcp_server.errors import ServerError, UpstreamError
from mcp_server.index.pacing import Pace, Patience, each
from tests.index.parts import Time


@pytest.fixture
def time() -> Time:
    return Time()


async def test_a_burst_goes_at_once_and_never_more_than_the_limit_within_a_minute(time: Time) -> None:
    pace = Pace(30, 60.0, clock=time.clock, sleep=time.sleep)
    moments: list[float] = []
    for number in range(100):
        await pace.turn()
        moments.append(time.now)
        time.now += 0.5 * (number % 7)
    assert moments[29] - moments[0] < 60
    assert all(later - earlier >= 60 for earlier, later in zip(moments, moments[30:], strict=False))
    assert time.slept


async def test_those_who_wait_at_the_same_time_have_turns_of_their_own(time: Time) -> None:
    pace = Pace(2, 60.0, clock=time.clock, sleep=time.sleep)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(pace.turn)
    assert time.slept == [60.0, 60.0, 120.0]


def patience(time: Time, told: list[str] | None = None) -> Patience:
    async def tell(message: str) -> None:
        if told is not None:
            told.append(message)

    return Patience(tell, clock=time.clock, sleep=time.sleep)


def limited(retry_after: float | None = None) -> UpstreamError:
    return UpstreamError("Too many requests.", kind="rate_limited", http_status=429, retry_after=retry_after)


class Answers:
    """A request that is answered with each of these, and then with "done"."""

    def __init__(self, *failures: UpstreamError) -> None:
        self.failures = list(failures)
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop(0)
        return "done"


async def test_a_rate_limit_is_waited_for_and_told(time: Time) -> None:
    told: list[str] = []
    assert await patience(time, told).through(Answers(limited(12.0), limited())) == "done"
    assert time.slept == [12.0, 10.0]
    assert told == [f"waiting {seconds} s for the upstream's rate limit" for seconds in (12, 10)]


@pytest.mark.parametrize("failures", [[limited(121.0)], [limited(1.0)] * 6])
async def test_patience_has_an_end(time: Time, failures: list[UpstreamError]) -> None:
    with pytest.raises(UpstreamError, match="Too many"):
        await patience(time).through(Answers(*failures))
    assert len(time.slept) == len(failures) - 1


async def test_another_failure_is_not_waited_for(time: Time) -> None:
    down = UpstreamError("Down.", kind="upstream_unavailable", http_status=503, retry_after=3.0)
    with pytest.raises(UpstreamError, match="Down"):
        await patience(time).through(Answers(down))
    assert time.slept == []


async def test_requests_that_meet_the_same_limit_wait_once(time: Time) -> None:
    told: list[str] = []
    patient = patience(time, told)
    requests = [Answers(limited(5.0)) for _ in range(8)]
    async with anyio.create_task_group() as tasks:
        for request in requests:
            tasks.start_soon(patient.through, request)
    assert len(told) == 1
    assert [request.asked for request in requests] == [2] * 8


async def test_the_first_failure_stops_what_has_not_begun_and_is_raised() -> None:
    done: list[int] = []

    async def do(number: int) -> None:
        await anyio.lowlevel.checkpoint()
        done.append(number)
        if number == 5:
            raise ServerError("five")

    with pytest.raises(ServerError, match="five"):
        await each(range(100), do)
    assert set(range(6)) <= set(done)
    assert len(done) < 12
