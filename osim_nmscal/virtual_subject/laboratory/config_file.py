"""The chain's config.toml for a virtual person."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.virtual_subject.anatomy.person import Build
from osim_nmscal.virtual_subject.limb import USUAL_ENVELOPE_CUTOFF, USUAL_ERROR_TIME, Limb

if TYPE_CHECKING:
    from osim_nmscal.virtual_subject.laboratory.dynamometer_session import MeasuredEffort


def write_config(path: Path, limb: Limb, build: Build, recordings: list[str], measured: "Sequence[MeasuredEffort]" = ()) -> Path:
    """Write the configuration with which the chain personalizes this person's model.

    Args:
        path: TOML file, beside the recordings.
        limb: names joints, electrodes and groups.
        build: gives the mass, which a laboratory weighs.
        recordings: names.
        measured: of a dynamometer.
    """
    channels = "".join(f"{pool.channel} = {_listed(pool.muscles)}\n" for pool in limb.pools if pool.channel)
    muscles = {pool.name: pool.muscles for pool in limb.pools}
    mapped = {name for pool in limb.pools if pool.channel for name in [pool.name]}
    groups = ""
    for group, pools in limb.strength_groups.items():
        members = [muscle for pool in pools if pool in mapped for muscle in muscles[pool]]
        groups += f"{group} = {_listed(members)}\n" if len(members) > 1 else ""
    envelope = f"lowpass_cutoff = {limb.envelope_cutoff}   # Hz\n" if limb.envelope_cutoff != USUAL_ENVELOPE_CUTOFF else ""
    noise = ""
    if limb.error_time != USUAL_ERROR_TIME:
        noise = f"[calibration.noise]\ncorrelation_time = {limb.error_time}   # s, errors of slow movements repeat for longer\n\n"
    text = f"""# A virtual {limb.kind}: recordings in, a personalized model out. The truth lies in truth/; the chain never reads it.
#
#   osim-nmscal run {path.name} --out results

[subject]
name = "virtual {limb.kind}"
mass = {build.mass:.6f}    # kg

[model]
file = "generic.osim"

[scaling]
setup = "scale_setup.xml"

[inverse_kinematics]
setup = "ik_setup.xml"

[inverse_dynamics]
lowpass_cutoff = {limb.moment_cutoff}   # Hz

[muscle_analysis]
dofs = {_listed(limb.calibrated_dofs)}
{"".join(_recording(name, limb) for name in recordings)}{"".join(_measured(one) for one in measured)}
[emg]
mvc = ["mvc.sto"]

[emg.envelope]
kind = "raw"
{envelope}
[emg.mapping.channels]
{channels}
[trials]
time_step = 0.01   # s
lead_in = 0.2      # s

[trials.roles]
calibration_count = 2   # of each recording; the others are held out

[calibration]
method = "synergy_hybrid"   # some muscles have no electrode; "emg_driven" would leave them out
optimizer = "gauss_newton"

{noise}[calibration.groups]
{groups}
[output]
folder = "results"
"""
    return write_text_atomically(path, text)


def _recording(name: str, limb: Limb) -> str:
    loads = f'"{name}_loads.xml"' if limb.contact_body else '"none"'
    keys = "".join(f"{key} = {_value(value)}\n" for key, value in limb.segmentation[name].items())
    return f"""
[[recordings]]
name = "{name}"
markers = "{name}.trc"
external_loads = {loads}
emg = "{name}_emg.sto"

[recordings.segmentation]
{keys}"""


def _measured(one: "MeasuredEffort") -> str:
    held = ", ".join(f"{name} = {angle:g}" for name, angle in one.pose.items())
    agonists = f"agonists = {_listed(one.agonists)}\n" if one.agonists else ""
    return f"""
[[recordings]]
name = "{one.effort.name}"
kind = "{"effort" if one.agonists else "passive"}"
table = "{one.file}"
pose = {{ {held} }}   # degrees
{agonists}"""


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _value(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
