"""The first signal is noted, whatever the terminal; handlers go back where they were."""

import os
import signal

import pytest

from salkit.engine import stopping
from salkit.engine.stopping import StopSignals, TrainingStopped, agreed


@pytest.fixture
def clock(monkeypatch):
    times = [100.0]
    monkeypatch.setattr(stopping.time, 'monotonic', lambda: times[0])
    return times


def test_the_first_signal_is_noted_and_handlers_go_back(capfd):
    before = signal.getsignal(signal.SIGUSR1)
    with StopSignals() as signals:
        assert signals.noted is None
        signal.raise_signal(signal.SIGUSR1)
        assert signals.noted == 'SIGUSR1'
    assert signal.getsignal(signal.SIGUSR1) is before
    assert 'SIGUSR1: the run ends after this step' in capfd.readouterr().err


def test_a_terminal_that_is_gone_is_no_error(monkeypatch):
    def gone(*_):
        raise BrokenPipeError

    monkeypatch.setattr(os, 'write', gone)
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGTERM)
        assert signals.noted == 'SIGTERM'


def test_what_a_launcher_sends_once_more_is_the_same_event(monkeypatch, clock):
    ended = []
    monkeypatch.setattr(os, '_exit', ended.append)
    with StopSignals() as signals:
        for clock[0] in (100.0, 100.9):
            signal.raise_signal(signal.SIGTERM)
        assert signals.noted == 'SIGTERM' and not ended
        clock[0] = 101.5
        signal.raise_signal(signal.SIGINT)
        assert ended == [130]


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            signal.raise_signal(signal.SIGINT)
            assert signals.noted is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_one_process_agrees_with_itself():
    assert agreed('SIGTERM', False) == ('SIGTERM', False)
    assert agreed(None, True) == (None, True)


@pytest.mark.parametrize(('name', 'status'), [('SIGTERM', 143), ('SIGINT', 130), ('SIGUSR1', 0)])
def test_what_is_said_and_left_with(name, status):
    assert TrainingStopped(name, None).status == status
    assert str(TrainingStopped(name, None)) == f'stopped by {name}'
    assert str(TrainingStopped(name, 'a/epoch_1.pth')).endswith('after a checkpoint, a/epoch_1.pth')
