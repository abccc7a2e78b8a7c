"""``request_key``: a call can be repeated safely, and a call that came to nothing can be tried again."""

from tests.serving import House
from tests.upstream_answers import error, reset
from tests.upstream_state import StatefulUpstream

POST = "POST", "/v1/responses"


async def test_a_call_that_failed_may_be_made_again_under_its_key(hosted: House, up: StatefulUpstream) -> None:
    up.on(*POST, error(400, "No such model."))
    _, about = await hosted.refused("generate", input="Hi", request_key="k")
    assert about["outcome"] == "failed"
    made = await hosted.call("generate", input="Hi", request_key="k")
    again = await hosted.call("generate", input="Hi", request_key="k")
    assert again["response_id"] == made["response_id"]
    assert len(up.posts()) == 2


async def test_a_call_whose_end_is_unknown_is_never_made_again_under_its_key(
    hosted: House, up: StatefulUpstream
) -> None:
    up.on(*POST, reset())
    _, first = await hosted.refused("generate", input="Hi", request_key="k")
    _, again = await hosted.refused("generate", input="Hi", request_key="k")
    assert (first["outcome"], again["job_id"]) == ("unknown", first["job_id"])
    assert len(up.posts()) == 1
