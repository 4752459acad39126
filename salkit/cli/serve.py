"""Open a web page that predicts where people look in videos and pictures dropped on it."""

from __future__ import annotations

import argparse
import importlib.util
import os
import socket
import sys
import threading
import webbrowser
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.text import check_range
from .common import ended_as_interrupted

if TYPE_CHECKING:
    from ..inference.predictor import SaliencyPredictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit serve`."""
    from .chosen_model import add_model_arguments

    add_model_arguments(parser, several=True)
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to answer at (default: 127.0.0.1, which only this machine reaches)',
    )
    parser.add_argument('--port', type=int, default=7860, help='default: 7860; 0 takes a free one')
    parser.add_argument(
        '--max-mb', type=float, default=200, metavar='MB', help='of an upload (default: 200)'
    )
    parser.add_argument(
        '--max-seconds', type=float, default=60, metavar='S', help='of a video (default: 60)'
    )
    parser.add_argument(
        '--max-frames', type=int, default=3600, metavar='N', help='of a video (default: 3600)'
    )
    parser.add_argument(
        '--open',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='open the page in a browser as well (default: no)',
    )


def _chosen(args: argparse.Namespace) -> list[tuple[str | None, str | None]]:
    """Each model with its checkpoint."""
    models, checkpoints = args.model or [None], args.checkpoint or []
    if len(checkpoints) not in (0, len(models)):
        from ..errors import ConfigError

        raise ConfigError(
            f'--checkpoint is given {len(checkpoints)} times and --model {len(models)} times; give '
            "both as often, or work dirs as models (--checkpoint '' for a model with its weights)"
        )
    return [(model, file or None) for model, file in zip_longest(models, checkpoints)]


def title_of(model: str | None, checkpoint: str | None) -> str:
    """What the page calls a model: what its user does, without folders; may be empty."""
    from ..checkpoints.shipped import DEFAULT_MODEL

    if model is None:
        return '' if checkpoint else DEFAULT_MODEL
    return Path(model).name if Path(model).exists() else model


def _check(args: argparse.Namespace) -> None:
    from ..errors import ConfigError

    for name in ('max_mb', 'max_seconds', 'max_frames'):
        if not getattr(args, name) > 0:
            option = '--' + name.replace('_', '-')
            raise ConfigError(f'{option} must be above 0, got {getattr(args, name)}')
    check_range('', '--speed', args.stride, 1)
    if not 0 <= args.port < 65536:
        raise ConfigError(f'--port must be from 0 to 65535, got {args.port}')
    if importlib.util.find_spec('gradio') is None:
        raise ConfigError("the web page needs gradio: pip install 'salkit[web]'")


def run(args: argparse.Namespace) -> int:
    """Serve."""
    _check(args)
    _chosen(args)
    from ..web.server import bind, temporary_folder

    # Both before the model, which takes longer.
    with (
        bind(args.host, args.port) as listening,
        ended_as_interrupted(),
        temporary_folder() as folder,
    ):
        try:
            _serve(args, listening, folder)
        except KeyboardInterrupt:
            # How a server is meant to end.
            print('salkit serve: stopped', file=sys.stderr)
    if any(thread.name != 'MainThread' and not thread.daemon for thread in threading.enumerate()):
        # A model in the middle of a frame, which Python would wait for.
        sys.stdout.flush()
        os._exit(0)
    return 0


def _address(host: str, port: int) -> str:
    # No browser can open the addresses that stand for all of a machine's.
    host = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host).strip('[]')
    return f'http://[{host}]:{port}/' if ':' in host else f'http://{host}:{port}/'


def _serve(args: argparse.Namespace, listening: socket.socket, folder: Path) -> None:
    from ..web.guard import is_loopback
    from ..web.server import build_app, run_server, use_only
    from ..web.service import Service
    from ..web.uploads import Limits
    from .chosen_model import open_chosen_model

    predictors: dict[str, SaliencyPredictor] = {}
    for model, checkpoint in _chosen(args):
        one = argparse.Namespace(**vars(args) | dict(model=model, checkpoint=checkpoint))
        predictor = open_chosen_model(one)
        title = title_of(model, checkpoint) or predictor.name
        number = sum(name.split(' #')[0] == title for name in predictors) + 1
        predictors[f'{title} #{number}' if number > 1 else title] = predictor
    use_only(folder)
    local = is_loopback(args.host)
    if not local:
        print(
            f'salkit serve: warning: whoever reaches {args.host} can use this page; there is no '
            'password and no encryption',
            file=sys.stderr,
        )
    limits = Limits(args.max_mb, args.max_seconds, args.max_frames)
    service = Service(predictors, folder, limits, args.stride)
    try:
        app = build_app(service, local)
        # Who comes before the server runs waits at its port.
        address = _address(args.host, listening.getsockname()[1])
        print(f'{", ".join(predictors)} on {predictor.device}: open {address}', flush=True)
        print('Ctrl-C ends it and removes all files', flush=True)
        if args.open:
            webbrowser.open(address)
        run_server(app, listening)
    finally:
        service.close()
