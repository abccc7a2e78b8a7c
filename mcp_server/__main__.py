"""``python -m mcp_server`` is the same as the ``responses-mcp`` command."""

import sys

from mcp_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
