"""The chain: Solidity sources, committed artifacts, typed bindings and chain backends."""
