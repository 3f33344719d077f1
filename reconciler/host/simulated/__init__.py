"""A simulated Windows that keeps its ports in memory or in one file: `host.py` is the door, `calls.py` the rules."""
