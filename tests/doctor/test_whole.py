"""The whole visit against servers that can do everything, next to nothing, or nothing at all."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.doctor import answers, examination
from mcp_server.doctor.checks import CHECKS
from mcp_server.doctor.endpoint import today
from mcp_server.model.value import Scope
from mcp_server.store.sqlite import open_sqlite
from tests.backends import azure, llama_cpp, mantle
from tests.backends.compatible import CREATE, MODEL, CompatibleUpstream
from tests.doctor.conftest import Use
from tests.doctor.ran import Doctor
from tests.serving import openai
from tests.store.examples import a_line, admit
from tests.upstream import serving
from tests.upstream_answers import error, reply
from tests.upstream_shapes import model, page
from tests.upstream_state import StatefulUpstream

KEY = "sk-test-0123456789abcdef"
AFTERWARDS = ("observations", "cost", "cleanup")


class Slow(StatefulUpstream):
    """It takes for ever to answer what it is slow ``about``."""

    about = b"numbers"

    def _create(self, request):
        self.pause = asyncio.Event() if self.about in request.content else None
        return super()._create(request)


class OnlyAnswers(CompatibleUpstream):
    """A server with one endpoint, which remembers nothing."""

    serves = frozenset({CREATE})

    def heard(self, body):
        return {name: value for name, value in body.items() if name not in ("previous_response_id", "background")}

    def told(self, body):
        return {"previous_response_id": None, "background": False}


@pytest.fixture
async def bare() -> AsyncGenerator[OnlyAnswers]:
    async with serving(OnlyAnswers()) as upstream:
        yield upstream


async def test_where_everything_works_every_check_passes_and_nothing_is_left(
    up: StatefulUpstream, use: Use, run: Doctor
) -> None:
    use(openai(up.base_url))
    ran = await run("--json")
    assert ran.but_for("pass") == {"prompt cache": "skipped"}, ran.out
    assert (ran.code, ran.told["ok"]) == (0, True)
    assert (up.kept(), up.files, up.stores, up.conversations) == (set(), {}, {}, {})
    checks = ran.checks
    assert list(checks)[-3:] == list(AFTERWARDS)
    assert checks["conversation"]["found"].startswith("continued by previous_response_id: ")
    assert checks["background"]["found"].startswith("it ran upstream as resp_")
    assert checks["files"]["data"] == {"sent_as": "file_id"}
    assert checks["vector search"]["data"] == {"embedded": False}
    assert checks["latency"]["data"]["answered"] == 3
    # One was cancelled, and may have had no answer to pay for.
    assert len(up.posts()) - checks["cost"]["data"]["requests"] in (0, 1)
    assert checks["cleanup"]["data"]["deleted"] > 5


async def test_work_that_takes_long_is_stopped_upstream(use: Use, run: Doctor) -> None:
    async with serving(Slow()) as up:
        use(openai(up.base_url))
        ran = await run("--json")
        assert (ran.code, ran.checks["cancel"]["found"]) == (0, "it was stopped")
        assert [request.method for request in up.requests if request.path.endswith("/cancel")] == ["POST"]
        assert up.kept() == set()


async def test_a_person_reads_settings_and_rows_and_no_secret(up: StatefulUpstream, use: Use, run: Doctor) -> None:
    use(openai(up.base_url.replace("http://", "http://ada:open-sesame@")))
    ran = await run()
    assert ran.code == 0, ran.out
    assert re.search(r"^OPENAI_API_KEY +set +environment$", ran.out, re.MULTILINE)
    assert re.search(r"^RESPONSES_MCP_WAIT_SECONDS +45\.0 +default$", ran.out, re.MULTILINE)
    assert re.search(r"^pass +text +gpt-5\.6-sol said ", ran.out, re.MULTILINE)
    assert [line for line in ran.out.splitlines() if line in ("configuration", "backend", "live", "afterwards")] == [
        "configuration",
        "backend",
        "live",
        "afterwards",
    ]
    assert re.fullmatch(r"\d+ pass, 1 skipped in [\d.]+ s\.", ran.out.splitlines()[-1])
    assert KEY not in ran.out + ran.err
    assert "open-sesame" not in ran.out + ran.err


async def test_a_server_with_one_endpoint_is_served_by_what_is_here_instead(
    bare: OnlyAnswers, use: Use, run: Doctor, words_only: None
) -> None:
    use({"OPENAI_BASE_URL": bare.base_url, "RESPONSES_MCP_MODEL": "some-model"})
    ran = await run("--json")
    assert ran.but_for("pass") == {
        "stored responses": "skipped",
        "prompt cache": "skipped",
        "vector search": "warn",
    }, ran.out
    assert ran.code == 0
    assert ran.checks["conversation"]["found"].startswith("continued by sending the turns again ")
    assert ran.checks["background"]["found"] == "it ran in a worker of this process"
    assert ran.checks["files"]["data"]["sent_as"] == "text"
    assert "responses-mcp[local]" in ran.checks["vector search"]["advice"]


async def test_a_known_server_is_recognised_and_judged_by_its_own_profile(
    use: Use, run: Doctor, words_only: None
) -> None:
    async with serving(llama_cpp.LlamaCppUpstream()) as up:
        use({"OPENAI_BASE_URL": up.base_url, "RESPONSES_MCP_MODEL": MODEL})
        ran = await run("--json")
    assert ran.checks["reachable"]["data"]["server"] == "llama.cpp"
    assert ran.checks["profile"]["data"]["input_tokens"] is True
    assert ran.code == 0, ran.out


async def test_what_a_server_turns_out_not_to_do_is_a_warning_and_an_observation(
    bare: OnlyAnswers, use: Use, run: Doctor, words_only: None
) -> None:
    use(openai(bare.base_url, RESPONSES_MCP_MAX_RETRIES="0"))
    ran = await run("--json")
    assert ran.code == 0, ran.out
    warned = {name for name, status in ran.statuses.items() if status == "warn"}
    assert warned >= {"files", "vector search", "observations"}
    assert "fail" not in ran.statuses.values()
    about = {one["about"] for one in ran.checks["observations"]["data"]["observations"]}
    assert about >= {"files", "retrieve"}
    sent = len(bare.requests)
    again = await run("--offline", "--json")
    remembered = {one["about"] for one in again.checks["observations"]["data"]["observations"]}
    assert remembered == about | {"delete"}  # the cleanup came after the observations
    afresh = await run("--json", "--offline", "--forget")
    assert afresh.checks["observations"]["data"]["observations"] == []
    assert len(bare.requests) == sent


@pytest.mark.parametrize(
    ("upstream", "variables", "region"),
    [
        (azure.AzureUpstream, azure.variables, None),
        (mantle.MantleUpstream, mantle.variables, "us-west-2"),
    ],
    ids=["Azure OpenAI", "Bedrock"],
)
async def test_a_cloud_is_told_by_its_own_variables(
    upstream: type[StatefulUpstream],
    variables: Callable[[str], dict[str, str]],
    region: str | None,
    use: Use,
    run: Doctor,
    words_only: None,
) -> None:
    async with serving(upstream()) as up:
        use(given := variables(up.base_url))
        ran = await run("--json")
        assert (up.kept(), up.files, up.stores) == (set(), {}, {})
    assert ran.code == 0, ran.out
    assert ran.checks["backend"]["data"].get("region") == region
    assert "fail" not in ran.statuses.values()
    (secret,) = (value for name, value in given.items() if "KEY" in name or "TOKEN" in name)
    assert secret not in ran.out + ran.err


async def test_a_check_that_does_not_end_is_given_up_and_leaves_nothing(
    use: Use, run: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = [replace(check, seconds=0.3) if check.name == "structured" else check for check in CHECKS]
    monkeypatch.setattr(examination, "CHECKS", quick)
    async with serving(Slow()) as up:
        up.about = b"Extract"
        use(openai(up.base_url))
        ran = await run("--json")
        assert ran.code == 1
        assert {name for name, status in ran.statuses.items() if status == "fail"} == {"structured"}
        assert ran.checks["structured"]["found"] == "no end after 0.3 s"
        assert up.kept() == set()


async def test_a_refused_key_fails_once_and_stops_the_rest(up: StatefulUpstream, use: Use, run: Doctor) -> None:
    refusal = error(401, f"Incorrect API key provided: {KEY}.", code="invalid_api_key")
    for method, path in (("GET", "/v1/models"), ("POST", "/v1/responses")):
        up.always(method, path, refusal)
    use(openai(up.base_url))
    ran = await run("--json")
    assert (ran.code, ran.told["ok"]) == (1, False)
    assert [name for name, status in ran.statuses.items() if status == "fail"] == ["reachable"]
    assert "OPENAI_API_KEY" in ran.checks["reachable"]["advice"]
    assert ran.checks["text"]["found"] == "'model' did not pass"
    assert KEY not in ran.out + ran.err
    assert up.posts() == []


async def test_without_a_key_it_says_which_one_is_missing(use: Use, run: Doctor) -> None:
    use({"RESPONSES_MCP_BACKEND": "openai"})
    ran = await run("--json")
    assert ran.code == 1
    assert [name for name, status in ran.statuses.items() if status == "fail"] == ["backend"]
    assert "OPENAI_API_KEY is not set" in ran.checks["backend"]["found"]


async def test_a_host_that_is_down_is_told_by_its_address(use: Use, run: Doctor) -> None:
    use(openai("http://127.0.0.1:9/v1", RESPONSES_MCP_MAX_RETRIES="0"))
    ran = await run("--json")
    assert ran.code == 1
    assert ran.checks["reachable"]["found"] == "nothing listens at http://127.0.0.1:9/v1"
    assert set(ran.but_for("skipped").values()) == {"pass", "fail"}


@pytest.mark.parametrize("configured", [True, False])
async def test_a_server_without_a_list_of_models_needs_one_to_be_named(
    bare: OnlyAnswers, use: Use, run: Doctor, words_only: None, configured: bool
) -> None:
    use({"OPENAI_BASE_URL": bare.base_url} | ({"RESPONSES_MCP_MODEL": "some-model"} if configured else {}))
    ran = await run("--json")
    assert ran.statuses["reachable"] == "pass"
    assert (ran.code, ran.statuses["model"]) == ((0, "pass") if configured else (1, "fail"))
    if not configured:
        assert ran.checks["model"]["advice"] == "name one in RESPONSES_MCP_MODEL"
        assert bare.posts() == []


@pytest.mark.parametrize(("days", "status"), [(30, "warn"), (31, "pass")])
async def test_a_model_that_shuts_down_soon_is_a_warning(
    up: StatefulUpstream, use: Use, run: Doctor, days: int, status: str
) -> None:
    end = str(today() + timedelta(days=days))
    up.always("GET", "/v1/models", reply(page([model("gpt-5.6-sol", 1, shutdown_date=end)])))
    use(openai(up.base_url))
    found = (await run("--json")).checks["model"]
    assert (found["status"], found["data"]["shutdown_date"]) == (status, end)


async def test_offline_sends_nothing(up: StatefulUpstream, use: Use, run: Doctor) -> None:
    use(openai(up.base_url))
    ran = await run("--offline", "--json")
    assert ran.code == 0
    passed = {name for name, status in ran.statuses.items() if status == "pass"}
    assert passed == {"settings", "state folder", "store", "backend", "profile", "observations"}
    assert up.requests == []


async def test_a_wrong_setting_fails_and_nothing_is_sent(up: StatefulUpstream, use: Use, run: Doctor) -> None:
    use(openai(up.base_url, RESPONSES_MCP_TIMEOUT_SECONDS="soon"))
    ran = await run("--json")
    assert ran.code == 1
    assert ran.checks["settings"]["found"] == "RESPONSES_MCP_TIMEOUT_SECONDS is 'soon'"
    assert ran.checks["settings"]["advice"] == "set it to a number from 1 to 86400"
    assert up.requests == []


async def test_a_store_that_cannot_be_opened_fails_and_nothing_else_is_tried(
    up: StatefulUpstream, use: Use, run: Doctor, tmp_path: Path
) -> None:
    use(openai(up.base_url))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "store.db").write_bytes(b"no database at all" * 100)
    ran = await run("--json")
    assert (ran.code, ran.statuses["store"], ran.statuses["text"]) == (1, "fail", "skipped")
    assert up.requests == []


async def test_a_budget_that_is_used_up_holds_for_the_doctor_too(
    up: StatefulUpstream, use: Use, run: Doctor, tmp_path: Path
) -> None:
    use(openai(up.base_url, RESPONSES_MCP_DAILY_BUDGET_USD="0.2"))
    store = await open_sqlite(tmp_path / "home" / "store.db")
    mine = Scope(owner="local", backend="openai")
    await admit(store, scope=mine)
    line = a_line(time.time(), scope=mine)
    await store.jobs.settle("job_1", "failed", answer=None, failure=None, spent=[line])
    await store.close()
    ran = await run("--json")
    assert (ran.code, ran.statuses["text"]) == (1, "fail")
    assert "budget" in ran.checks["text"]["found"]
    assert up.posts() == []


async def test_jobs_that_somebody_left_behind_are_not_taken_over(
    up: StatefulUpstream, use: Use, run: Doctor, tmp_path: Path
) -> None:
    use(openai(up.base_url))
    store = await open_sqlite(tmp_path / "home" / "store.db")
    mine = Scope(owner="local", backend="openai")
    left = await admit(store, "job_left", scope=mine, worker="gone", lease_until=1.0)
    await run()
    assert await store.jobs.find(mine, ["job_left"]) == [left]
    await store.close()


async def test_what_cannot_be_deleted_is_named_and_goes_the_next_time(
    up: StatefulUpstream, use: Use, run: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(openai(up.base_url, RESPONSES_MCP_MAX_RETRIES="0"))
    broken = ["file-", "vs_"]
    routes = StatefulUpstream.routes

    def stuck(self):
        failing = [(r"DELETE /v1/files/([^/]+)", lambda request, one: error(500))] if broken else []
        return [*failing, *routes(self)]

    monkeypatch.setattr(StatefulUpstream, "routes", stuck)
    ran = await run("--json")
    assert (ran.code, ran.statuses["cleanup"]) == (1, "fail")
    left = set(up.files)
    assert left
    assert all(one in ran.checks["cleanup"]["found"] for one in left)
    broken.clear()
    assert (await run("--json")).code == 0
    assert up.files == {}


@pytest.mark.parametrize(("cached", "status"), [(1_400, "pass"), (0, "warn")])
async def test_the_cache_is_tried_when_asked_for(
    up: StatefulUpstream, use: Use, run: Doctor, monkeypatch: pytest.MonkeyPatch, cached: int, status: str
) -> None:
    monkeypatch.setattr("tests.upstream_state.usage", lambda known, said, **more: _usage(1_500, cached))
    use(openai(up.base_url))
    ran = await run("--json", "--cache")
    assert ran.statuses["prompt cache"] == status
    assert ran.checks["prompt cache"]["data"]["cached_tokens"] == cached
    long = [post.json["instructions"] for post in up.posts() if "instructions" in post.json]
    assert len(long) == 2
    assert len(set(long)) == 1
    assert long[0].startswith("doctor-")  # and the rest of a name that no earlier visit had
    assert len(long[0]) > 4 * 1_024


def _usage(known: int, cached: int) -> dict[str, object]:
    details = {"input_tokens_details": {"cached_tokens": cached}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {"input_tokens": known, "output_tokens": 5, "total_tokens": known + 5, **details}


@pytest.mark.engine
async def test_the_embedded_engine_passes_and_costs_nothing(
    use: Use, run: Doctor, tmp_path: Path, weights: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(weights)
    ran = await run("--json")
    assert ran.code == 0, ran.out
    assert ran.statuses["structured"] == ran.statuses["vector search"] == ran.statuses["latency"] == "pass"
    assert ran.checks["cost"]["data"]["cost_usd"] == 0
    assert ran.checks["cleanup"]["data"]["deleted"] > 5


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.9, 3.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert answers.percentile([3.0, 1.0, 2.0], share) == value
