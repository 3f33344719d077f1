"""A request to stop that does not tear anything apart: the steps that have begun are finished first."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # the last one is Windows' Ctrl-Break
_FIRST = b"\nStopping: the steps that have begun are finished first, so that no port is left uncovered.\n"
_AGAIN = b"\nStill finishing the steps that have begun; they cannot be cut short.\n"


class StopRequest:
    """While this is entered, signals that ask the program to end only set a flag, and say so on standard error.

    Until `hold` is called nothing is being written yet, so that a signal raises KeyboardInterrupt at once: a wait
    for the lock can be left. A signal that is ignored (nohup) stays ignored.
    """

    def __init__(self) -> None:
        self.asked = False
        self._held = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Has somebody asked to stop?"""
        return self.asked

    def hold(self) -> None:
        """From now on finish what was begun."""
        self._held = True

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            for name in _NAMES:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._held:
            raise KeyboardInterrupt("nothing was changed")
        _say(_AGAIN if self.asked else _FIRST)
        self.asked = True


def _say(text: bytes) -> None:
    try:
        os.write(2, text)  # unlike print, safe inside a handler that may have interrupted a print
    except OSError:
        pass
