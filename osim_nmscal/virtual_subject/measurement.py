"""A virtual person's bones in OpenSim, and what their motions are there. Runs inside a worker process, which needs no torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import ConfigError
from osim_nmscal.virtual_subject.anatomy.build_model import write_model
from osim_nmscal.virtual_subject.anatomy.person import Build
from osim_nmscal.virtual_subject.limb import Limb
from osim_nmscal.virtual_subject.motion.mechanics import measure, place_markers, scale_person
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics, Motion

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Whom to build, and what to measure of them."""

    folder: Path
    build: Build
    motions: tuple[Motion, ...]
    placement: FloatArray  # (marker, 3), m


def build_and_measure(kind: str, job: Measurement) -> tuple[Mechanics, ...]:
    """Write generic.osim and the person's geometry, and measure the motions; runs in the worker."""
    limb = limb_of(kind)
    write_model(limb.anatomy, job.folder / "generic.osim")
    person = job.folder / "truth" / "geometry.osim"
    scale_person(job.folder / "generic.osim", person, job.build.factors, job.build.mass)
    place_markers(person, job.placement)
    return measure(person, job.motions, limb.dofs, limb.contact_body)


def limb_of(kind: str) -> Limb:
    """Return the tables of a limb.

    Raises:
        ConfigError: neither leg nor arm.
    """
    if kind == "leg":
        from osim_nmscal.virtual_subject.leg import LEG_LIMB

        return LEG_LIMB
    if kind == "arm":
        from osim_nmscal.virtual_subject.arm import ARM_LIMB

        return ARM_LIMB
    raise ConfigError(f"There is no virtual {kind!r}; choose 'leg' or 'arm'.")
