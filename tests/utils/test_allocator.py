import ctypes
import json
import platform
import subprocess
import sys

import pytest

from salkit.utils.allocator import keep_freed_memory

# Pages that a block of 64 MiB asks the system for: when it is new, when the same was freed before,
# and when that was given back.
SCRIPT = """
import json, resource, sys
from salkit.utils.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b'x' * 2**26
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if not keep_freed_memory():
    sys.exit('needs the malloc of glibc 2.35 or later')
found = [faults(), faults()]
keep_freed_memory(False)
print(json.dumps([*found, faults()]))
"""


def test_freed_memory_is_kept():
    pytest.importorskip('resource')
    # In a process of its own, whose memory has no other holes that a block fits in.
    done = subprocess.run([sys.executable, '-c', SCRIPT], capture_output=True, text=True)
    if done.stderr.startswith('needs'):
        pytest.skip(done.stderr)
    new, kept, given_back = json.loads(done.stdout)
    assert new > 1000
    assert kept < new / 10 and given_back > new / 2


@pytest.mark.parametrize('keep', [True, False])
def test_what_an_old_glibc_refuses_is_left_as_it_is(keep, monkeypatch):
    class Library:
        asked = []

        def mallopt(self, name, value):
            self.asked.append(name)
            # M_MMAP_THRESHOLD: 32 MiB at most before glibc 2.35.
            return int(name != -3 or value <= 2**25)

        def malloc_trim(self, _):
            return 1

    monkeypatch.setattr(platform, 'libc_ver', lambda: ('glibc', '2.31'))
    monkeypatch.setattr(ctypes, 'CDLL', lambda _: Library())
    assert keep_freed_memory(keep) is not keep
    assert Library.asked == ([-3] if keep else [-3, -1])
