"""Write the cases of `tests/protocol_cases.py` for `run_octave.m`: those of one size, 8 bits."""

import sys

import numpy as np
import scipy.io
from run_python import read_cases

cases = [
    dict(
        name=name,
        prediction=p if p.dtype == np.uint8 else np.rint(p * 255).astype(np.uint8),
        density=density,
        fixations=fixations,
    )
    for name, p, density, fixations in read_cases(sys.argv[1])
    if p.shape == density.shape
]
cells = np.empty(len(cases), object)
cells[:] = cases
scipy.io.savemat(
    sys.argv[2], dict(cases=cells, all_fixations=np.load(sys.argv[1])['all_fixations'])
)
