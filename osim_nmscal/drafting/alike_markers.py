"""Markers that recording and model call differently but that sit at the same place, and a marker set that lets the model know them.

Laboratories name the markers of Plug-in Gait or Helen Hayes (RKNE, RANK, RHEE), models those of their authors (RLFC, RLMAL, RCAL). The
marker set gives the model a marker of the recording's name where its own one sits; scaling moves it to where it was worn.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from osim_nmscal.drafting.marker_names import marker_places
from osim_nmscal.drafting.setups import HEAD, TAIL, escaped
from osim_nmscal.osim_model.reader import read_marker_bodies, read_marker_locations


def alike_markers(recorded: Iterable[str], of_model: Sequence[str]) -> dict[str, str]:
    """Return recorded marker -> the model's marker at the same place, of those that the model does not know by name.

    Args:
        recorded: names of markers.
        of_model: names of the model's markers.
    """
    names = tuple(recorded)
    there = marker_places(name for name in of_model if name not in names)
    theirs = marker_places(name for name in names if name not in of_model)
    taken = set(marker_places(name for name in names if name in of_model))
    return {name: there[place] for place, name in theirs.items() if place in there and place not in taken}


def marker_set_text(alike: Mapping[str, str], model: Path) -> str:
    """Return an OpenSim MarkerSet with the recorded names at the places of the model's markers.

    Args:
        alike: recorded marker -> the model's.
        model: the .osim.
    """
    bodies, places = read_marker_bodies(model), read_marker_locations(model)
    markers = "".join(
        f'<Marker name="{escaped(name)}"><socket_parent_frame>/bodyset/{escaped(bodies[own])}</socket_parent_frame>'
        f"<location>{' '.join(format(value, '.6g') for value in places[own])}</location><fixed>false</fixed></Marker>\n"
        for name, own in alike.items()
        if own in bodies and own in places
    )
    head = f"{HEAD}<!-- Written by osim-nmscal init: markers of the recordings at the places of the model's; scaling moves them. -->\n"
    return f'{head}<MarkerSet name="recorded">\n<objects>\n{markers}</objects>\n<groups/>\n</MarkerSet>\n{TAIL}'
