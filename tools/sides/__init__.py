"""The sides that `tools/benchmark.py` times: each package's way to do the same work."""
