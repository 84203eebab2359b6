"""What `tools/benchmark.py` times: each package's way to do the same work."""
