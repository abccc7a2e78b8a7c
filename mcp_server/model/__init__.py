"""The frozen types in the middle: everybody may know them, they know nobody.

Raw upstream JSON becomes one of these once, at the backend's edge; MCP types are made from them once, at the
server's edge. What the upstream sent and we do not interpret stays in ``Answer.output`` for replay.
"""
