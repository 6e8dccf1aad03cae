"""Which examples there are: where each file was published, at which commit, and what its bytes must be."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ExampleFile:
    """One published file."""

    path: str  # in the example's folder
    source: str  # in the repository
    sha256: str
    repository: str = ""  # on github.com, where it is not the example's
    commit: str = ""


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
    configured: bool = True  # a configuration is shipped; else `init` drafts one, which is what the example shows

    def url(self, file: ExampleFile) -> str:
        """Return where a file is fetched from."""
        repository, commit = file.repository or self.repository, file.commit or self.commit
        return f"https://raw.githubusercontent.com/{repository}/{commit}/{file.source}"


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

CAPTURES = Example(
    name="captures",
    title="three c3d files of a runner as a laboratory has them, and a generic model; `init` drafts the configuration",
    repository="basgoncalves/msk_modelling_python",
    commit="760ed0996796871ceb521ae03ca03277123abc53",
    licence="MIT; the model: Apache-2.0, doi:10.5281/zenodo.6457662",
    files=(
        *(
            ExampleFile(path=f"{name}.c3d", source=f"example_data/running/Athlete1/session1/{name}.c3d", sha256=sha256)
            for name, sha256 in (
                ("static_1", "d6bdc83321c1482291476a4bdf6d09eb6027314dc59e7d458eeb09fe6dff21ac"),
                ("walking_1", "74287e96fb64c1883317ad545078ad974d08a56f7c52ff8d91ac23313da06971"),
                ("sprint_1", "8a855e4f38c92acaff168204cc0062f0b30c26d86e28f66de24e087c8d1b0f7f"),
            )
        ),
        ExampleFile(
            path="gait2392.osim",
            source="model/gait2392.osim",
            sha256="b6bfb8bb76997fd6a30e91812511d533ead75f7ff3f8fc47168644585165ec10",
            repository=TREADMILL.repository,
            commit=TREADMILL.commit,
        ),
    ),
    configured=False,
)

EXAMPLES: dict[str, Example] = {one.name: one for one in (TREADMILL, CAPTURES)}
