"""Starts the processes of a distributed run as launchers do, without importing everything anew."""

import multiprocessing
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

# What each launcher tells a process.
NAMES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': (
        'OMPI_COMM_WORLD_RANK',
        'OMPI_COMM_WORLD_SIZE',
        'OMPI_COMM_WORLD_LOCAL_RANK',
    ),
}


@dataclass
class Rank:
    """One process of a run; `process.exitcode` after `ended()`."""

    process: multiprocessing.Process
    folder: Path

    def ended(self, seconds=60):
        """Wait for its end: its exit code, what it wrote to stdout and to stderr."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f'still there after {seconds} s'
        return self.process.exitcode, *((self.folder / n).read_text() for n in ('out', 'err'))


def start_ranks(function, folder, *args, launcher='pytorch', world_size=2, **environment):
    """Fork processes that call `function(*args)`, whose result is their exit code.

    They talk over a port that was free, and write into `folder`/RANK/out and err.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    ranks = []
    for number in range(world_size):
        own = Path(folder) / str(number)
        own.mkdir(parents=True)
        told = dict(zip(NAMES[launcher], (str(n) for n in (number, world_size, number)), strict=True))
        told |= dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), SLURM_NODELIST='localhost')
        context = multiprocessing.get_context('fork')
        process = context.Process(target=_rank, args=(function, args, own, {**told, **environment}))
        process.start()
        ranks.append(Rank(process, own))
    return ranks


def _rank(function, args, folder, environment):
    for name, stream in (('out', sys.stdout), ('err', sys.stderr)):
        file = os.open(folder / name, os.O_CREAT | os.O_WRONLY)
        os.dup2(file, 1 if name == 'out' else 2)
        stream.flush()
    sys.stdout, sys.stderr = open(1, 'w', buffering=1), open(2, 'w', buffering=1)
    # Threads of the pool that the parent may have do not live on in a fork.
    torch.set_num_threads(1)
    os.environ.update(environment, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    sys.exit(function(*args))


def run_ranks(function, folder, *args, **options):
    """Start ranks and wait until all have ended well; gives what rank 0 printed."""
    results = [rank.ended(300) for rank in start_ranks(function, folder, *args, **options)]
    for code, out, err in results:
        assert code == 0, f'{out[-2000:]}\n{err[-4000:]}'
    return results[0][1]
