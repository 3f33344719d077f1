"""Asking to stop: at once while nothing is written, after the current step otherwise."""

from __future__ import annotations

import signal
import threading

import pytest

from reconciler.cli.signals import StopRequest


def test_before_writing_begins_a_signal_ends_at_once() -> None:
    with pytest.raises(KeyboardInterrupt, match="nothing was changed"), StopRequest():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_writing_it_only_sets_a_flag_and_says_so(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    with StopRequest() as stop:
        stop.hold()
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert "the steps that have begun are finished first" in capfd.readouterr().err
        signal.raise_signal(number)
        assert stop.asked
        assert "cannot be cut short" in capfd.readouterr().err


def test_the_handlers_that_were_there_come_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopRequest():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system knows no SIGHUP")
def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            stop.hold()
            signal.raise_signal(signal.SIGHUP)
            assert not stop()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_cannot_set_handlers_and_does_without() -> None:
    seen: list[bool] = []

    def run() -> None:
        with StopRequest() as stop:
            seen.append(stop())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [False]
