"""What a run says on the terminal: lines for people; mmengine's pages stay in the log file."""

from __future__ import annotations

import logging
import traceback

from mmengine.logging import MMLogger
from tqdm import tqdm

# Modules of mmengine that say in a line what somebody waits to hear: why training ended.
_OF_MMENGINE = ('mmengine.hooks.early_stopping_hook',)


def _writer() -> str:
    """The name of the module whose line is being logged.

    mmengine's `print_log` stands between the two, so the record's own note is no help.
    """
    for frame, _ in traceback.walk_stack(None):
        name = frame.f_globals.get('__name__', '')
        if name not in (__name__, 'traceback') and not name.startswith(
            ('logging', 'mmengine.logging')
        ):
            return name
    return ''


def _is_for_people(record: logging.LogRecord) -> bool:
    """Whether a line belongs on the terminal: salkit's and plugins', and any real warning."""
    if record.levelno >= logging.WARNING:
        # mmengine warns of names in `fileio` that it uses itself.
        return not _writer().startswith('mmengine.fileio')
    writer = _writer()
    return not writer.startswith('mmengine.') or writer in _OF_MMENGINE


class _LineFormatter(logging.Formatter):
    """The message alone, and what is worse than information with its level before it."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f'{record.levelname} - {text}'


class TerminalHandler(logging.StreamHandler):
    """Writes lines for people, above any progress bar that is being drawn."""

    def __init__(self, stream: object) -> None:
        super().__init__(stream)
        self.setFormatter(_LineFormatter('%(message)s'))
        self.addFilter(_is_for_people)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            tqdm.write(self.format(record), file=self.stream)
            self.flush()
        except Exception:
            # As every handler of `logging` does: a line that is lost ends no run.
            self.handleError(record)


def keep_pages_off_terminal(logger: MMLogger) -> None:
    """Let `logger` write lines for people to the terminal; its log file keeps everything."""
    for handler in list(logger.handlers):
        # Not FileHandler, which derives from it.
        if type(handler) is logging.StreamHandler:
            terminal = TerminalHandler(handler.stream)
            terminal.setLevel(handler.level)
            for each in handler.filters:
                terminal.addFilter(each)
            logger.removeHandler(handler)
            logger.addHandler(terminal)
