"""What every host must do, as one set of tests: the simulated Windows, the real Windows code, a real Windows.

They are parametrized by host, not copied. In the Windows CPython under Wine the stand-ins of `tests/windows/` play
Windows. On a real Windows, and only where RECONCILER_REAL_WINDOWS is set, that Windows is used: a test that needs an
arranged stranger, a restart or a chosen variant is skipped there, and all that a test made is undone (`real.py`).
"""
