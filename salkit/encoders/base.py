"""The contract that every encoder keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from torch import Tensor, nn

from ..errors import ConfigError, ShapeError
from ..types import AdaptedWeights, FeatureSpec

# Why the classifier of a published file has no place in an encoder.
HEAD_REASON = 'classification head, no part of the saliency model'
Triple = tuple[float, float, float]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Encoder(nn.Module):
    """A video model that turns a clip into features.

    `forward(clip: (B, 3, T, H, W)) -> tuple[(B, C_i, t_i, h_i, w_i), ...]`, deepest last. An
    encoder builds with no network and no checkpoint.

    An argument `activation_checkpointing`, where an encoder takes it, recomputes its blocks in the
    backward pass. Parts are not called `model` or `module`: files whose entries all begin with
    these lose them when they are read.

    Attributes:
        features: one `FeatureSpec` per returned feature, in the same order.
        clip_len: T, the number of frames it takes.
        pixel_mean: mean of the RGB pixels, scaled to [0, 1], that the clip is normalized with.
        pixel_std: their standard deviation.
        size_divisor: rows and columns must be multiples of it.
        autocast_throughout: nothing in it switches autocast off, so that its layers may keep their
            weights in the precision of a prediction.
        fixed_size: the one (rows, columns) it takes; None where any multiple will do.
        pretrained: what `pretrained_weights` gives, in the words of the encoder's library; None
            for random weights.
    """

    features: tuple[FeatureSpec, ...]
    clip_len: int
    pixel_mean: Triple = IMAGENET_MEAN
    pixel_std: Triple = IMAGENET_STD
    size_divisor: int = 1
    autocast_throughout: bool = False
    fixed_size: tuple[int, int] | None = None
    pretrained: str | None = None

    def check_clip(self, clip: Tensor) -> None:
        """Raise ShapeError unless `clip` is (B, 3, clip_len, H, W) of a size the encoder takes."""
        name, shape = type(self).__name__, tuple(clip.shape)
        if clip.ndim != 5 or clip.shape[1] != 3:
            raise ShapeError(f'{name} expects a clip (B, 3, T, H, W), got shape {shape}')
        if clip.shape[2] != self.clip_len:
            raise ShapeError(
                f'{name} expects clips of {self.clip_len} frames, got {clip.shape[2]} '
                f'(shape {shape})'
            )
        if any(size < 1 or size % self.size_divisor for size in clip.shape[-2:]):
            raise ShapeError(
                f'{name} expects height and width divisible by {self.size_divisor}, '
                f'got {clip.shape[-2]} x {clip.shape[-1]}'
            )
        if self.fixed_size and tuple(clip.shape[-2:]) != tuple(self.fixed_size):
            raise ShapeError(
                f'{name} expects {self.fixed_size[0]} x {self.fixed_size[1]} pixels, '
                f'got {clip.shape[-2]} x {clip.shape[-1]}'
            )

    def init_weights(self) -> None:
        """Set up what has to be ready before training and is not read from anywhere.

        The model calls it once before it loads anything.
        """

    def pretrained_weights(self) -> Mapping[str, Tensor] | str | None:
        """What `pretrained` names, had through the library that publishes it.

        The model asks once before training and loads it, not at all where a run goes on from a
        checkpoint.

        Returns:
            A state dict that `adapt_weights` knows or of the encoder's own names; the path or
            address of a file of such; or None where nothing is named.
        """
        return None

    def adapt_weights(self, weights: Mapping[str, Tensor]) -> AdaptedWeights | None:
        """Bring the entries of a published file under this encoder's names.

        Asked of every file that is loaded, so that `init_cfg` takes what the encoder's authors
        publish.

        Args:
            weights: all entries of the file, without a prefix that all names share.

        Returns:
            None where the names are not those of such a file, salkit's own among them.

        Raises:
            CheckpointError: a file that cannot be used; the message need not name it.
        """
        return None

    @classmethod
    def arguments_of(cls, weights: Mapping[str, Tensor]) -> dict[str, object] | None:
        """The arguments of the encoder that a published file holds, as far as its entries say.

        So that `salkit convert` can do without a config.

        Returns:
            None where the names are not those of such a file.

        Raises:
            CheckpointError: such a file, but of none that this class can be.
        """
        return None

    def steps_to_decoder(self) -> dict[str, int]:
        """How many blocks lie between each parameter and the decoder, its own included.

        0 behind the last of n blocks, 1 in it, n in the first, n + 1 before. Layer-wise learning
        rates ask for it. Here the blocks are the children of the longest `nn.ModuleList` or
        `nn.Sequential`, and what was defined before them comes before them; an encoder with stages
        of blocks, or in another order, has a method of its own.

        Raises:
            ConfigError: there is no list of two blocks or more.
        """
        lists = [m for m in self.modules() if isinstance(m, (nn.ModuleList, nn.Sequential))]
        blocks = list(max(lists, key=len, default=()))
        if len(blocks) < 2:
            raise ConfigError(
                f'{type(self).__name__}: expected a list of blocks to count, found none; give it a '
                'method steps_to_decoder, or train without layer-wise rates'
            )
        first = next(iter(blocks[0].parameters()), None)
        before = list(takewhile(lambda parameter: parameter is not first, self.parameters()))
        return self._count_steps(before, blocks)

    def _count_steps(
        self, before: Iterable[nn.Parameter], blocks: Sequence[nn.Module]
    ) -> dict[str, int]:
        """`steps_to_decoder` where these parameters come before these blocks."""
        blocks = [block for block in blocks if any(True for _ in block.parameters())]
        steps = dict.fromkeys(before, len(blocks) + 1)
        for number, block in enumerate(blocks):
            steps |= dict.fromkeys(block.parameters(), len(blocks) - number)
        return {name: steps.get(parameter, 0) for name, parameter in self.named_parameters()}

    def freeze(self) -> None:
        """Stop training of every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad_(False)
