"""Written models: OpenSim reads the calibrated values, and nothing else in the file is touched."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import OLD_PATH, PATH, model_text, muscle_text, old_model_text

from osim_nmscal.data.muscles import DeGrooteFregly2016Properties, Millard2012Properties, Muscle, MuscleTable
from osim_nmscal.errors import FileFormatError, MuscleModelError, OpenSimToolError, UnknownNameError, WriteBackError
from osim_nmscal.osim_model import writer
from osim_nmscal.osim_model.conversion import convert_muscles
from osim_nmscal.osim_model.properties import COMMON_DEFAULTS, class_values, property_paths
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.osim_model.writer import write_personalized

THELEN = "Thelen2003Muscle"
MILLARD = "Millard2012EquilibriumMuscle"
DEGROOTE = "DeGrooteFregly2016Muscle"
CALIBRATED = ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length")


def personalized(muscles: MuscleTable, seed: int = 1) -> MuscleTable:
    """Return the muscles with the three values scaled by random factors: numbers of full length."""
    factors = np.random.default_rng(seed).uniform(0.8, 1.2, (len(muscles), 3))
    scaled = [
        dataclasses.replace(muscle, **{name: float(getattr(muscle, name) * factor) for name, factor in zip(CALIBRATED, row, strict=True)})
        for muscle, row in zip(muscles.muscles, factors, strict=True)
    ]
    return MuscleTable(muscles=tuple(scaled))


def right_leg(path: Path) -> MuscleTable:
    """Return the right side's muscles of a model."""
    muscles = read_muscles(path)
    return muscles.select([name for name in muscles.names if name.endswith("_r")])


@pytest.fixture
def published(request: pytest.FixtureRequest) -> Path:
    """Return one published model by its station name."""
    folder, name = {
        "gait2354": ("gait2354_data", "gait2354_simbody.osim"),
        "rajagopal": ("running_data", "generic_unscaled.osim"),
        "gait2392": ("treadmill_data", "model/gait2392.osim"),
    }[request.param]
    return request.getfixturevalue(folder) / name


MODELS = pytest.mark.parametrize("published", ["gait2354", "rajagopal", "gait2392"], indirect=True)


@MODELS
def test_only_the_lines_of_the_three_values_change(published: Path, tmp_path: Path) -> None:
    muscles = personalized(right_leg(published))
    out = write_personalized(published, tmp_path / "personalized.osim", muscles)
    before, after = published.read_bytes().split(b"\n"), out.read_bytes().split(b"\n")
    assert len(before) == len(after)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 3 * len(muscles)
    value = re.compile(rb"(<(" + b"|".join(name.encode() for name in CALIBRATED) + rb")>)[^<]*")
    for old, new in changed:
        assert value.sub(rb"\1", old) == value.sub(rb"\1", new)


@MODELS
def test_the_values_are_read_back_bit_by_bit(published: Path, tmp_path: Path) -> None:
    muscles = personalized(right_leg(published))
    out = write_personalized(published, tmp_path / "personalized.osim", muscles)
    assert read_muscles(out).select(muscles.names) == muscles
    others = [name for name in read_muscles(published).names if name not in muscles.names]
    assert read_muscles(out).select(others) == read_muscles(published).select(others)


