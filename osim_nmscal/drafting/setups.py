"""OpenSim setups for scaling and inverse kinematics, from the markers that a model and a static trial share.

Segments are measured by markers at their ends; what has none keeps its size. Markers over bone weigh more than those on soft tissue.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from osim_nmscal.drafting.marker_names import BONY, marker_places

BONY_WEIGHT, SOFT_WEIGHT = 4.0, 1.0
HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="40000">\n'
TAIL = "</OpenSimDocument>\n"
# Fewer shared markers cannot place a whole model. Source: choice.
FEWEST_SHARED = 6

_Place = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Marker pairs whose distance scales some bodies."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    bodies: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LoadedFoot:
    """Columns of a force file that act on one body: names without the axis."""

    body: str
    force: str
    point: str
    torque: str


def measurements_of(shared: Sequence[str], bodies: Sequence[str]) -> tuple[Measurement, ...]:
    """Return what can be measured with the shared markers, of the bodies that the model has.

    Args:
        shared: names of markers that both model and static trial have.
        bodies: of the model.
    """
    at = marker_places(shared)
    found = []
    for name, ends, pattern in _segments():
        pairs = tuple((at[first], at[second]) for first, second in ends if first in at and second in at)
        if name == "pelvis":  # by its width; the posterior spines lie so near to one another that a finger's width is a third
            pairs = pairs[:1]
        scaled = tuple(body for body in bodies if re.fullmatch(pattern, body.lower()))
        if pairs and scaled:
            found.append(Measurement(name=name, pairs=pairs, bodies=scaled))
    return tuple(found)


def scale_setup_text(
    measurements: Sequence[Measurement], shared: Sequence[str], *, model: str, static: str, span: tuple[float, float], marker_set: str = ""
) -> str:
    """Return the setup of OpenSim's scale tool.

    Args:
        measurements: of the segments.
        shared: markers placed on the static trial.
        model: file of the generic model, relative to the setup.
        static: file of the static trial (.trc), relative to the setup.
        span: its first and last time, s.
        marker_set: file of further markers of the model, relative to the setup; "" for none.
    """
    further = f"<marker_set_file>{escaped(marker_set)}</marker_set_file>" if marker_set else ""
    time = f"<time_range>{span[0]:.4f} {span[1]:.4f}</time_range>"
    return f"""{HEAD}<!-- Drafted by osim-nmscal init: check the marker pairs and weights. The mass is taken from config.toml. -->
<ScaleTool name="subject">
<GenericModelMaker><model_file>{escaped(model)}</model_file>{further}</GenericModelMaker>
<ModelScaler>
<apply>true</apply><scaling_order>measurements</scaling_order>
<MeasurementSet><objects>
{"".join(map(_measurement, measurements))}</objects><groups/></MeasurementSet>
<marker_file>{escaped(static)}</marker_file>{time}<preserve_mass_distribution>true</preserve_mass_distribution>
</ModelScaler>
<MarkerPlacer>
<apply>true</apply>
<IKTaskSet><objects>
{_tasks(shared)}</objects><groups/></IKTaskSet>
<marker_file>{escaped(static)}</marker_file>{time}<max_marker_movement>-1</max_marker_movement>
</MarkerPlacer>
</ScaleTool>
{TAIL}"""


def ik_setup_text(shared: Sequence[str]) -> str:
    """Return the task set of inverse kinematics.

    Args:
        shared: names of markers that both model and recordings have.
    """
    return f"""{HEAD}<!-- Drafted by osim-nmscal init: markers over bone weigh {BONY_WEIGHT:g}, others {SOFT_WEIGHT:g}. -->
<InverseKinematicsTool name="ik">
<constraint_weight>Inf</constraint_weight><accuracy>1e-05</accuracy>
<IKTaskSet><objects>
{_tasks(shared)}</objects><groups/></IKTaskSet>
</InverseKinematicsTool>
{TAIL}"""


def loads_text(forces: Sequence[LoadedFoot], datafile: str) -> str:
    """Return an ExternalLoads document.

    Args:
        forces: which columns act on which body.
        datafile: of the forces, relative to the document.
    """
    objects = "".join(
        f"""<ExternalForce name="{escaped(one.body)}">
