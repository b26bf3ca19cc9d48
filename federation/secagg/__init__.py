"""Secure aggregation that still prices each member (docs/secure-aggregation.md), without any transport.

A member masks its delta so that a server learns only the sum; one scalar for each edge of a public
graph then gives the server each member's inner product with a public gradient, and nothing else.
"""
