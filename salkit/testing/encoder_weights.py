"""Checks of how an encoder's weights are stored and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ..checkpoints import FitReport, load_pretrained, load_weights, write_safetensors
from ..encoders import Encoder
from ..errors import CheckpointError, ConfigError
from .encoder_features import EncoderFeatures
from .offline import no_network
from .suite import changed_entries, distance, perturb, said, snapshot, trainable

NO_SUCH_WEIGHTS = 'no-such-weights'


class EncoderWeights(EncoderFeatures):
    """Checks of how an encoder's weights are stored and loaded; see `EncoderSuite`."""

    def _other_weights(self) -> Encoder:
        """An encoder whose every parameter is off its initial value."""
        encoder = self.build_checked()
        perturb(encoder)
        return encoder

    def _write(self, folder: Path, weights: dict[str, Tensor]) -> Path:
        path = folder / 'weights.safetensors'
        write_safetensors(weights, path)
        return path

    def _load(self, encoder: Encoder, path: Path, what: str) -> FitReport:
        try:
            return load_weights(encoder, path)
        except CheckpointError as error:
            self.fail(f'does not load {what}: {error}')

    def _refusal(self, path: Path, what: str) -> str:
        """What is said of a file that does not fit; the encoder stays as it is."""
        encoder = self.build_checked(seed=1)
        before = snapshot(encoder)
        try:
            load_weights(encoder, path)
        except CheckpointError as error:
            message = str(error)
        except Exception as error:
            self.fail(
                f'a file with {what} raises {type(error).__name__}, expected CheckpointError: '
                f'{said(error)}'
            )
        else:
            self.fail(f'loads a file with {what} without an error, expected CheckpointError')
        changed = changed_entries(encoder, before)
        self.check(
            not changed, f'a file with {what} is refused, yet it changed {", ".join(changed[:3])}'
        )
        return message

    def _check_names(self, path: Path, what: str, entry: str) -> None:
        message = self._refusal(path, what)
        self.check(
            entry in message,
            f'the error about a file with {what} does not name it; it says: {message}',
        )

    def _entry(self, weights: dict[str, Tensor], encoder: Encoder) -> str:
        """The entry that is left out or bent: a trained one, since others may be derived."""
        names = [name for name in trainable(encoder) if name in weights] or list(weights)
        return names[-1]

    def test_state_dict_round_trip(self, tmp_path) -> None:
        """Weights written to a file and loaded into a fresh encoder give the same features."""
        source = self._other_weights()
        clip = self.clip(source)
        expected = self.encode(source, clip)
        fresh = self.build_checked(seed=2)
        self._load(fresh, self._write(tmp_path, source.state_dict()), 'the file of its own weights')
        try:
            self.build_checked(seed=2).load_state_dict(source.state_dict(), strict=True)
        except Exception as error:
            self.fail(f'does not load its own state dict: {said(error)}')
        for i, (one, other) in enumerate(zip(self.encode(fresh, clip), expected, strict=True)):
            off = distance(one, other)
            self.check(
                off < 1e-5,
                f'features[{i}] differs by {off:.2g} once the weights are stored and loaded: '
                'something that forward uses is not in the state dict',
            )

    def test_loading_reports_every_entry(self, tmp_path) -> None:
        """The report of loading accounts for each entry of the encoder."""
        weights = self._other_weights().state_dict()
        fresh = self.build_checked(seed=2)
        report = self._load(fresh, self._write(tmp_path, weights), 'the file of its own weights')
        lacking = sorted(set(weights) - set(report.used) - set(report.derived))
        self.check(not lacking, f'the report of loading does not speak of {", ".join(lacking[:3])}')
        self.check(
            not report.dropped, f'drops entries of its own file: {", ".join(report.dropped)}'
        )
        wrong = [k for k, v in weights.items() if distance(fresh.state_dict()[k], v) > 1e-6]
        self.check(not wrong, f'entries do not hold what was loaded: {", ".join(wrong[:3])}')

    def test_a_missing_entry_is_an_error(self, tmp_path) -> None:
        """A file that lacks an entry is refused, and the error names it."""
        source = self._other_weights()
        weights = dict(source.state_dict())
        entry = self._entry(weights, source)
        del weights[entry]
        path = self._write(tmp_path, weights)
        self._check_names(path, f'no entry {entry}', entry)

    def test_an_unexpected_entry_is_an_error(self, tmp_path) -> None:
        """A file with an entry too many is refused, and the error names it."""
        weights = {**self._other_weights().state_dict(), 'not_of_this_encoder': torch.zeros(3)}
        path = self._write(tmp_path, weights)
        self._check_names(path, 'an entry not_of_this_encoder', 'not_of_this_encoder')

    def test_a_wrong_shape_is_an_error(self, tmp_path) -> None:
        """A file with an entry of another shape is refused, and the error names it."""
        source = self._other_weights()
        weights = dict(source.state_dict())
        entry = self._entry(weights, source)
        value = weights[entry]
        weights[entry] = (
            torch.zeros(*value.shape[:-1], value.shape[-1] + 1) if value.ndim else (torch.zeros(2))
        )
        path = self._write(tmp_path, weights)
        self._check_names(path, f'another shape of {entry}', entry)

    def test_no_pretrained_weights(self) -> None:
        """Where no weights are named, starting leaves the encoder and the network alone."""
        encoder = self.build_checked()
        if encoder.pretrained is not None:
            pytest.skip(f'{self.name} is tested with pretrained={encoder.pretrained!r}')
        before = snapshot(encoder)
        with no_network() as tried:
            try:
                encoder.init_weights()
                loaded = load_pretrained(encoder)
            except Exception as error:
                self.fail(f'starting fails without pretrained weights: {said(error)}')
        self.check(not tried, f'asks for {tried[:1]} although no weights are named')
        self.check(loaded is None, 'pretrained_weights gives weights although none are named')
        changed = changed_entries(encoder, before)
        self.check(not changed, f'init_weights changes {", ".join(changed[:3])}')

    def test_weights_that_cannot_be_had(self, tmp_path, monkeypatch) -> None:
        """`pretrained` only names weights; loading them is what fails without them."""
        if not self.takes('pretrained'):
            pytest.skip(f'{self.name} takes no argument pretrained')
        monkeypatch.setenv('TORCH_HOME', str(tmp_path))
        with no_network() as tried:
            try:
                encoder = self.part(**self.arguments(pretrained=NO_SUCH_WEIGHTS))
            except ConfigError:
                # The names may be known beforehand.
                return
            except Exception as error:
                self.fail(
                    f'pretrained={NO_SUCH_WEIGHTS!r} raises {type(error).__name__} while building, '
                    'expected ConfigError, or CheckpointError from pretrained_weights'
                )
            self.check(not tried, f'asks for {tried[:1]} while it is built')
            try:
                load_pretrained(encoder)
            except CheckpointError as error:
                self.check(
                    NO_SUCH_WEIGHTS in str(error),
                    f'the error of pretrained_weights does not name {NO_SUCH_WEIGHTS!r}: {error}',
                )
            else:
                self.fail(
                    f'pretrained_weights has nothing to say about pretrained={NO_SUCH_WEIGHTS!r}, '
                    'expected an error'
                )