@pytest.mark.opensim
@MODELS
def test_opensim_loads_what_was_written_with_the_same_values(
    published: Path, tmp_path: Path, opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    muscles = personalized(right_leg(published))
    wanted = [muscles, convert_muscles(muscles, MILLARD), convert_muscles(muscles, DEGROOTE)]
    paths = [
        write_personalized(published, tmp_path / f"{muscle_class}.osim", muscles, muscle_class=muscle_class)
        for muscle_class in ("keep", MILLARD, DEGROOTE)
    ]
    source, *written = opensim_says(published, *paths)
    for table, report in zip(wanted, written, strict=True):
        assert "error" not in report, report
        assert {key: report[key] for key in ("coordinates", "bodies", "markers")} == {
            key: source[key] for key in ("coordinates", "bodies", "markers")
        }
        for muscle in table.muscles:
            values = {name: getattr(muscle, name) for name in COMMON_DEFAULTS} | dict(class_values(muscle.properties))
            if values.get("fiber_damping", 0.0) >= 0.001 and muscle.muscle_class == MILLARD:
                values["ActiveForceLengthCurve/minimum_value"] = 0.0  # what OpenSim makes of it on loading
            found = report["muscles"][muscle.name]
            assert found["class"] == muscle.muscle_class
            assert {name: found[name] for name in values} == values
            # what accompanies a muscle goes along when its class changes
            for name in ("appliesForce", "min_control", "max_control", "activation_time_constant", "deactivation_time_constant"):
                assert found[name] == source["muscles"][muscle.name][name]
        untouched = set(source["muscles"]) - set(table.names)
        assert all(report["muscles"][name] == source["muscles"][name] for name in untouched)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_comments_blanks_line_ends_and_byte_order_mark_stay(save: Callable[..., Path], tmp_path: Path, line_end: str, mark: bytes) -> None:
    inside = (
        "\n\t\t<!-- strong > weak -->\n\t\t<max_isometric_force> 100  <!-- N --> </max_isometric_force>"
        "\n  <tendon_slack_length><!-- 0.3? -->0.25</tendon_slack_length>  <!-- last -->\n\t"
    )
    text = model_text(muscle_text(THELEN, "x", inside, path="\n\t\t" + PATH)).replace("\n", line_end)
    source = save(mark + text.encode())
    muscle = dataclasses.replace(
        read_muscles(source).muscles[0], max_isometric_force=123.0, tendon_slack_length=0.26, optimal_fiber_length=0.11
    )
    out = write_personalized(source, tmp_path / "out.osim", MuscleTable(muscles=(muscle,)))
    expected = text.replace(" 100  <!-- N -->", " 123.0  <!-- N -->").replace(
        "-->0.25</tendon_slack_length>",
        f"-->0.26</tendon_slack_length>{line_end}\t\t<optimal_fiber_length>0.11</optimal_fiber_length>",
    )
    assert out.read_bytes() == mark + expected.encode()


def test_bytes_that_are_no_utf8_stay(save: Callable[..., Path], tmp_path: Path) -> None:
    data = model_text(muscle_text(THELEN, "x")).replace("<defaults>", "<credits>M\xfcller \x93</credits><defaults>").encode("latin-1")
    source = save(data)
    out = write_personalized(source, tmp_path / "out.osim", personalized(read_muscles(source)))
    assert b"<credits>M\xfcller \x93</credits>" in out.read_bytes()


def test_a_value_that_did_not_change_keeps_its_spelling(save: Callable[..., Path], tmp_path: Path) -> None:
    inside = "<max_isometric_force>546</max_isometric_force><optimal_fiber_length>0.10000000000000001</optimal_fiber_length>"
    source = save(model_text(muscle_text(THELEN, "x", inside + "<tendon_slack_length>2e-1</tendon_slack_length>")))
    out = write_personalized(source, tmp_path / "out.osim", read_muscles(source))
    assert out.read_bytes() == source.read_bytes()


DEFAULTS = f"<{THELEN}><max_isometric_force>77</max_isometric_force><tendon_slack_length>0.3</tendon_slack_length></{THELEN}>"


STATED_ELSEWHERE = {
    "inherited": model_text(muscle_text(THELEN, "x"), defaults=DEFAULTS),
    "empty": model_text(muscle_text(THELEN, "x", "<max_isometric_force/><tendon_slack_length>\n</tendon_slack_length>"), defaults=DEFAULTS),
    "below components": model_text(components=muscle_text(THELEN, "x", "<max_isometric_force>5</max_isometric_force>")),
    "version 2.3": old_model_text(muscle_text(THELEN, "x", "<pennation_angle>0.2</pennation_angle>", OLD_PATH), defaults=DEFAULTS),
}


@pytest.mark.opensim
@pytest.mark.parametrize("muscle_class", ["keep", MILLARD, DEGROOTE])
def test_what_the_muscle_inherits_is_inserted_and_defaults_stay(
    save: Callable[..., Path], tmp_path: Path, opensim_says: Callable[..., list[dict[str, Any]]], muscle_class: writer.MuscleClass
) -> None:
    sources = [save(text, f"{name}.osim") for name, text in STATED_ELSEWHERE.items()]
    tables = [personalized(read_muscles(source)) for source in sources]
    written = [
        write_personalized(source, tmp_path / f"out {source.name}", table, muscle_class=muscle_class)
        for source, table in zip(sources, tables, strict=True)
    ]
    for out, source, table, report in zip(written, sources, tables, opensim_says(*written), strict=True):
        assert "error" not in report, (source.name, report)
        (muscle,) = table.muscles
        for name in (*CALIBRATED, "pennation_angle_at_optimal"):
            assert report["muscles"]["x"][name] == getattr(muscle, name), (source.name, name)
        assert source.read_bytes().count(DEFAULTS.encode()) == out.read_bytes().count(DEFAULTS.encode())


def test_a_muscle_that_is_an_empty_tag_gets_its_values(save: Callable[..., Path], tmp_path: Path) -> None:
    source = save(model_text(f'<{THELEN} name="x"/>'))
    muscles = personalized(read_muscles(source))
    assert read_muscles(write_personalized(source, tmp_path / "out.osim", muscles)) == muscles


@pytest.mark.opensim
def test_a_converted_muscle_inherits_nothing_from_the_files_defaults(
    save: Callable[..., Path], tmp_path: Path, opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    defaults = (
        f"<{MILLARD}><fiber_damping>0.9</fiber_damping><min_control>0.5</min_control><activation_time_constant>1</activation_time_constant>"
        "<TendonForceLengthCurve><stiffness_at_one_norm_force>40</stiffness_at_one_norm_force>"
        "<norm_force_at_toe_end>0.5</norm_force_at_toe_end><curviness>0.4</curviness></TendonForceLengthCurve>"
        f"</{MILLARD}>"
    )
    inside = "<max_control>0.9</max_control><appliesForce>false</appliesForce><minimum_activation>0.02</minimum_activation>"
    source = save(model_text(muscle_text(THELEN, "x", inside + "<min_control>0.03</min_control>"), defaults=defaults))
    out = write_personalized(source, tmp_path / "out.osim", personalized(read_muscles(source)), muscle_class=MILLARD)
    (report,) = opensim_says(out)
    found = report["muscles"]["x"]
    assert (found["fiber_damping"], found["activation_time_constant"]) == (0.1, 0.015)
    assert (found["min_control"], found["max_control"], found["appliesForce"]) == (0.03, 0.9, False)
    assert found["TendonForceLengthCurve/stiffness_at_one_norm_force"] is None


@pytest.mark.opensim
def test_a_control_limit_below_the_least_activation_is_raised_to_it(
    save: Callable[..., Path], tmp_path: Path, opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    source = save(model_text(muscle_text(DEGROOTE, "x", "<min_control>0</min_control><fiber_damping>0.01</fiber_damping>")))
    out = write_personalized(source, tmp_path / "out.osim", personalized(read_muscles(source)), muscle_class=MILLARD)
    (report,) = opensim_says(out)
    assert report["muscles"]["x"]["min_control"] == report["muscles"]["x"]["minimum_activation"] == 0.01


def test_conversion_writes_the_curves_of_the_table(save: Callable[..., Path], tmp_path: Path) -> None:
    source = save(model_text(muscle_text(THELEN, "x")))
    properties = Millard2012Properties(min_norm_active_fiber_length=0.3, passive_curviness=0.6, fiber_damping=0.05)
    muscle = dataclasses.replace(read_muscles(source).muscles[0], properties=properties)
    out = write_personalized(source, tmp_path / "out.osim", MuscleTable(muscles=(muscle,)), muscle_class=MILLARD)
    assert read_muscles(out).muscles == (muscle,)


def test_path_wrapping_and_appearance_stay_byte_for_byte_when_the_class_changes(running_data: Path, tmp_path: Path) -> None:
    source = running_data / "generic_unscaled.osim"
    out = write_personalized(source, tmp_path / "out.osim", personalized(read_muscles(source)), muscle_class=DEGROOTE)
    paths = re.compile(rb"<GeometryPath.*?</GeometryPath>", re.DOTALL)
    found, wanted = paths.findall(out.read_bytes()), paths.findall(source.read_bytes())
    assert len(found) > 80
    assert found == wanted


@pytest.mark.opensim
def test_a_substituted_muscle_is_written_as_the_class_it_was_calibrated_as(
    save: Callable[..., Path], tmp_path: Path, opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    inside = "<max_isometric_force>5</max_isometric_force><time_scale>1</time_scale><damping>0.05</damping>"
    source = save(model_text(muscle_text("Schutte1993Muscle_Deprecated", "x", inside) + muscle_text("RigidTendonMuscle", "y")))
    muscles = personalized(read_muscles(source, substitute_muscle_class=MILLARD))
    out = write_personalized(source, tmp_path / "out.osim", muscles)
    (report,) = opensim_says(out)
    assert "error" not in report, report
    assert {name: item["class"] for name, item in report["muscles"].items()} == {"x": MILLARD, "y": MILLARD}
    assert report["muscles"]["y"]["ignore_tendon_compliance"]
    assert read_muscles(out) == muscles


@pytest.fixture
def small(save: Callable[..., Path]) -> Path:
    """Return a model of two muscles."""
    return save(model_text(muscle_text(THELEN, "soleus_r") + muscle_text(DEGROOTE, "tibant_r")), "small.osim")


def test_the_source_is_never_overwritten(small: Path, tmp_path: Path) -> None:
    muscles = read_muscles(small)
    (tmp_path / "alias.osim").hardlink_to(small)
    for out in (small, small.parent / "." / small.name, tmp_path / "alias.osim"):
        with pytest.raises(WriteBackError, match="overwrite its source"):
            write_personalized(small, out, muscles)


def test_an_unknown_muscle_is_answered_with_the_nearest(small: Path, tmp_path: Path) -> None:
    muscles = read_muscles(small)
    renamed = MuscleTable(muscles=(dataclasses.replace(muscles.muscles[0], name="soleus_R"),))
    with pytest.raises(UnknownNameError, match="Did you mean 'soleus_r'"):
        write_personalized(small, tmp_path / "out.osim", renamed)


@pytest.mark.parametrize("value", [0.0, -0.1, float("nan"), float("inf")])
def test_an_impossible_value_is_refused_by_name(small: Path, tmp_path: Path, value: float) -> None:
    muscle = dataclasses.replace(read_muscles(small).muscles[0], tendon_slack_length=value)
    with pytest.raises(WriteBackError, match="'soleus_r' has tendon_slack_length = "):
        write_personalized(small, tmp_path / "out.osim", MuscleTable(muscles=(muscle,)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.osim"]


def test_no_muscles_or_one_twice_is_a_clear_error(small: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteBackError, match="are none"):
        write_personalized(small, tmp_path / "out.osim", MuscleTable(muscles=()))
    with pytest.raises(WriteBackError, match="soleus_r twice"):
        write_personalized(small, tmp_path / "out.osim", MuscleTable(muscles=read_muscles(small).muscles[:1] * 2))


def test_a_muscle_that_cannot_be_converted_leaves_nothing_behind(save: Callable[..., Path], tmp_path: Path) -> None:
    source = save(model_text(muscle_text(DEGROOTE, "x", "<active_force_width_scale>1.2</active_force_width_scale>")))
    assert read_muscles(source).muscles[0].properties == DeGrooteFregly2016Properties(active_force_width_scale=1.2)
    with pytest.raises(MuscleModelError, match="active_force_width_scale"):
        write_personalized(source, tmp_path / "out.osim", read_muscles(source), muscle_class=MILLARD)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.osim"]


def test_a_failed_check_leaves_nothing_behind_and_an_earlier_result_alone(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.osim"
    out.write_text("earlier", encoding="utf-8")

    def refuse(path: Path) -> None:
        assert read_muscles(path).names == ("soleus_r", "tibant_r")  # complete, but not yet under its name
        raise OpenSimToolError("OpenSim cannot load it.")

    with pytest.raises(OpenSimToolError):
        write_personalized(small, out, personalized(read_muscles(small)), check=refuse)
    assert out.read_text(encoding="utf-8") == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.osim", "small.osim"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'<PathPoint name="p1">', b'<PathPoint name="p3">'),
        (b"<mass>1.5</mass>", b"<mass>1.6</mass>"),
        (b"<defaults>", b"<!-- by chance --><defaults>"),
        (b"</GeometryPath>", b"</GeometryPath><Af>0.3</Af>"),
    ],
)
def test_a_copy_that_differs_elsewhere_is_refused(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes
) -> None:
    right = writer.apply_edits
    monkeypatch.setattr(writer, "apply_edits", lambda data, edits: right(data, edits).replace(old, new, 1))
    with pytest.raises(WriteBackError, match="would differ in more than its"):
        write_personalized(small, tmp_path / "out.osim", personalized(read_muscles(small)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.osim"]


def test_a_copy_with_other_values_is_refused(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "apply_edits", lambda data, edits: data)
    with pytest.raises(WriteBackError, match="'soleus_r' would be read back as"):
        write_personalized(small, tmp_path / "out.osim", personalized(read_muscles(small)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.osim"]


def test_folders_are_made_and_a_folder_is_no_target(small: Path, tmp_path: Path) -> None:
    assert write_personalized(small, tmp_path / "a" / "b" / "out.osim", read_muscles(small)).is_file()
    with pytest.raises(WriteBackError, match="is a folder"):
        write_personalized(small, tmp_path / "a", read_muscles(small))


def test_a_place_that_cannot_be_written_is_a_clear_error(small: Path) -> None:
    with pytest.raises(WriteBackError, match="cannot be written"):
        write_personalized(small, small / "out.osim", read_muscles(small))


def test_a_source_that_is_no_model_is_a_clear_error(small: Path, tmp_path: Path) -> None:
    (tmp_path / "text.osim").write_text("no model", encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"text\.osim"):
        write_personalized(tmp_path / "text.osim", tmp_path / "out.osim", read_muscles(small))


@pytest.mark.opensim
@MODELS
@pytest.mark.parametrize("change", ["pennation", "velocity", "tendon strain"])
def test_whatever_else_a_calibration_moved_is_written_and_opensim_reads_it(
    published: Path, tmp_path: Path, change: str, opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    table = right_leg(published)
    moved: Callable[[Muscle], Muscle] = {
        "pennation": lambda m: dataclasses.replace(m, pennation_angle_at_optimal=m.pennation_angle_at_optimal + 0.01),
        "velocity": lambda m: dataclasses.replace(m, max_contraction_velocity=1.25 * m.max_contraction_velocity),
        "tendon strain": lambda m: m.with_tendon_strain(0.0625),
    }[change]
    muscles = MuscleTable(muscles=tuple(moved(muscle) for muscle in table.muscles))
    written = write_personalized(published, tmp_path / "out.osim", muscles)
    assert right_leg(written) == muscles
    (report,) = opensim_says(written)
    place = {
        "pennation": "pennation_angle_at_optimal",
        "velocity": "max_contraction_velocity",
        "tendon strain": property_paths(type(table.muscles[0].properties))["tendon_strain_at_one_norm_force"],
    }[change]
    for muscle in muscles.muscles:
        values = {name: getattr(muscle, name) for name in COMMON_DEFAULTS} | dict(class_values(muscle.properties))
        assert report["muscles"][muscle.name][place] == values[place]


def test_a_value_inside_a_curve_that_the_file_states_is_changed_in_place(tmp_path: Path) -> None:
    source = Path(__file__).parent.parent.parent / "models" / "virtual_leg.osim"
    (muscle,) = read_muscles(source).select(["soleus_r"]).muscles
    stretched = dataclasses.replace(
        muscle,
        properties=dataclasses.replace(muscle.properties, max_eccentric_velocity_force_multiplier=1.43, min_norm_active_fiber_length=0.41),
    )
    written = write_personalized(source, tmp_path / "out.osim", MuscleTable(muscles=(stretched,)))
    assert read_muscles(tmp_path / "out.osim").select(["soleus_r"]).muscles == (stretched,)
    before, after = (path.read_text(encoding="utf-8").splitlines() for path in (source, tmp_path / "out.osim"))
    assert len([line for line in after if line not in before]) <= 6
    assert written is not None