<applied_to_body>{escaped(one.body)}</applied_to_body>
<force_expressed_in_body>ground</force_expressed_in_body><point_expressed_in_body>ground</point_expressed_in_body>
<force_identifier>{escaped(one.force)}</force_identifier><point_identifier>{escaped(one.point)}</point_identifier>
<torque_identifier>{escaped(one.torque)}</torque_identifier>
</ExternalForce>
"""
        for one in forces
    )
    head = f"{HEAD}<!-- Written by osim-nmscal: which columns of the force file act on which foot; check it. -->\n"
    data = f"<datafile>{escaped(datafile)}</datafile>"
    return f'{head}<ExternalLoads name="loads">\n<objects>\n{objects}</objects><groups/>\n{data}\n</ExternalLoads>\n{TAIL}'


def loaded_foot(columns: Sequence[str], labels: Sequence[str], body: str) -> LoadedFoot | None:
    """Return the identifiers of a plate's columns as OpenSim names them, without the axis; None if the torque cannot be told.

    Args:
        columns: of the force along x, y and z.
        labels: all columns of the file.
        body: it acts on.
    """
    force = columns[0][:-1]
    torques = (force[:-1].replace("force", "torque"), force[:-1] + "m", force[:-1].replace("force", "moment"))
    torque = next((stem for stem in torques if all(stem + axis in labels for axis in "xyz")), None)
    return None if torque is None else LoadedFoot(body=body, force=force, point=force[:-1] + "p", torque=torque)


def _segments() -> list[tuple[str, tuple[tuple[_Place, _Place], ...], str]]:
    """Return (name, ends, pattern of the bodies) of each segment that may be measured."""
    trunk = tuple((("acromion", s), ("asis", s)) for s in "rl")
    found: list[tuple[str, tuple[tuple[_Place, _Place], ...], str]] = [
        ("pelvis", ((("asis", "r"), ("asis", "l")), (("psis", "r"), ("psis", "l"))), r"pelvis"),
        ("torso", (*trunk, (("c7", ""), ("psis", "r")), (("c7", ""), ("psis", "l"))), r"torso|thorax|trunk"),
    ]
    for s in "rl":
        side = rf"(_{s}|_{'right' if s == 'r' else 'left'})"
        thigh = ((("hip_centre", s), ("knee_centre", s)), (("asis", s), ("knee_lateral", s)), (("asis", s), ("knee_medial", s)))
        shank = (
            (("knee_centre", s), ("ankle_centre", s)),
            (("knee_lateral", s), ("ankle_lateral", s)),
            (("knee_medial", s), ("ankle_medial", s)),
        )
        found += [
            (f"thigh_{s}", thigh, rf"(femur|patella|thigh){side}"),
            (f"shank_{s}", shank, rf"(tibia|fibula|shank|shin){side}"),
            (f"foot_{s}", ((("heel", s), ("toe", s)), (("heel", s), ("small_toe", s))), rf"(talus|calcn|toes|foot){side}"),
            (
                f"upper_arm_{s}",
                ((("acromion", s), ("elbow_lateral", s)), (("acromion", s), ("elbow_medial", s))),
                rf"(humerus|upperarm){side}",
            ),
            (
                f"forearm_{s}",
                ((("elbow_lateral", s), ("wrist_radial", s)), (("elbow_medial", s), ("wrist_ulnar", s))),
                rf"(ulna|radius|forearm|hand){side}",
            ),
        ]
    return found


def _measurement(measurement: Measurement) -> str:
    pairs = "".join(f"<MarkerPair><markers> {first} {second}</markers></MarkerPair>" for first, second in measurement.pairs)
    bodies = "".join(f'<BodyScale name="{escaped(body)}"><axes> X Y Z</axes></BodyScale>' for body in measurement.bodies)
    return f"""<Measurement name="{measurement.name}"><apply>true</apply>
<MarkerPairSet><objects>{pairs}</objects><groups/></MarkerPairSet>
<BodyScaleSet><objects>{bodies}</objects><groups/></BodyScaleSet>
</Measurement>
"""


def _tasks(markers: Sequence[str]) -> str:
    bony = {name for (place, _), name in marker_places(markers).items() if place in BONY or place in ("c7", "sternum", "sacrum")}
    return "".join(
        f'<IKMarkerTask name="{escaped(name)}"><apply>true</apply><weight>{BONY_WEIGHT if name in bony else SOFT_WEIGHT:g}</weight>'
        "</IKMarkerTask>\n"
        for name in markers
    )


def escaped(text: str) -> str:
    """Write text so that it can stand in XML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
