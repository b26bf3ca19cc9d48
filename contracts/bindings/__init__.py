"""Typed bindings, one module per contract; written by ``contracts.bindgen``."""
