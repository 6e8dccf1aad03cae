"""Loss terms that a caller in Python adds to a run: no configuration names them, so the results must."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from osim_nmscal.errors import ConfigError
from osim_nmscal.provenance.values import digest_of

if TYPE_CHECKING:
    from osim_nmscal.calibration.losses import Term


def require_named(terms: "Sequence[Term]") -> None:
    """Refuse terms that the key of a calibration could not name, so that a changed term would not be noticed.

    Raises:
        ConfigError: a function is no plain one, or its source is not at hand.
    """
    for term in terms:
        try:
            digest_of(term)
        except (TypeError, OSError) as error:
            raise ConfigError(
                f"The function of loss term {term.name!r} cannot be named in the record of the results ({error}); define it at the top of "
                "a module or of a notebook cell, or calibrate by hand (osim_nmscal.calibrate)."
            ) from error


def terms_said(terms: "Sequence[Term]") -> Iterator[str]:
    """Say which terms a calibration had beside those of the settings."""
    for term in terms:
        where = f"{term.function.__module__}.{term.function.__qualname__}"
        yield f"A loss term that no setting names took part: {term.name} (weight {term.weight:g}, {where})."
