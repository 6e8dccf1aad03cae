"""Moments of ligaments and capsule into a copy of an .osim, as forces that OpenSim computes from each coordinate.

The muscles of the personalized model are calibrated beside them where `[calibration.ligaments]` says so; the personalized .osim itself
differs from its source in the calibrated properties alone. This copy also has one ExpressionBasedCoordinateForce per coordinate.
"""

from pathlib import Path

from osim_nmscal.data.passive_joint_moment import PassiveJointMoment
from osim_nmscal.errors import UnknownNameError, WriteBackError, did_you_mean, listed
from osim_nmscal.opensim_objects import ModelSource, takes_model
from osim_nmscal.osim_model.document import Edit, apply_edits, element_spans, read_document
from osim_nmscal.osim_model.reader import read_coordinates

# What a force is called.
NAME = "ligaments_{coordinate}"
_FORCE = """
<ExpressionBasedCoordinateForce name="{name}">
<coordinate>{coordinate}</coordinate>
<expression>{expression}</expression>
</ExpressionBasedCoordinateForce>
"""


@takes_model
def write_with_ligaments(source: ModelSource, out: Path | str, ligaments: PassiveJointMoment) -> Path:
    """Write a copy of a model with the moments of ligaments.

    Args:
        source: the .osim or `opensim.Model`, e.g. the personalized one.
        out: where to write, another file.
        ligaments: moments about some of the model's coordinates, as `CalibrationResult.ligaments`; those without any are left out.

    Returns:
        `out`.

    Raises:
        FileFormatError: `source` is no .osim.
        UnknownNameError: the model has no such coordinate.
        WriteBackError: `out` is `source`, the model has no forces to stand beside, or has these already.

    Example:
        >>> from osim_nmscal.data.passive_joint_moment import ligaments_of
        >>> published = ligaments_of(("hip_flexion_r", "knee_flexion_r"))
        >>> write_with_ligaments(Path("models/virtual_leg.osim"), Path("leg_with_ligaments.osim"), published).name
        'leg_with_ligaments.osim'
    """
    source, out = Path(source), Path(out)
    if out.resolve() == source.resolve():
        raise WriteBackError(f"The model with ligaments would overwrite its source {source}; write it to another file.")
    document = read_document(source)
    coordinates = [one.name for one in read_coordinates(source)]
    for dof in ligaments.dofs:
        if dof not in coordinates:
            raise UnknownNameError(f"{source.name} has no coordinate {dof!r} for ligaments.{did_you_mean(dof, coordinates)}")
    forces = document.model.find("ForceSet/objects")
    if forces is None or len(forces) == 0:
        raise WriteBackError(f"{source.name} has no forces, beside which those of ligaments could stand; give a model with muscles.")
    moved = [dof for i, dof in enumerate(ligaments.dofs) if ligaments.low_moment[i] > 0.0 or ligaments.high_moment[i] > 0.0]
    there = sorted({str(force.get("name")) for force in forces} & {NAME.format(coordinate=dof) for dof in moved})
    if there:
        raise WriteBackError(f"{source.name} has {listed(there)} already; give the model without them.")
    texts = [_FORCE.format(name=NAME.format(coordinate=dof), coordinate=dof, expression=ligaments.expression(dof)) for dof in moved]
    place = element_spans(document)[forces].inner_end
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(apply_edits(document.data, [Edit(start=place, end=place, text="".join(texts).encode())]))
    except OSError as error:
        raise WriteBackError(f"The model with ligaments {out} cannot be written: {error.strerror}.") from error
    return out
