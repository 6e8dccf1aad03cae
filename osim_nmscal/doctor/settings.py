"""Which findings a user knows of and allows."""

from pydantic import field_validator

from osim_nmscal.doctor import KINDS
from osim_nmscal.errors import did_you_mean, listed
from osim_nmscal.settings import Settings, setting


class ChecksSettings(Settings):
    """What the doctor may not stop."""

    allow: tuple[str, ...] = setting(
        (),
        unit="-",
        description="Kinds of findings that stop a run but that you know of and allow; they become doubts in the verdict.",
        source="choice: nothing is allowed unseen",
    )

    @field_validator("allow")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no kind of finding.{did_you_mean(kind, KINDS)} Kinds: {listed(KINDS, len(KINDS))}.")
        return kinds
