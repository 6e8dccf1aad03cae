"""Resolved properties against OpenSim itself, on whole models and on small ones made to differ."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_models import OLD_PATH, model_text, muscle_text, old_model_text

from osim_nmscal.data.muscles import MUSCLE_CLASSES, Muscle
from osim_nmscal.osim_model.properties import ACCOMPANYING_DEFAULTS, COMMON_DEFAULTS, class_values, resolved_values
from osim_nmscal.osim_model.reader import muscle_elements, read_document, read_muscles

MILLARD, DEGROOTE, THELEN = MUSCLE_CLASSES.values()

DEFAULT_MUSCLE = (
    f'<{MILLARD} name="default"><max_isometric_force>77</max_isometric_force><fiber_damping>0.2</fiber_damping>'
    "<FiberForceLengthCurve><strain_at_one_norm_force>0.5</strain_at_one_norm_force></FiberForceLengthCurve>"
    "<TendonForceLengthCurve><curviness>0.6</curviness><norm_force_at_toe_end>0.7</norm_force_at_toe_end>"
    "<stiffness_at_one_norm_force>30</stiffness_at_one_norm_force></TendonForceLengthCurve>"
    f"</{MILLARD}>"
)
DEFAULT_CURVE = '<FiberForceLengthCurve name="default"><strain_at_zero_force>-0.1</strain_at_zero_force></FiberForceLengthCurve>'
DEFAULTS_OF_OTHERS = f"<{DEGROOTE}><fiber_damping>0.3</fiber_damping></{DEGROOTE}><{THELEN}><Af>0.4</Af></{THELEN}>"
BARE = "".join(muscle_text(muscle_class, f"bare_{muscle_class}") for muscle_class in MUSCLE_CLASSES.values())
CURVED = muscle_text(
    MILLARD, "curved", "<FiberForceLengthCurve/><ActiveForceLengthCurve><minimum_value>.2</minimum_value></ActiveForceLengthCurve>"
)

SMALL_MODELS = {
    "nothing stated": model_text(BARE),
    "the default muscle before the default curve": model_text(BARE + CURVED, defaults=DEFAULT_MUSCLE + DEFAULT_CURVE),
    "the default curve before the default muscle": model_text(BARE + CURVED, defaults=DEFAULT_CURVE + DEFAULT_MUSCLE),
    "two defaults of one class": model_text(
        BARE + CURVED, defaults=DEFAULT_MUSCLE + DEFAULT_CURVE + DEFAULT_MUSCLE.replace("77", "88") + DEFAULT_CURVE
    ),
    "defaults of every class": model_text(BARE, defaults=DEFAULTS_OF_OTHERS),
    "defaults elsewhere": model_text(BARE, more=f"<MarkerSet><defaults>{DEFAULT_MUSCLE}</defaults><objects/></MarkerSet>"),
    "muscles below components": model_text(components=BARE),
    "an optional property emptied": model_text(
        muscle_text(MILLARD, "x", "<TendonForceLengthCurve><curviness/></TendonForceLengthCurve>"), defaults=DEFAULT_MUSCLE
    ),
    "an empty property": model_text(muscle_text(THELEN, "x", "<max_isometric_force> </max_isometric_force>")),
    "a tag twice": model_text(muscle_text(THELEN, "x", "<Flen>1.5</Flen><Flen>1.6</Flen>")),
    "a comment inside": model_text(muscle_text(THELEN, "x", "<Flen><!-- 1.7 -->1.5</Flen><Af><![CDATA[0.4]]></Af>")),
    "spellings of numbers and flags": model_text(
        muscle_text(THELEN, "x", "<Flen>+.15e1</Flen><Af> 2.9999999999999999E-1\n</Af>")
        + muscle_text(MILLARD, "y", "<ignore_tendon_compliance>TRUE</ignore_tendon_compliance>")
        + muscle_text(MILLARD, "z", "<ignore_tendon_compliance>1</ignore_tendon_compliance>")
    ),
    "version 2.3": old_model_text(
        muscle_text(THELEN, "x", "<pennation_angle>0.2</pennation_angle><isDisabled>true</isDisabled>", OLD_PATH)
        + muscle_text(
            THELEN, "y", "<pennation_angle_at_optimal>0.1</pennation_angle_at_optimal><pennation_angle>0.2</pennation_angle>", OLD_PATH
        )
        + muscle_text(THELEN, "z", "", OLD_PATH),
        defaults=f"<{THELEN}><pennation_angle>0.3</pennation_angle></{THELEN}>",
    ),
    # OpenSim renames pennation_angle in files of version 20301 and older: one on either side of the boundary, and on it.
    **{
        f"version {version}": old_model_text(muscle_text(THELEN, "x", "<pennation_angle>0.2</pennation_angle>", OLD_PATH), version=version)
        for version in (20300, 20301, 20302)
    },
    "version 3.0": old_model_text(muscle_text(THELEN, "x", "<pennation_angle>0.2</pennation_angle>", OLD_PATH), version=30000),
}


def assert_equal_to_opensim(muscle: Muscle, reported: dict[str, Any]) -> None:
    """Compare bit by bit: both sides read the same decimal text, and reading is correctly rounded."""
    values = {name: getattr(muscle, name) for name in COMMON_DEFAULTS} | dict(class_values(muscle.properties))
    if muscle.muscle_class == MILLARD and values["fiber_damping"] >= 0.001:
        values["ActiveForceLengthCurve/minimum_value"] = 0.0  # what OpenSim makes of it on loading
    assert muscle.muscle_class == reported["class"]
    assert values == {name: reported[name] for name in values}


@pytest.mark.opensim
def test_small_models_are_resolved_as_opensim_resolves_them(
    save: Callable[..., Path], opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    paths = [save(text, f"{index}.osim") for index, text in enumerate(SMALL_MODELS.values())]
    for name, path, report in zip(SMALL_MODELS, paths, opensim_says(*paths), strict=True):
        muscles = read_muscles(path)
        assert "error" not in report, (name, report)
        assert set(muscles.names) == set(report["muscles"]), name
        for muscle in muscles.muscles:
            assert_equal_to_opensim(muscle, report["muscles"][muscle.name])


@pytest.mark.opensim
def test_what_accompanies_a_muscle_has_opensims_defaults(
    save: Callable[..., Path], opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    path = save(model_text(BARE))
    document = read_document(path)
    (report,) = opensim_says(path)
    for name, element in muscle_elements(document).items():
        resolved = resolved_values(document, element, str(element.tag))
        for accompanying in ACCOMPANYING_DEFAULTS[str(element.tag)]:
            assert resolved[accompanying] == report["muscles"][name][accompanying], (name, accompanying)


@pytest.mark.opensim
def test_every_muscle_of_published_models_is_read_as_opensim_reads_it(
    gait2354_data: Path, running_data: Path, treadmill_data: Path, opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    paths = [
        gait2354_data / "gait2354_simbody.osim",
        gait2354_data / "OutputReference" / "subject01_simbody.osim",
        running_data / "generic_unscaled.osim",
        treadmill_data / "model" / "gait2392.osim",
    ]
    counted = []
    for path, report in zip(paths, opensim_says(*paths), strict=True):
        muscles = read_muscles(path)
        assert set(muscles.names) == set(report["muscles"])
        for muscle in muscles.muscles:
            assert_equal_to_opensim(muscle, report["muscles"][muscle.name])
        counted.append(len(muscles))
    assert counted == [54, 54, 80, 92]
