"""Read mutated files with every reader, in child processes with limits, and keep what fails.

    python tools/fuzz.py --minutes 20 --seed 0 --out fuzz/

Exit status 1 where a reader crashed, hung, took too much memory, or raised anything but its error
of one line. The same seed makes the same mutants; `--reader NAME --number N` reads one again.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# salkit's tests hold the list of readers and make their valid files. The folder of this script is
# taken off: its names are also those of standard modules.
sys.path[:] = [path for path in sys.path if Path(path).resolve() != ROOT / 'tools']
sys.path[:0] = [str(ROOT / 'tests'), str(ROOT / 'tests' / 'security')]

from bounded import run_bounded  # noqa: E402
from readers import READERS, read_mutants, seeds_of, write_mutant  # noqa: E402
from tqdm import tqdm  # noqa: E402

AT_ONCE = 25
SECONDS = 60.0


def main() -> int:
    """Fuzz until time is up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--minutes', type=float, default=20.0, help='how long (default: 20)')
    parser.add_argument('--seed', type=int, default=0, help='of the mutations (default: 0)')
    parser.add_argument('--reader', choices=READERS, help='only this one')
    parser.add_argument('--number', type=int, help='only this mutant')
    parser.add_argument('--out', type=Path, default=Path('fuzz'), help='for mutants that failed')
    args = parser.parse_args()
    names = [args.reader] if args.reader else list(READERS)
    counts = {name: Counter() for name in names}
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            folder = Path(place) / name
            folder.mkdir()
            READERS[name][0](folder)
        end = time.monotonic() + 60 * args.minutes
        with tqdm(total=round(60 * args.minutes), unit='s', disable=None) as bar:
            start = 0
            while True:
                for name in names:
                    numbers = range(start, start + AT_ONCE)
                    if args.number is not None:
                        numbers = range(args.number, args.number + 1)
                    fuzz(name, Path(place), args.seed, numbers, args.out, counts[name])
                    bar.update(min(bar.total, round(bar.total - end + time.monotonic())) - bar.n)
                start += AT_ONCE
                if time.monotonic() > end or args.number is not None:
                    break
        return report(counts, {name: len(seeds_of(Path(place) / name)) for name in names})


def fuzz(
    name: str, place: Path, seed: int, numbers: range, out: Path, counts: Counter[str]
) -> None:
    """Read some mutants in one child, or in several where a child does not get to the end."""
    while numbers:
        work = place / 'work'
        work.mkdir()
        child = run_bounded(
            read_mutants, name, place / name, seed, numbers, work, folder=place, seconds=SECONDS
        )
        lines = [json.loads(line) for line in child.out.splitlines() if line.startswith('{')]
        begun = [line['number'] for line in lines if 'number' in line]
        ends = [line for line in lines if 'ended' in line]
        if len(ends) < len(begun):
            # Nothing but the child's end says what became of the last one.
            how = 'hang' if child.status is None else f'crash ({child.status})'
            ends.append(dict(ended=how, told=child.err[-2000:]))
        if not begun:
            raise RuntimeError(f'{name}: the child read nothing: {child.err[-2000:]}')
        for number, end in zip(begun, ends, strict=True):
            counts[end['ended']] += 1
            if end['ended'] not in ('read', 'refused'):
                kept = out / name.replace(' ', '-') / str(number)
                kept.mkdir(parents=True, exist_ok=True)
                write_mutant(place / name, seed, number, kept)
                (kept / 'told.txt').write_text(f'{end["ended"]}\n{end.get("told", "")}')
        shutil.rmtree(work)
        numbers = range(begun[-1] + 1, numbers.stop)


def report(counts: dict[str, Counter[str]], seeds: dict[str, int]) -> int:
    """Print a table, and give the exit status."""
    ends = sorted({end for count in counts.values() for end in count})
    width = max(map(len, counts))
    print(f'{"reader":{width}}  valid files  mutants', *ends, sep='  ')
    for name, count in counts.items():
        cells = [f'{count[end]:{len(end)}d}' for end in ends]
        print(f'{name:{width}}  {seeds[name]:11d}  {count.total():7d}', *cells, sep='  ')
    return int(any(end not in ('read', 'refused') for end in ends))


if __name__ == '__main__':
    sys.exit(main())
