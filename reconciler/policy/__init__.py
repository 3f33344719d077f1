"""What is wanted: policy files, read and checked. `files.py` reads, everything else is pure."""
