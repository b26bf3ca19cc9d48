"""A node over HTTP, and the client of one: the events part of ceramic-one's interface."""
