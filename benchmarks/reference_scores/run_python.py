"""Run the Python codes that salkit has protocols of, on the frames of `tests/protocol_cases.py`.

    python tests/protocol_cases.py SEQUENCE cases.npz
    python benchmarks/reference_scores/run_python.py CODES cases.npz NAME --out NAME.json

CODES holds checkouts of the public repositories, under their names: `TMFI-Net`, `vinet_v2`,
`unisal`, `pysaliency`, `diff_sal`, `video-saliency-prediction-benchmark`,
`NTIRE26_Saliency_Prediction`. Nothing of them is changed. `diffsal` needs NumPy 1, `tmfi`, `vinet`
and `unisal` PyTorch, `pysaliency` numba, `msu-vsp` cvxopt.

What is random is run `REPEATS` times; of these values the mean and its standard error are written.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
import tempfile
import types
import warnings
from pathlib import Path

import cv2
import numpy as np

REPEATS = 20
if not hasattr(np, 'trapz'):
    # The codes are older than NumPy 2.
    np.trapz = np.trapezoid


def load(folder, name):
    """Import a module of a checkout."""
    sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def as_float(prediction):
    """What the scripts get from an 8-bit PNG, or from the network."""
    if prediction.dtype == np.uint8:
        return prediction.astype(np.float32) / np.float32(255)
    return prediction.astype(np.float32)


def as_bytes(prediction):
    """A map as it is stored in an 8-bit picture."""
    if prediction.dtype == np.uint8:
        return prediction
    return np.rint(prediction * 255).astype(np.uint8)


def repeated(score):
    """Mean and standard error of a random value; one value and 0 where it is undefined."""
    values = np.array([float(score()) for _ in range(REPEATS)])
    return [values.mean(), values.std(ddof=1) / np.sqrt(REPEATS)]


def tmfi(codes, cases, folder='TMFI-Net'):
    """The functions of loss.py, after the steps of test_DHF1K.py."""
    import torch

    # Imported there for a loss that is not used.
    sys.modules.setdefault('torchvision.models', types.SimpleNamespace(vgg19=None))
    loss = load(codes / folder, 'loss')
    for name, prediction, density, fixations in cases:
        saliency = cv2.resize(as_float(prediction), density.shape[::-1])
        saliency = torch.FloatTensor(cv2.GaussianBlur(saliency, (11, 11), 0))[None]
        truth = torch.FloatTensor(density / 255.0)[None]
        fixated = torch.FloatTensor(fixations.astype(float))[None]
        yield (
            name,
            {
                'CC': loss.cc(saliency, truth).item(),
                'KL': loss.kldiv(saliency, truth).item(),
                'SIM': loss.similarity(saliency, truth).item(),
                'NSS': loss.nss(saliency, fixated).item(),
                'AUC-J': repeated(lambda s=saliency, f=fixated: loss.auc_judd(s, f)),
            },
        )


def vinet(codes, cases):
    """The same functions in the version of ViNet."""
    return tmfi(codes, cases, 'vinet_v2/ViNet_S')


def unisal(codes, cases):
    """The functions of utils.py and salience_metrics.py."""
    import torch

    measures = load(codes / 'unisal' / 'unisal', 'salience_metrics')
    utils = load(codes / 'unisal' / 'unisal', 'utils')
    everywhere = np.load(ARGS.cases)['all_fixations'].any(0)
    for name, prediction, density, fixations in cases:
        # In double, so that what is compared are the formulas.
        saliency = torch.from_numpy(prediction.astype(np.float64))
        size = density.shape
        if saliency.shape != size:
            saliency = torch.nn.functional.interpolate(
                saliency[None, None], size, mode='bilinear', align_corners=False
            )[0, 0]
        saliency = saliency / saliency.sum()
        truth = utils.normalize_tensor(torch.from_numpy(density / 255.0))
        fixated = torch.from_numpy(fixations)
        shape = (1, 1, 1, *size)
        scores = {
            'CC': utils.corr_coeff(saliency.reshape(shape), truth.reshape(shape)).item(),
            'KL': utils.kld_loss(saliency.log().reshape(shape), truth.reshape(shape)).item(),
            'SIM': measures.similarity(saliency.numpy(), truth.numpy()),
            'NSS': utils.nss(saliency.reshape(shape), fixated.reshape(shape)).item(),
        }
        try:
            scores['AUC-J'] = measures.auc_judd(saliency.numpy(), fixations)
            scores['s-AUC'] = repeated(
                lambda s=saliency, f=fixations: measures.auc_shuff_acl(s.numpy(), f, everywhere)
            )
        except AssertionError:
            scores |= {'AUC-J': None, 's-AUC': None}
        yield name, scores


def pysaliency(codes, cases):
    """The functions of metrics.py, and models of one image that hold the maps."""
    sys.path.insert(0, str(codes / 'pysaliency'))
    import pysaliency as package
    from pysaliency import metrics

    class Density(package.Model):
        def __init__(self, values):
            super().__init__()
            self.values = np.log(values / values.sum())

        def _log_density(self, stimulus):
            return self.values

    class Saliency(package.SaliencyMapModel):
        def __init__(self, values):
            super().__init__()
            self.values = values

        def _saliency_map(self, stimulus):
            return self.values

    for name, prediction, density, fixations in cases:
        if prediction.shape != density.shape:
            continue
        saliency, truth = prediction.astype(float), density.astype(float)
        scores = {
            'CC': metrics.CC(saliency, truth),
            'KL': metrics.MIT_KLDiv(saliency, truth),
            'SIM': metrics.SIM(saliency, truth),
        }
        rows, columns = np.nonzero(fixations)
        if len(rows):
            stimuli = package.Stimuli([np.zeros((*density.shape, 3), np.uint8)])
            zeros = np.zeros(len(rows), int)
            seen = package.Fixations.create_without_history(columns, rows, zeros)
            model = Saliency(saliency)
            scores['NSS'] = model.NSS(stimuli, seen, average='image')
            scores['AUC-J'] = model.AUC(stimuli, seen, average='image')
            baseline = Density(truth + 1)
            gain = Density(saliency).information_gain(stimuli, seen, baseline, average='fixation')
            scores['IG'] = gain
        yield name, scores


def diffsal(codes, cases):
    """The functions of metrics.py in the order of compute_metrics.py, on arrays as imread gives."""
    measures = load(codes / 'diff_sal', 'metrics.metrics')
    for name, prediction, density, fixations in cases:

        def score(prediction=prediction, density=density, fixations=fixations):
            saliency, truth = as_float(as_bytes(prediction)).copy(), as_float(density)
            fixated = fixations.astype(np.float32)
            area = measures.AUC_Judd(saliency, fixated)
            return {
                'AUC-J': area,
                'CC': measures.CC(saliency, truth),
                'NSS': measures.NSS(saliency, fixated),
                'SIM': measures.SIM(saliency, truth),
            }

        runs = [score() for _ in range(REPEATS)]
        yield (
            name,
            {metric: repeated(iter([run[metric] for run in runs]).__next__) for metric in runs[0]},
        )


def ntire26(codes, cases):
    """The functions of bench.py, with its reader's steps on arrays."""
    bench = load(codes / 'NTIRE26_Saliency_Prediction', 'bench')
    return _moscow(bench, cases, lambda path: bench.read_sm(path), listed=True)


