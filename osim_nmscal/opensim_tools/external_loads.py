"""The ExternalLoads document of OpenSim for force plates: which plate pushes on which body, and the file of the forces."""

from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.formats.storage import write_storage
from osim_nmscal.formats.text_files import write_atomically

FORCES_FILE = "forces.mot"
LOADS_FILE = "external_loads.xml"
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


def _put(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text
