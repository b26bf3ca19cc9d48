"""Secure rounds: the driver's side of ``federation.secagg`` over a grid, a chain and a journal."""
