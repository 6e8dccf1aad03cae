"""Which examples there are: where each file was published, at which commit, and what its bytes must be."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ExampleFile:
    """One published file."""

    path: str  # in the example's folder
    source: str  # in the repository
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ForceFile:
    """An ExternalLoads document that we add to published forces: body -> identifiers of force, point and torque."""

    path: str
    datafile: str
    bodies: dict[str, tuple[str, str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Example:
    """One set of recordings with its configuration."""

    name: str
    title: str
    repository: str  # on github.com
    commit: str
    licence: str
    files: tuple[ExampleFile, ...]
    loads: tuple[ForceFile, ...] = ()

    def url(self, file: ExampleFile) -> str:
        """Return where a file is fetched from."""
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{file.source}"


_FEET = {
    "calcn_r": ("ground_force_v", "ground_force_p", "ground_torque_"),
    "calcn_l": ("l_ground_force_v", "l_ground_force_p", "l_ground_torque_"),
}

TREADMILL = Example(
    name="treadmill",
    title="one person on a treadmill at 3.6 and 4.5 km/h: joint angles, ground reaction, EMG envelopes of 9 muscles",
    repository="CEINMS-RT/LowerLimbModel",
    commit="4056e1c6de2276f174c1b1ef3f1de5ea017a0f07",
    licence="Apache-2.0; cite doi:10.5281/zenodo.6457662",
    files=tuple(
        ExampleFile(path=path, source=source, sha256=sha256)
        for path, source, sha256 in (
            ("model/gait2392.osim", "model/gait2392.osim", "b6bfb8bb76997fd6a30e91812511d533ead75f7ff3f8fc47168644585165ec10"),
            ("walk36/XLD.mot", "data/walk36/XLD.mot", "0b2acf1beae77c2d33e685aa042173bcdb56c883932d51ec4eea3806b6745aae"),
            ("walk36/emgFilt.sto", "data/walk36/emgFilt.sto", "ea4e6d254a32a4d1a0373d7e2555dc5c2327d524aa6a3c140e349408668e21ab"),
            ("walk36/ik.sto", "data/walk36/ik.sto", "9062c2ff23da5626fa1b4b9673803dd557262eb4363b1e0c0db63fc7ece0f15f"),
            ("walk45/XLD.mot", "data/walk45/XLD.mot", "a9a004d853b7926312b519f4fd7a7a9f3ef3966f49b9959826d5ade33e9561c2"),
            ("walk45/emgFilt.sto", "data/walk45/emgFilt.sto", "9ef51f9201ebd4d13bdb389f656b8cc838985cab1a6e022f4cd1fd1a562319fa"),
            ("walk45/ik.sto", "data/walk45/ik.sto", "8485640aa6739a5b44f0555571b678036f6ba63fd0851f7cb56429e761a9f4c4"),
        )
    ),
    loads=tuple(ForceFile(path=f"{walk}/external_loads.xml", datafile="XLD.mot", bodies=_FEET) for walk in ("walk36", "walk45")),
)

EXAMPLES: dict[str, Example] = {TREADMILL.name: TREADMILL}
