"""The OpenSim setup files that a laboratory keeps beside its recordings: scaling, inverse kinematics, external loads."""

from collections.abc import Iterable
from pathlib import Path

from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.virtual_subject.anatomy.facts import Anatomy
from osim_nmscal.virtual_subject.limb import Measurement

# Markers over bone count more than shells on soft tissue. Source: choice.
BONY_WEIGHT, SHELL_WEIGHT = 4.0, 1.0
HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="40600">\n'
TAIL = "</OpenSimDocument>\n"


def is_shell(marker: str) -> bool:
    """Tell whether a marker sits on a shell over soft tissue: our shells end with a digit (RTH1), but for the toes' RMT1, RMT5."""
    return marker[-1].isdigit() and not marker.startswith("RMT")


def write_scale_setup(
    path: Path, anatomy: Anatomy, measurements: tuple[Measurement, ...], *, mass: float, generic: str, static: str, end: float
) -> Path:
    """Write the setup of OpenSim's scale tool.

    Args:
        path: XML to write.
        anatomy: names segments and markers.
        measurements: marker pairs per segment.
        mass: kg, of the subject.
        generic: file name of the model, relative to the setup.
        static: file name of the static trial, relative to the setup.
        end: s, of the static trial.
    """
    pairs = "".join(_measurement(measurement) for measurement in measurements)
    text = f"""{HEAD}<ScaleTool name="subject">
<mass>{mass:.6f}</mass><height>-1</height><age>-1</age><notes>Scaling of {anatomy.model_name} by marker pairs.</notes>
<GenericModelMaker><model_file>{generic}</model_file></GenericModelMaker>
<ModelScaler>
<apply>true</apply><scaling_order>measurements</scaling_order>
<MeasurementSet name="subject"><objects>
{pairs}</objects><groups/></MeasurementSet>
<marker_file>{static}</marker_file><time_range>0 {end:.4f}</time_range><preserve_mass_distribution>true</preserve_mass_distribution>
</ModelScaler>
<MarkerPlacer>
<apply>true</apply>
<IKTaskSet><objects>
{_marker_tasks(anatomy)}</objects><groups/></IKTaskSet>
<marker_file>{static}</marker_file><time_range>0 {end:.4f}</time_range><max_marker_movement>-1</max_marker_movement>
</MarkerPlacer>
</ScaleTool>
{TAIL}"""
    return write_text_atomically(path, text)


def write_ik_setup(path: Path, anatomy: Anatomy) -> Path:
    """Write the task set of inverse kinematics."""
    text = f"""{HEAD}<InverseKinematicsTool name="ik">
<constraint_weight>Inf</constraint_weight><accuracy>1e-05</accuracy>
<IKTaskSet><objects>
{_marker_tasks(anatomy)}</objects><groups/></IKTaskSet>
</InverseKinematicsTool>
{TAIL}"""
    return write_text_atomically(path, text)


def write_external_loads(path: Path, data: str, bodies: Iterable[tuple[str, str]]) -> Path:
    """Write an ExternalLoads file.

    Args:
        path: XML to write.
        data: file name of the forces, relative to the XML.
        bodies: (body, side) pairs; columns are ground_force_SIDE_v.., ground_force_SIDE_p.., ground_torque_SIDE_..
    """
    forces = "".join(
        f"""<ExternalForce name="force_{side}">
<applied_to_body>{body}</applied_to_body>
<force_expressed_in_body>ground</force_expressed_in_body><point_expressed_in_body>ground</point_expressed_in_body>
<force_identifier>ground_force_{side}_v</force_identifier><point_identifier>ground_force_{side}_p</point_identifier>
<torque_identifier>ground_torque_{side}_</torque_identifier>
</ExternalForce>
"""
        for body, side in bodies
    )
    text = (
        f'{HEAD}<ExternalLoads name="loads">\n<objects>\n{forces}</objects><groups/>\n<datafile>{data}</datafile>\n</ExternalLoads>\n{TAIL}'
    )
    return write_text_atomically(path, text)


def _measurement(measurement: Measurement) -> str:
    pairs = "".join(f"<MarkerPair><markers> {first} {second}</markers></MarkerPair>" for first, second in measurement.pairs)
    return f"""<Measurement name="{measurement.segment}_{measurement.axes}"><apply>true</apply>
<MarkerPairSet><objects>{pairs}</objects><groups/></MarkerPairSet>
<BodyScaleSet><objects><BodyScale name="{measurement.segment}"><axes> {" ".join(measurement.axes)}</axes></BodyScale></objects>
<groups/></BodyScaleSet>
</Measurement>
"""


def _marker_tasks(anatomy: Anatomy) -> str:
    return "".join(
        f'<IKMarkerTask name="{marker.name}"><apply>true</apply><weight>{SHELL_WEIGHT if is_shell(marker.name) else BONY_WEIGHT:g}</weight>'
        "</IKMarkerTask>\n"
        for marker in anatomy.markers
    )
