"""Checks of how an encoder's weights are stored and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ..checkpoints import FitReport, load_pretrained, load_weights, write_safetensors
from ..encoders import Encoder
from ..errors import CheckpointError, ConfigError
from ..utils.text import listed
from .encoder_features import EncoderFeatures
from .offline import no_network
from .suite import changed_entries, distance, perturb, snapshot, trainable

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

    def _check_file_refused(
        self, folder: Path, weights: dict[str, Tensor], what: str, name: str
    ) -> None:
        """A file that does not fit is refused by name, and the encoder stays as it is."""
        path = self._write(folder, weights)
        encoder = self.build_checked(seed=1)
        before = snapshot(encoder)
        with self.raises(CheckpointError, f'a file with {what}') as messages:
            load_weights(encoder, path)
        changed = listed(changed_entries(encoder, before), 3)
        self.check(not changed, f'a file with {what} is refused, yet it changed {changed}')
        self.check(
            name in messages[0],
            f'the error about a file with {what} does not name it; it says: {messages[0]}',
        )

    def _entry(self, weights: dict[str, Tensor], encoder: Encoder) -> str:
        """The entry that is left out or bent: a trained one, since others may be derived."""
        names = [name for name in trainable(encoder) if name in weights] or list(weights)
        return names[-1]

    def test_loading_reports_every_entry(self, tmp_path: Path) -> None:
        """The report of loading accounts for each entry of the encoder."""
        weights = self._other_weights().state_dict()
        fresh = self.build_checked(seed=2)
        report = self._load(fresh, self._write(tmp_path, weights), 'the file of its own weights')
        lacking = sorted(set(weights) - set(report.used) - set(report.derived))
        self.check(not lacking, f'the report of loading does not name {", ".join(lacking[:3])}')
        self.check(
            not report.dropped, f'drops entries of its own file: {", ".join(report.dropped)}'
        )
        wrong = [k for k, v in weights.items() if distance(fresh.state_dict()[k], v) > 1e-6]
        self.check(not wrong, f'entries do not hold what was loaded: {", ".join(wrong[:3])}')

    def test_a_missing_entry_is_an_error(self, tmp_path: Path) -> None:
        """A file that lacks an entry is refused, and the error names it."""
        source = self._other_weights()
        weights = dict(source.state_dict())
        entry = self._entry(weights, source)
        del weights[entry]
        self._check_file_refused(tmp_path, weights, f'no entry {entry}', entry)

    def test_an_unexpected_entry_is_an_error(self, tmp_path: Path) -> None:
        """A file with an entry too many is refused, and the error names it."""
        weights = {**self._other_weights().state_dict(), 'not_of_this_encoder': torch.zeros(3)}
        what = 'an entry not_of_this_encoder'
        self._check_file_refused(tmp_path, weights, what, 'not_of_this_encoder')

    def test_a_wrong_shape_is_an_error(self, tmp_path: Path) -> None:
        """A file with an entry of another shape is refused, and the error names it."""
        source = self._other_weights()
        weights = dict(source.state_dict())
        entry = self._entry(weights, source)
        value = weights[entry]
        weights[entry] = (
            torch.zeros(*value.shape[:-1], value.shape[-1] + 1) if value.ndim else (torch.zeros(2))
        )
        self._check_file_refused(tmp_path, weights, f'another shape of {entry}', entry)

    def test_no_pretrained_weights(self) -> None:
        """Where no weights are named, starting leaves the encoder and the network alone."""
        encoder = self.build_checked()
        if encoder.pretrained is not None:
            pytest.skip(f'{self.name} is tested with pretrained={encoder.pretrained!r}')
        before = snapshot(encoder)
        with no_network() as tried, self.succeeds('starting without pretrained weights'):
            encoder.init_weights()
            loaded = load_pretrained(encoder)
        self.check(not tried, f'asks for {tried[:1]} although no weights are named')
        self.check(loaded is None, 'pretrained_weights gives weights although none are named')
        changed = changed_entries(encoder, before)
        self.check(not changed, f'init_weights changes {", ".join(changed[:3])}')

    def test_weights_that_cannot_be_had(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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
            what = f'loading pretrained={NO_SUCH_WEIGHTS!r} without a network'
            with self.raises(CheckpointError, what) as messages:
                load_pretrained(encoder)
            self.check(
                NO_SUCH_WEIGHTS in messages[0],
                f'the error of pretrained_weights does not name {NO_SUCH_WEIGHTS!r}: {messages[0]}',
            )
