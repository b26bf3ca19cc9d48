"""One script per figure; `python -m benchmarks` runs them all."""
