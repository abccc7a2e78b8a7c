"""The preflight: what is configured, and what of it really works, tried on the path that the tools take.

What is made for it belongs to an owner of its own and is deleted at the end, upstream and here.
"""