def msu_vsp(codes, cases):
    """The functions of bench.py and utils.py of the video saliency prediction benchmark."""
    folder = codes / 'video-saliency-prediction-benchmark'
    bench, utils = load(folder, 'bench'), load(folder, 'utils')
    return _moscow(bench, cases, utils.read_sm, listed=False, utils=utils)


def _moscow(bench, cases, read, listed, utils=None):
    scratch = Path(ARGS.out).with_suffix('.png')
    for name, prediction, density, fixations in cases:
        if listed and prediction.dtype != np.uint8:
            # A video has no such frames.
            continue

        def stored(values):
            values = as_bytes(values)
            # A frame of a yuv420p video is a PNG of three channels once ffmpeg has written it.
            cv2.imwrite(str(scratch), np.dstack([values] * 3) if listed else values)
            return read(str(scratch))

        saliency, truth = stored(prediction), stored(density)
        if listed:
            # As the list in fixations.json becomes an array.
            fixated = np.array(np.argwhere(fixations).tolist())
            saliency = cv2.resize(saliency, truth.shape[::-1])
        else:
            saliency, truth = utils.padding(saliency), utils.padding(truth)
            fixated = utils.padding_fixation(fixations)
        measures = {
            'CC': lambda s=saliency, t=truth: bench.cc(s, t),
            'KL': lambda s=saliency, t=truth: bench.kldiv(s, t),
            'SIM': lambda s=saliency, t=truth: bench.similarity(s, t),
            'NSS': lambda s=saliency, f=fixated: bench.nss(s, f),
            'AUC-J': lambda s=saliency, f=fixated: bench.auc_judd(s, f),
        }
        scores = {}
        for metric, measure in measures.items():
            if metric == 'AUC-J' and not fixations.any():
                # NSS has ended the run.
                scores[metric] = None
                continue
            try:
                scores[metric] = float(measure())
            except (RuntimeWarning, IndexError, ZeroDivisionError):
                # It has warnings end the run.
                scores[metric] = None
        yield name, scores
    scratch.unlink()


