"""The errors salkit raises on purpose: one line that says what is wrong and what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unicodedata import category

# Control and format characters, halves of a pair, ends of lines and paragraphs.
_STEERING = ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
# What models of configs need, and exported ones do not.
_FRAMEWORKS = ('torch', 'torchvision', 'mmengine', 'mmcv', 'timm')


class SalkitError(Exception):
    """Base of every error that a user can cause and mend.

    The command line prints such an error as one line and leaves with status 2; a notebook shows the
    same line, and how to see where it comes from.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback."""
        how = 'for the whole traceback: import traceback; traceback.print_last()'
        return [f'{type(self).__name__}: {one_line(self)}', f'({how})']


class ConfigError(SalkitError):
    """A config file, key, type name or argument that does not fit."""


class ShapeError(SalkitError):
    """A tensor whose rank, length or size is not what the receiver was built for."""


class DataError(SalkitError):
    """A data set folder or file that is missing, unreadable or does not match its neighbours."""


class CheckpointError(SalkitError):
    """A weights file that cannot be read safely or does not fit the model.

    Attributes:
        report: the `FitReport` of a conversion that was refused, where there is one.
    """

    report: object = None


class PluginError(SalkitError):
    """A plugin that could not be loaded, or registered something it may not."""


class DataWarning(UserWarning):
    """A file that is read, though something in it had to be mended, chosen or left out."""


class PluginWarning(UserWarning):
    """A plugin that was left out, or that its author should mend."""


def one_line(error: BaseException) -> str:
    """The message of `error` as one line, for a terminal.

    A DataLoader worker wraps an error in its whole traceback, whose last line is the message.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if lines[0].startswith('Caught ') and 'worker process' in lines[0]:
        return printable(lines[-1].split(': ', 1)[-1])
    return printable(' '.join(lines))


def reason_of(error: BaseException) -> str:
    """The first line of what an exception of a library or the system says."""
    text = str(getattr(error, 'strerror', None) or error)
    return text.splitlines()[0] if text.strip() else type(error).__name__


def printable(text: str) -> str:
    """`text` with its control characters written out: a file's name may not steer a terminal."""
    return ''.join(
        char.encode('unicode_escape').decode() if category(char) in _STEERING else char
        for char in text
    )


@contextmanager
def pytorch_needed() -> Iterator[None]:
    """Say what to do where the block imports PyTorch, and it is not installed.

    Raises:
        ConfigError: it, or what is built on it, cannot be imported.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or '').partition('.')[0] not in _FRAMEWORKS:
            raise
        raise ConfigError(
            f'this needs PyTorch and mmengine ({one_line(error)}): `pip install salkit` '
            'brings both; `salkit predict` of a model that `salkit export` wrote (.onnx) does '
            'without them'
        ) from error
