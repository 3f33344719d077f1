"""What is desired: policy files, read and checked. `files.py` reads; all else works on text and values."""