def msu_vsp_adapted(codes, cases):
    """The same after the fit of ss_robust_metric2.py to the real frames of full size."""
    folder = codes / 'video-saliency-prediction-benchmark'
    bench, utils = load(folder, 'bench'), load(folder, 'utils')
    robust = load(folder, 'ss_robust_metric2')
    cases = {name: case for name, *case in cases}
    real = {name: case for name, case in cases.items() if name.startswith('noisy_')}
    paths = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (prediction, density, _) in real.items():
            paths[name] = f'{scratch}/{name}_map.png', f'{scratch}/{name}_density.png'
            for path, values in zip(paths[name], (prediction, density), strict=True):
                cv2.imwrite(path, values)
        center = utils.padding(as_bytes(cases['center_1'][0]) / 255)
        predictions, densities = map(list, zip(*paths.values(), strict=True))
        fit = robust.ss_robust_metric2([predictions], [densities], center, 256, 1)
        for name, (_, _, fixations) in real.items():
            saliency, truth = (utils.padding(utils.read_sm(path)) for path in paths[name])
            saliency = np.clip(robust.apply_transforms(saliency, center, fit), 0, 1)
            fixated = utils.padding_fixation(fixations)
            yield (
                name,
                {
                    'CC': bench.cc(saliency, truth),
                    'KL': bench.kldiv(saliency, truth),
                    'SIM': bench.similarity(saliency, truth),
                    'NSS': bench.nss(saliency, fixated),
                    'AUC-J': bench.auc_judd(saliency, fixated),
                },
            )


def read_cases(path):
    """Name, prediction, density map and fixation map of each case."""
    arrays = np.load(path)
    for name in dict.fromkeys(key.partition('/')[0] for key in arrays if '/' in key):
        yield name, *(arrays[f'{name}/{part}'] for part in ('prediction', 'density', 'fixations'))


def plain(value):
    """NaN as text, which JSON has no number for."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value if value is None or np.isfinite(value) else str(float(value))


CODES = {
    'tmfi': tmfi,
    'vinet': vinet,
    'unisal': unisal,
    'pysaliency': pysaliency,
    'diffsal': diffsal,
    'ntire26': ntire26,
    'msu-vsp': msu_vsp,
    'msu-vsp-adapted': msu_vsp_adapted,
}

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('codes', type=Path)
    parser.add_argument('cases')
    parser.add_argument('name', choices=CODES)
    parser.add_argument('--out', required=True)
    ARGS = parser.parse_args()
    np.random.seed(0)
    random.seed(0)
    with warnings.catch_warnings():
        found = {
            case: {metric: plain(value) for metric, value in scores.items()}
            for case, scores in CODES[ARGS.name](ARGS.codes, read_cases(ARGS.cases))
        }
    Path(ARGS.out).write_text(json.dumps(found, indent=1) + '\n')
