"""The doctor at each real server: it finds nothing broken, uses what is there, and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.doctor.ran import doctor
from tests.real.servers import Real

USES = {"stored responses": "retrieve"}
"""Checks that there is nothing to do for where a capability is missing."""


@pytest.mark.parametrize("real", ["fastresponses", "llama.cpp", "litellm", "ogx"], indirect=True)
async def test_the_doctor_finds_a_real_server_well(
    real: Real, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").symlink_to(weights)
    named = {"OPENAI_BASE_URL": real.base_url, "OPENAI_API_KEY": real.key, "RESPONSES_MCP_MODEL": real.model}
    for name, value in {**named, "RESPONSES_MCP_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    ran = await doctor(capsys)("--json")
    others = ran.but_for("pass")
    # Whether a model this small comes to an end within a schema is its own affair; test_flows has the schemas.
    others.pop("structured", None)
    if "json_schema" not in real.native:
        # Prose in place of JSON shows that nothing was enforced.
        others.pop("observations", None)
    skipped = {"prompt cache", *(check for check, needed in USES.items() if needed not in real.native)}
    assert others == dict.fromkeys(skipped, "skipped"), ran.checks
