"""What a host starts of the bundle: what the user chose becomes settings, then the server runs.

Hosts write several folders out as arguments, because one variable cannot hold them: @anthropic-ai/mcpb 2.1.2,
dist/shared/config.js. A field that was left empty arrives as its placeholder: modelcontextprotocol/mcpb#250.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from mcp_server.cli import main

PLACEHOLDER = "${user_config."

for name in [name for name, value in os.environ.items() if value.startswith(PLACEHOLDER)]:
    del os.environ[name]  # our settings see through it; what AWS's and Azure's libraries read themselves is not ours
if folders := [argument for argument in sys.argv[1:] if not argument.startswith(PLACEHOLDER)]:
    os.environ["RESPONSES_MCP_ALLOWED_ROOTS"] = os.pathsep.join(folders)
# The host started us in the bundle's own folder; nobody means that one to be read.
with suppress(OSError):  # a container may have none
    os.chdir(Path.home())
sys.exit(main(["serve"]))
