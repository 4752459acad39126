"""The processes of a distributed run: how they find each other, and how they end together."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, SalkitError, one_line

if TYPE_CHECKING:
    from mmengine.config import Config

_TORCHRUN = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_PORT', 'MASTER_ADDR')
# What starts a command in several processes, and under which names it tells each of them what
# PyTorch wants to know.
LAUNCHERS: dict[str, tuple[str, dict[str, str]]] = {
    'none': ('', {}),
    'pytorch': ('torchrun', {name: name for name in _TORCHRUN}),
    'slurm': (
        'srun',
        dict(
            RANK='SLURM_PROCID',
            WORLD_SIZE='SLURM_NTASKS',
            LOCAL_RANK='SLURM_LOCALID',
            NODES='SLURM_NODELIST',
        ),
    ),
    'mpi': (
        'mpirun',
        dict(
            RANK='OMPI_COMM_WORLD_RANK',
            WORLD_SIZE='OMPI_COMM_WORLD_SIZE',
            LOCAL_RANK='OMPI_COMM_WORLD_LOCAL_RANK',
            MASTER_ADDR='MASTER_ADDR',
        ),
    ),
}
# Processes on this machine, which share its cores; not every version tells.
_ON_THIS_MACHINE = {'slurm': 'SLURM_NTASKS_PER_NODE', 'mpi': 'OMPI_COMM_WORLD_LOCAL_SIZE'}
# PyTorch's own choice.
_PORT = '29500'


class LostProcessError(SalkitError):
    """Another process of the run ended while this one waited for it."""


def check_launcher(launcher: str) -> None:
    """Check that this process was started by `launcher`, one of LAUNCHERS.

    Raises:
        ConfigError: a variable that it sets is not there, or no number.
    """
    starter, names = LAUNCHERS[launcher]
    for name in names.values():
        value = os.environ.get(name, '')
        is_number = not name.endswith(('ADDR', 'LIST'))
        if not value or (is_number and not value.isdecimal()):
            kind = 'a number' if is_number else 'a name'
            raise ConfigError(
                f'--launcher {launcher}: start the command with {starter}, which sets {name}; '
                f'expected {kind}, got {value!r}'
            )


def _tell_pytorch(launcher: str) -> None:
    """Set the variables of torchrun, whichever launcher started this process."""
    names = dict(LAUNCHERS[launcher][1])
    nodes = os.environ.get(names.pop('NODES', ''), '')
    for name, theirs in names.items():
        os.environ[name] = os.environ[theirs]
    here = os.environ.get(_ON_THIS_MACHINE.get(launcher, ''))
    if here:
        os.environ.setdefault('LOCAL_WORLD_SIZE', here)
    os.environ.setdefault('MASTER_PORT', _PORT)
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_node(nodes)


def _first_node(nodes: str) -> str:
    """The first of the nodes that Slurm writes as `gpu[03-05,7]`."""
    try:
        shown = subprocess.run(
            ['scontrol', 'show', 'hostnames', nodes], capture_output=True, text=True, check=True
        )
        return shown.stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise ConfigError(
            f'--launcher slurm: scontrol does not say which node of {nodes} is the first '
            f'({one_line(error)}); set MASTER_ADDR to its name'
        ) from error


@contextmanager
def joined_processes(cfg: Config) -> Iterator[None]:
    """Take this process' share of the cores and, in a distributed run, join the other processes.

    What started them makes no difference from here on: `cfg.launcher` becomes 'pytorch'. Without a
    GPU they talk through gloo, for which mmengine would ask for a GPU as well.

    Raises:
        ConfigError: they do not find each other.
        LostProcessError: another process ended while this one waited for it; it has said why.
    """
    import torch
    from torch import distributed

    from ..builder import named_errors
    from ..utils.parallel import share_cores

    if cfg.launcher == 'none':
        share_cores()
        yield
        return
    _tell_pytorch(cfg.launcher)
    share_cores()
    for library in ('OMP', 'MKL'):
        # mmengine warns that it sets these to 1 where they are not set.
        os.environ.setdefault(f'{library}_NUM_THREADS', str(torch.get_num_threads()))
    launcher, cfg.launcher = cfg.launcher, 'pytorch'
    if not torch.cuda.is_available():
        timeout = ((cfg.get('env_cfg') or {}).get('dist_cfg') or {}).get('timeout')
        with named_errors(f'--launcher {launcher}'):
            distributed.init_process_group(
                'gloo', timeout=None if timeout is None else timedelta(seconds=timeout)
            )
        cfg.setdefault('model_wrapper_cfg', dict(type='MMDistributedDataParallel', device_ids=None))
    ended_well = False
    try:
        yield
        ended_well = True
    except Exception as error:
        if not _is_of_lost_process(error):
            raise
        raise LostProcessError(
            f'rank {os.environ["RANK"]}: another process of the run ended or hangs; its own '
            'message says why'
        ) from error
    finally:
        # Leaving NCCL would wait for a process that is gone.
        if distributed.is_initialized() and (ended_well or distributed.get_backend() == 'gloo'):
            distributed.destroy_process_group()


def _is_of_lost_process(error: BaseException | None) -> bool:
    """Whether `error`, or what it was made from, is that of talking to a process that is gone."""
    from torch import distributed

    while error is not None:
        # gloo raises plain RuntimeErrors, which begin with their place in its code.
        if isinstance(error, distributed.DistError) or '/gloo/' in str(error):
            return True
        error = error.__cause__
    return False


def tell_launcher(error: BaseException) -> None:
    """Have torchrun, where it started this process, end its report with the message of `error`.

    Unless that is about another process, whose message is to be seen.
    """
    path = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if path and not isinstance(error, LostProcessError):
        message = dict(message=one_line(error), extraInfo=dict(timestamp=str(int(time.time()))))
        Path(path).write_text(json.dumps(dict(message=message)), encoding='utf-8')
