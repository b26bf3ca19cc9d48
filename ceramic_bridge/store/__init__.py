"""Where events are kept: a protocol and a database for one machine."""
