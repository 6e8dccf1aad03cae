"""A sound walk: a virtual leg that walks for four seconds, with every kind of file a laboratory has."""

from dataclasses import replace
from pathlib import Path

import pytest

from osim_nmscal.virtual_subject import make


def make_walk(folder: Path) -> Path:
    """Make the person and the files of one recording, the truth among them."""
    limb_of = make.limb_of

    def walking_once(kind: str) -> make.Limb:
        limb = limb_of(kind)
        return replace(limb, motions=lambda *arguments: limb.motions(*arguments)[-1:])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "limb_of", walking_once)
        make.make_virtual_subject(folder, "leg", 1)
    return folder
