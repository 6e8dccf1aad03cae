"""The ExternalLoads document of OpenSim for force plates: which plate pushes on which body, and the file of the forces."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lxml import etree

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.formats.text_files import write_atomically
from osim_nmscal.opensim_tools.setup_file import SetupFile, file_of, put, read_setup, text_of, write_setup

FORCES_FILE = "forces.mot"
LOADS_FILE = "external_loads.xml"
_KINEMATICS = "external_loads_model_kinematics_file"
# Columns of a plate: <plate>_v? force, <plate>_p? point of application, <plate>_m? free torque, ? = x, y, z.
_IDENTIFIERS = (("force_identifier", "_v"), ("point_identifier", "_p"), ("torque_identifier", "_m"))


def write_plate_loads(forces: TimeSeries, bodies: Mapping[str, str], folder: Path) -> Path:
    """Write `forces.mot` and the `external_loads.xml` that names it.

    Args:
        forces: (time, column), N, m and N·m in OpenSim's axes; columns `<plate>_vx` ... `<plate>_mz`.
        bodies: plate -> body of the model that it pushes on.
        folder: gets both files.

    Returns:
        Path of the XML.
    """
    write_storage(folder / FORCES_FILE, forces, header_name="forces")
    document = etree.Element("OpenSimDocument", Version="40000")
    loads = etree.SubElement(document, "ExternalLoads", name="external_loads")
    objects = etree.SubElement(loads, "objects")
    for plate, body in bodies.items():
        force = etree.SubElement(objects, "ExternalForce", name=plate)
        _put(force, "applied_to_body", body)
        _put(force, "force_expressed_in_body", "ground")
        _put(force, "point_expressed_in_body", "ground")
        for name, suffix in _IDENTIFIERS:
            _put(force, name, f"{plate}{suffix}")
    etree.SubElement(loads, "groups")
    _put(loads, "datafile", FORCES_FILE)
    data = etree.tostring(document, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return write_atomically(folder / LOADS_FILE, lambda temporary: temporary.write_bytes(data))


def write_shifted_loads(loads: Path, offset: float, folder: Path) -> Path:
    """Write `forces.mot` on another clock, and a copy of the `external_loads.xml` that names it.

    Args:
        loads: the ExternalLoads XML as given.
        offset: s, added to the time of its force file.
        folder: gets both files.

    Returns:
        Path of the XML.

    Raises:
        FileFormatError: it names no force file.
    """
    setup = read_setup(loads, "ExternalLoads")
    file = file_of(setup, "datafile")
    if file is None:
        raise FileFormatError(f"{loads} names no force file in <datafile>; add it.")
    data = read_storage(file)
    write_storage(folder / FORCES_FILE, replace(data, time=data.time + offset), header_name="forces")
    put(setup.node, "datafile", FORCES_FILE)
    place_kinematics(setup)
    write_atomically(folder / LOADS_FILE, lambda temporary: write_setup(setup, temporary))
    return folder / LOADS_FILE


def carrying_motion(setup: SetupFile) -> Path | None:
    """Return the motion that carries points of application given on a body; None where every point is in the laboratory.

    Published loads often name a motion that was not published; it moves points that are given on a body, and no others.

    Raises:
        FileFormatError: a point is given on a body, and the motion does not exist.
    """
    points = [text_of(force, "point_expressed_in_body", "ground").lower() for force in setup.node.iter("ExternalForce")]
    carried = any(point not in ("ground", "/ground") for point in points)
    return file_of(setup, _KINEMATICS) if carried else None


def place_kinematics(setup: SetupFile) -> None:
    """Name the motion that carries points by its whole path, or not at all where none is needed; raises as `carrying_motion`."""
    motion = carrying_motion(setup)
    put(setup.node, _KINEMATICS, "Unassigned" if motion is None else str(motion))


def _put(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text
