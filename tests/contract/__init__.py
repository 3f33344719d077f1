"""What every host must do, as one set of tests: the simulated Windows, the real Windows code, a real Windows.

They are parametrized by host, not copied. In the Windows CPython under Wine the stand-ins of `tests/windows/` play
Windows; on a real Windows only what leaves no trace and needs no arranged strangers is run, and only when
RECONCILER_REAL_WINDOWS says so.
"""
