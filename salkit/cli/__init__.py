"""The command line: `salkit COMMAND ...`, and the scripts in `tools/`, which are the same doors.

Nothing heavy is imported before a command is known, so that help answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ..errors import DataWarning, PluginWarning, SalkitError, one_line, pytorch_needed
from ..utils.text import nearest_names
from ..version import __version__
from .common import ended_as_interrupted, leave_cores_to_workers, wait_asleep
from .json_output import only_json
from .launchers import tell_launcher
from .parser import EXAMPLES, CommandParser
from .terminal import plain_output

# Command -> what it does, in a line. The module of the same name has
# `add_arguments(parser)` and `run(args) -> int`; its name has an underscore for a dash.
# With `ON_ALL_CORES = True` it works in several processes.
COMMANDS = {
    'prepare': 'bring a published data set, or any videos with gaze, into the layout to train on',
    'check': 'find what is wrong with a data set: missing, broken, empty, mis-paired files',
    'cache': 'keep the resized frames and maps of a data set on disk, for training at speed',
    'browse': 'draw what the model of a config will see: clips with their ground truth',
    'train': 'train the model of a config',
    'plot': 'draw the curves of trainings: losses, validation scores, learning rates',
    'test': 'score a checkpoint on the test set of a config',
    'predict': 'see where people look in your own videos: maps, overlay videos, webcams',
    'regions': 'say which share of the attention regions of a video get, and when, beside gaze',
    'reframe': 'cut a video to another aspect, 9:16 or 1:1, where most of the attention is kept',
    'convert': 'check weights of any origin against a model and write them as safetensors',
    'export': 'write a model as ONNX, checked against the model',
    'serve': 'open a web page that predicts where people look in a video dropped on it',
    'profile': 'count parameters and FLOPs of configs, and measure them on this device',
    'benchmark': 'time prediction or training part by part, beside the plain path',
    'tables': "print the paper's tables, with parameter counts and the scores of your runs",
    'sweep': "train and test every row of the paper's tables that has no scores yet",
    'score': "score anybody's maps against the ground truth of a data set",
    'compare': 'compare score files video by video, with intervals and corrected p-values',
    'leaderboard': 'put score files of many models into one report: HTML, Markdown or LaTeX',
    'baseline': 'write the predictions of a baseline for a data set: centre, mean, other observers',
    'density': 'make density maps from fixation maps or gaze, and fixation maps from gaze',
    'protocols': 'say what each scoring protocol does, in plain words',
    'plugins': 'list the installed plugins: what they offer, what failed and why',
    'new-plugin': 'write the package of a new plugin, with its tests, ready to install',
    'demo': 'make the demo data, train a tiny model on it, score it and draw a picture grid',
    'completion': 'print a script with which bash, zsh or fish completes commands and options',
}
# What one sees who does not know what to ask for.
FIRST_PAGE = """salkit predicts where people look in videos. To begin with:

  salkit predict clip.mp4 --overlay         draw it over a video or picture
  salkit serve --open                       the same on a page in the browser
  salkit regions clip.mp4 --regions r.json  the share that your regions get
  salkit reframe clip.mp4 --aspect 9:16     cut the video to where they look
  salkit score MAPS DATA                    score maps against recorded gaze
  salkit train umt-tiny_cc-kl               train a tiny model on demo data

  salkit help                               all commands
  salkit help COMMAND                       what one of them takes
"""


def _warn_in_a_line() -> None:
    """Print warnings about files and plugins as one line, without the place in salkit's code."""
    formatted = warnings.formatwarning

    def format_shortly(
        message: Warning | str, category: type[Warning], *place: Any, **more: Any
    ) -> str:
        if issubclass(category, (DataWarning, PluginWarning)) and isinstance(message, Warning):
            return f'salkit: warning: {one_line(message)}\n'
        return formatted(message, category, *place, **more)

    warnings.formatwarning = format_shortly


def run_command(command: str, argv: Sequence[str], prog: str) -> int:
    """Run one command and turn its errors into one line each.

    Returns:
        The exit status: 0, 2 for what the user can mend, 130 when interrupted.
    """
    wait_asleep()
    module = importlib.import_module(f'.{command.replace("-", "_")}', __name__)
    if getattr(module, 'ON_ALL_CORES', False):
        leave_cores_to_workers()
    with plain_output():
        return _run(module, argv, prog)


def _run(module: ModuleType, argv: Sequence[str], prog: str) -> int:
    name = module.__name__.rpartition('.')[2].replace('_', '-')
    args = CommandParser(prog, module, EXAMPLES.get(name, '')).read(argv)
    _warn_in_a_line()
    try:
        with ended_as_interrupted(), pytorch_needed(), only_json(args):
            status = module.run(args)
            sys.stdout.flush()
            return status
    except BrokenPipeError:
        # Whoever reads what is printed, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (SalkitError, OSError) as error:
        # OSError: a full disk, a folder that may not be written to.
        tell_launcher(error)
        if args.traceback:
            traceback.print_exc()
        else:
            sys.stdout.flush()
            print(f'{prog}: error: {one_line(error)}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f'{prog}: interrupted', file=sys.stderr)
        return 130


def run_script(file: str) -> NoReturn:
    """What a script in `tools/` does: run the command it is named after, and leave.

    Args:
        file: the script's `__file__`.
    """
    script = Path(file).resolve()
    # The scripts' folder must not be where Python looks for modules: its names, profile and test,
    # are also those of standard modules.
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != script.parent]
    sys.exit(run_command(script.stem.replace('_', '-'), sys.argv[1:], script.name))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the installed command `salkit`."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv:
        print(FIRST_PAGE, end='')
        return 0
    if argv[0] == 'help':
        # `salkit help train` is `salkit train --help`.
        argv = [*argv[1:2], '--help']
    if argv[0] in COMMANDS:
        return run_command(argv[0], argv[1:], f'salkit {argv[0]}')
    width = max(map(len, COMMANDS))
    epilog = '\n'.join(f'  {name:<{width}}  {text}' for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog='salkit',
        usage='salkit COMMAND ...',
        description='Video saliency prediction with video foundation models.',
        epilog=f'commands (each with its own --help):\n{epilog}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'salkit {__version__}')
    if not argv[0].startswith('-'):
        hint = nearest_names(argv[0], COMMANDS)
        hint = hint if hint.startswith('did') else '`salkit help` lists what there is'
        parser.error(f'there is no command {argv[0]!r}; {hint}')
    parser.parse_args(argv)
    return 2
