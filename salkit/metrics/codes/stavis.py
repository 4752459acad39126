"""The MATLAB code of STAViS, which audio-visual data sets are scored with."""

from __future__ import annotations

from ... import functional as F
from .. import measures as m
from ..frame import Frame
from ..protocol import Protocol


@m.measure(
    'as dhf1k-matlab, negatives from all frames of the same video less the pixels that are fixated '
    'in this frame',
    'fixations',
    'nonfixations',
)
def shuffled(frame: Frame, rng: m.Rng = None) -> float:
    """Measure shuffled AUC within a video."""
    pool = (frame.nonfixations > 0) & ~frame.fixations
    return float(F.auc_shuffled(frame.prediction, frame.fixation_map, pool, **m.splits_of(rng)))


PROTOCOL = Protocol(
    name='stavis',
    summary='The MATLAB code of STAViS, for the audio-visual data sets (DIEM, Coutrot, SumMe, '
    'ETMD, AVAD).',
    description=(
        'Predictions are 8-bit pictures in its eyes. They are brought to [0, 1] and blurred (2 '
        'pixels of their own) before they are resized to the density map.',
        'A map of zeros becomes NaN, and the frame is left out of all means.',
        'A map of another constant is noise of rounding errors there; here undefined.',
        'Of a fixation map that holds counts, the pixels of two and more stay among the negatives '
        'there; here none does.',
        'A video without any value makes the mean NaN there; here it is left out.',
        'Its numbers of a data set with three folds are means over the videos of all three; those '
        'of DIEM, which has one list, are means over three models.',
        'Frames beyond the number in the fold list are left out, as there.',
    ),
    measures={
        'CC': m.pearson,
        'SIM': m.similarity,
        'NSS': m.nss,
        'AUC-J': m.judd,
        's-AUC': shuffled,
    },
    values='8-bit-stretched',
    smooth_px=2.0,
    resize='bicubic',
    average='videos',
    nan='drop',
    pool='same-video',
    prefers_mat=True,
)
