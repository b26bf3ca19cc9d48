"""Self-certifying data: DIDs, signed content-addressed events, streams and event logs."""
