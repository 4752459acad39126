"""Starts the processes of a distributed run as launchers do, without importing everything anew."""

import multiprocessing
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass
class Rank:
    """One process of a run."""

    process: multiprocessing.Process
    folder: Path

    def ended(self, seconds=120):
        """Wait for its end: its exit code, what it wrote to stdout and to stderr."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f'still there after {seconds} s')
        return self.process.exitcode, *((self.folder / n).read_text() for n in ('out', 'err'))


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def start_ranks(function, folder, *args, world_size=2):
    """Fork processes that call `function(*args)`, whose result is their exit code.

    Each finds what torchrun, srun and mpirun would tell it in its environment, and writes into
    `folder`/RANK/out and err.
    """
    everybody = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=free_port(), SLURM_NODELIST='localhost')
    ranks = []
    for number in range(world_size):
        own = Path(folder) / str(number)
        own.mkdir(parents=True)
        told = dict(everybody)
        for names in (
            ('RANK', 'LOCAL_RANK', 'WORLD_SIZE'),
            ('SLURM_PROCID', 'SLURM_LOCALID', 'SLURM_NTASKS'),
            [f'OMPI_COMM_WORLD_{name}' for name in ('RANK', 'LOCAL_RANK', 'SIZE')],
        ):
            told |= dict(zip(names, map(str, (number, number, world_size)), strict=True))
        context = multiprocessing.get_context('fork')
        # Where a test fails, none outlives the others.
        process = context.Process(target=_rank, args=(function, args, own, told), daemon=True)
        process.start()
        ranks.append(Rank(process, own))
    return ranks


def _rank(function, args, folder, environment):
    for number, name in ((1, 'out'), (2, 'err')):
        os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY), number)
    # What pytest captures is not what a fork writes.
    sys.stdout, sys.stderr = (os.fdopen(number, 'w', buffering=1) for number in (1, 2))
    # Threads of the pool that the parent may have do not live on in a fork.
    torch.set_num_threads(1)
    os.environ.update(environment, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    sys.exit(function(*args))


def run_ranks(function, folder, *args):
    """Start ranks and wait until all have ended well; gives what rank 0 printed."""
    results = [rank.ended(300) for rank in start_ranks(function, folder, *args)]
    for code, out, err in results:
        assert code == 0, f'{out[-2000:]}\n{err[-4000:]}'
    return results[0][1]
