"""Chains that run the contracts."""
