"""Checks of arguments that several transforms share."""

from ...errors import ConfigError


def check_probabilities(owner: str, **probabilities: float) -> None:
    """Raise ConfigError unless every value, by its argument's name, lies in [0, 1]."""
    for name, value in probabilities.items():
        if not 0 <= value <= 1:
            raise ConfigError(f'{owner}: {name} must be between 0 and 1, got {value}')
