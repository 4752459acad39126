"""Arguments and set-up that several commands share."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, DataError
from ..utils.folders import check_folder_place
from ..utils.leftovers import remove_own
from .launchers import LAUNCHERS, check_launcher

if TYPE_CHECKING:
    from mmengine.config import Config

# Seconds that a command of one process may go on after Ctrl-C, inside of a library.
ENDING_SECONDS = 10.0
CHECKPOINT_HELP = (
    "a training checkpoint, a .safetensors file, the authors' file, a work dir (its best "
    'checkpoint), lite0 (the one that comes with salkit), https://HOST/FILE or '
    'hf://OWNER/REPO[@REVISION]/FILE'
)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """The config, overrides of it, the work dir and the launcher."""
    parser.add_argument(
        'config',
        metavar='CONFIG',
        help='a config file, the name of one that comes with salkit, or PLUGIN::NAME',
    )
    parser.add_argument(
        '--work-dir', help='for logs and checkpoints (default: work_dirs/<name of the config>)'
    )
    add_cfg_options(parser)
    parser.add_argument(
        '--launcher',
        choices=list(LAUNCHERS),
        default='none',
        help='how the processes of a distributed run were started',
    )
    parser.add_argument(
        '--verbose',
        action='store_true',
        help="print mmengine's whole log, which otherwise goes to the log file alone",
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)


def add_features_argument(parser: argparse.ArgumentParser) -> None:
    """The folder of a frozen encoder's features."""
    parser.add_argument(
        '--features',
        metavar='DIR',
        help='read what the frozen encoder makes of clips from DIR, see salkit cache --features',
    )


def add_cfg_options(parser: argparse.ArgumentParser, whose: str = 'the config') -> None:
    """Overrides of a config, which `parse_options` reads."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        help=f'override entries of {whose}: train_dataloader.batch_size=2; '
        'a key that does not exist is refused, +key=value adds one',
    )


def add_part_arguments(parser: argparse._ActionsContainer) -> None:
    """--start and --end, the part of a video that is looked at."""
    parser.add_argument('--start', metavar='T', help='seconds, or [hh:]mm:ss')
    parser.add_argument('--end', metavar='T', help='likewise')


def add_answer_arguments(parser: argparse._ActionsContainer) -> None:
    """--force, --start, --end and --maps of what is found out from maps of each input."""
    parser.add_argument('--force', action='store_true', help='make anew what is finished already')
    add_part_arguments(parser)
    parser.add_argument(
        '--maps',
        type=Path,
        metavar='PATH',
        help='maps of the one INPUT that are there, one a frame: a folder, .npy, .npz or gray '
        'video; instead of a model',
    )


def check_maps_alone(args: argparse.Namespace) -> None:
    """Raise ConfigError where --maps is given, and how others are predicted."""
    given = {
        '--model': args.model,
        '--checkpoint': args.checkpoint,
        '--precision': args.precision,
        '--start': args.start,
        '--end': args.end,
        '--speed': args.stride not in (None, 1),
    }
    for option, value in given.items():
        if value:
            raise ConfigError(f'{option} is for predicting; --maps takes maps that are there')


def leave_cores_to_workers() -> None:
    """Keep NumPy to one thread: its threads would fight over the cores with our processes.

    Has to come before NumPy is imported.
    """
    for library in ('OPENBLAS', 'OMP', 'MKL'):
        os.environ.setdefault(f'{library}_NUM_THREADS', '1')


def wait_asleep() -> None:
    """Have the threads of libraries sleep while they wait for each other.

    They would spin instead, and where other processes want the cores, that takes most of their
    time: a training step of `demo/umt-tiny_cc-kl` took 13 s on 2 busy cores, asleep 1.3 s. Has to
    come before PyTorch is imported, and before NumPy, whose own threads spin on whatever is said:
    maps are too small to share, and predicting with an ONNX file took four times as long.
    """
    os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
    if 'OMP_WAIT_POLICY' not in os.environ:
        os.environ['OMP_WAIT_POLICY'] = 'PASSIVE'
        # Not at once: on idle cores, a step of 0.19 s takes 0.27 s without any spinning, 0.20 s so.
        os.environ.setdefault('GOMP_SPINCOUNT', '20000')


@contextmanager
def ended_as_interrupted(at_most: float | None = None) -> Iterator[None]:
    """Let SIGTERM and a closed terminal end a block as Ctrl-C does, by KeyboardInterrupt.

    Args:
        at_most: seconds that the block may go on then, in a library that does not come back; when
            they are over, what is unfinished is removed and this process ends. None for any
            number, where other processes have to end first.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals go to that one.
        yield
        return
    timers: list[threading.Timer] = []

    def interrupted(*_: object) -> None:
        if at_most is not None and not timers:
            timers.append(threading.Timer(at_most, _give_up))
            timers[0].daemon = True
            timers[0].start()
        raise KeyboardInterrupt

    def hung_up(*_: object) -> None:
        # A server has a way of its own to end upon SIGTERM by then.
        signal.raise_signal(signal.SIGTERM)

    handlers = {signal.SIGTERM: interrupted, signal.SIGINT: interrupted}
    # Windows has no SIGHUP.
    if hasattr(signal, 'SIGHUP'):
        handlers[signal.SIGHUP] = hung_up
    previous = {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        # nohup has one ignored, a shell's background the other.
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)
        for timer in timers:
            timer.cancel()


def _give_up() -> None:
    remove_own()
    print('interrupted', file=sys.stderr, flush=True)
    os._exit(130)


def rows_and_columns(option: str, text: str | None) -> tuple[int, int] | None:
    """(rows, columns) of an argument WIDTHxHEIGHT such as 1440x900, None where it is not given.

    Raises:
        ConfigError: something else.
    """
    if text is None:
        return None
    match = re.fullmatch(r'([0-9]{1,9})[xX]([0-9]{1,9})', text)
    if not match or 0 in map(int, match.groups()):
        raise ConfigError(
            f'{option} must be two whole numbers above 0, WIDTHxHEIGHT such as 1440x900, got '
            f'{text!r}'
        )
    return int(match[2]), int(match[1])


def read_config(
    args: argparse.Namespace, load: Callable[[str, dict[str, object]], Config] | None = None
) -> tuple[Config, Path]:
    """The config of a command with its overrides, and the work dir.

    Args:
        args: with those of `add_config_arguments`.
        load: gives the config of a name and overrides; None for `load_config`.

    Raises:
        ConfigError: see `load_config`; or the command was not started by its `--launcher`.
    """
    from ..config import load_config, parse_options

    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    check_launcher(args.launcher)
    cfg = (load or load_config)(args.config, parse_options(args.cfg_options))
    cfg.launcher = args.launcher
    if args.verbose:
        (cfg.get('default_hooks') or {}).pop('epoch_line', None)
    default = Path('work_dirs') / Path(cfg.filename).stem
    work_dir = Path(args.work_dir or cfg.get('work_dir') or default)
    check_folder_place('--work-dir', work_dir)
    return cfg, work_dir


def check_data_roots(cfg: Config, *loaders: str) -> None:
    """Raise DataError where a data set of these loaders lies in a folder that does not exist.

    Asked before anything that takes time.
    """
    from ..config import missing_data_roots

    for root in missing_data_roots(cfg, *loaders):
        raise DataError(f'{root}: the data root does not exist')
