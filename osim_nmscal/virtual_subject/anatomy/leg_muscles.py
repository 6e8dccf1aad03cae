"""The muscles of the right leg as tables of facts.

Sources: attachment and via points and the patella track are those of Delp et al. (1990), IEEE TBME 37:757, as published in
the model gait2392 (CC BY 3.0), moved to our frames. Max isometric force: Handsfield et al. (2014), J Biomech 47:631. Optimal
fiber length and pennation: Ward et al. (2009), Clin Orthop 467:1074. Fiber length in the neutral pose: Arnold et al. (2010),
Ann Biomed Eng 38:269. The last three as compiled by Rajagopal et al. (2016), IEEE TBME 63:2068.
Departures: points that Delp switches on and off are always on or left out, so that lengths never jump; the gastrocnemii
start 12 mm further up and wrap over one cylinder each; adductors have the neutral fiber length that keeps gait within reach.
"""

import numpy as np

from osim_nmscal.virtual_subject.anatomy.facts import FixedPoint, GlidingPoint, MuscleFacts
from osim_nmscal.virtual_subject.anatomy.facts import right_muscle as _muscle

PELVIS, THIGH, SHANK, FOOT = "pelvis", "thigh_r", "shank_r", "foot_r"

# Patella track about the knee centre, in the thigh: per knee angle the distance of each head's end point (mm) and its
# elevation (degrees). Smoothed by polynomials in the knee angle (maximal change 0.6 mm, 1.2 degrees); below 10 degrees the
# distance grows evenly, or the moment arm would rise to 6 cm in full extension.
PATELLA_KNEE_ANGLES = np.arange(-10.0, 121.0, 10.0)
PATELLA_TRACKS: dict[str, tuple[tuple[float, ...], tuple[float, ...], float]] = {
    "rectus_femoris": (
        (76.0, 71.5, 67.1, 63.0, 60.2, 58.3, 56.8, 55.3, 53.7, 51.8, 49.7, 47.5, 45.5, 44.2),
        (32.3, 26.9, 20.8, 14.0, 6.6, -1.1, -9.2, -17.6, -26.0, -34.3, -42.6, -50.6, -58.2, -65.4),
        0.0014,
    ),
    "vastus_medialis": (
        (70.4, 66.3, 62.2, 57.9, 55.1, 53.3, 51.9, 50.5, 49.0, 47.2, 45.2, 43.1, 41.3, 40.2),
        (35.2, 29.7, 23.6, 16.8, 9.6, 2.0, -5.9, -14.0, -22.1, -30.1, -38.0, -45.6, -52.8, -59.5),
        -0.0146,
    ),
    "vastus_intermedius": (
        (71.9, 67.6, 63.3, 58.9, 56.2, 54.4, 53.1, 51.8, 50.4, 48.8, 46.9, 44.9, 43.3, 42.3),
        (37.5, 32.4, 26.6, 20.1, 13.0, 5.5, -2.3, -10.3, -18.3, -26.3, -34.2, -41.7, -48.8, -55.4),
        0.0018,
    ),
    "vastus_lateralis": (
        (73.3, 69.1, 64.9, 60.8, 58.0, 56.1, 54.6, 53.1, 51.4, 49.5, 47.4, 45.2, 43.2, 41.9),
        (32.2, 26.6, 20.3, 13.4, 6.0, -1.8, -9.9, -18.1, -26.5, -34.8, -42.9, -50.9, -58.4, -65.6),
        0.0165,
    ),
}


def _at(segment: str, x: float, y: float, z: float) -> FixedPoint:
    return FixedPoint(segment=segment, location=(x, y, z))


def _patella(head: str) -> GlidingPoint:
    """Return the end of one head of the quadriceps, expressed in the shank."""
    radius, elevation, z = PATELLA_TRACKS[head]
    angle = np.radians(np.array(elevation) + PATELLA_KNEE_ANGLES)  # flexion turns the shank backwards under the patella
    distance = np.array(radius) * 1e-3
    locations = np.column_stack([distance * np.cos(angle), distance * np.sin(angle), np.full(len(angle), z)])
    return GlidingPoint(segment=SHANK, coordinate="knee_flexion_r", angles=PATELLA_KNEE_ANGLES, locations=locations)


_HIP_MUSCLES = (
    _muscle(
        "gluteus_maximus_superior",
        (984.0, 0.147, 0.354, 1.03),
        _at(PELVIS, -0.0488, 0.1273, 0.07),
        _at(PELVIS, -0.0584, 0.0673, 0.0886),
        _at(THIGH, -0.0457, -0.0248, 0.0392),
        _at(THIGH, -0.0277, -0.0566, 0.047),
    ),
    _muscle(
        "gluteus_maximus_middle",
        (1406.0, 0.157, 0.367, 1.02),
        _at(PELVIS, -0.0642, 0.0837, 0.0563),
        _at(PELVIS, -0.0669, 0.0141, 0.0914),
        _at(THIGH, -0.0426, -0.053, 0.0293),
        _at(THIGH, -0.0156, -0.1016, 0.0419),
    ),
    _muscle(
        "gluteus_maximus_inferior",
        (948.0, 0.167, 0.382, 0.97),
        _at(PELVIS, -0.0849, 0.0347, 0.0058),
        _at(PELVIS, -0.0822, -0.0391, 0.0403),
        _at(THIGH, -0.0299, -0.1041, 0.0135),
        _at(THIGH, -0.006, -0.1419, 0.0411),
    ),
    _muscle(
        "gluteus_medius_anterior", (1093.0, 0.073, 0.317, 0.94), _at(PELVIS, 0.0299, 0.0965, 0.1209), _at(THIGH, -0.0218, -0.0117, 0.0555)
    ),
    _muscle(
        "gluteus_medius_middle", (765.0, 0.073, 0.317, 0.96), _at(PELVIS, -0.0148, 0.1106, 0.0766), _at(THIGH, -0.0258, -0.0058, 0.0527)
    ),
    _muscle(
        "gluteus_medius_posterior", (871.0, 0.073, 0.317, 0.96), _at(PELVIS, -0.0516, 0.0766, 0.0648), _at(THIGH, -0.0309, -0.0047, 0.0518)
    ),
    _muscle(
        "gluteus_minimus_anterior", (374.0, 0.068, 0.175, 0.97), _at(PELVIS, 0.024, 0.0581, 0.1056), _at(THIGH, -0.0072, -0.0104, 0.056)
    ),
    _muscle("gluteus_minimus_middle", (395.0, 0.056, 0.0, 1.02), _at(PELVIS, 0.0074, 0.0596, 0.0991), _at(THIGH, -0.0096, -0.0104, 0.056)),
    _muscle(
        "gluteus_minimus_posterior", (447.0, 0.038, 0.017, 1.0), _at(PELVIS, -0.0127, 0.0598, 0.0856), _at(THIGH, -0.0135, -0.0083, 0.055)
    ),
    _muscle("adductor_longus", (917.0, 0.108, 0.138, 1.05), _at(PELVIS, 0.0391, -0.0175, 0.0169), _at(THIGH, 0.005, -0.2111, 0.0234)),
    _muscle("adductor_brevis", (626.0, 0.103, 0.115, 1.02), _at(PELVIS, 0.012, -0.0254, 0.0164), _at(THIGH, 0.0009, -0.1196, 0.0294)),
    _muscle(
        "adductor_magnus_proximal", (597.0, 0.106, 0.311, 0.9), _at(PELVIS, -0.0025, -0.0513, 0.0255), _at(THIGH, -0.0045, -0.1211, 0.0339)
    ),
    _muscle(
        "adductor_magnus_middle", (597.0, 0.138, 0.207, 0.9), _at(PELVIS, -0.0124, -0.0531, 0.0308), _at(THIGH, 0.0054, -0.2285, 0.0227)
    ),
    _muscle(
        "adductor_magnus_ischial", (597.0, 0.156, 0.168, 0.85), _at(PELVIS, -0.0404, -0.048, 0.0488), _at(THIGH, 0.007, -0.3837, -0.0266)
    ),
    _muscle(
        "iliacus",
        (1021.0, 0.107, 0.28, 1.08),
        _at(PELVIS, 0.0033, 0.1026, 0.0854),
        _at(PELVIS, 0.0449, 0.0111, 0.0811),
        _at(PELVIS, 0.0419, -0.0144, 0.0816),
        _at(THIGH, 0.0017, -0.0543, 0.0057),
        _at(THIGH, -0.0193, -0.0621, 0.0129),
    ),
    _muscle(
        "psoas",
        (1427.0, 0.117, 0.216, 1.1),
        _at(PELVIS, 0.006, 0.1548, 0.0289),
        _at(PELVIS, 0.0469, 0.0091, 0.0759),
        _at(PELVIS, 0.0419, -0.0144, 0.0816),
        _at(THIGH, 0.0016, -0.0507, 0.0038),
        _at(THIGH, -0.0188, -0.0597, 0.0104),
    ),
)

_THIGH_MUSCLES = (
    _muscle(
        "tensor_fasciae_latae",
        (411.0, 0.095, 0.052, 1.03),
        _at(PELVIS, 0.0396, 0.0875, 0.1241),
        _at(THIGH, 0.0294, -0.0995, 0.0597),
        _at(THIGH, 0.0054, -0.4049, 0.0357),
        _at(SHANK, 0.01, -0.0366, 0.0297),
    ),
    _muscle(
        "gracilis",
        (281.0, 0.228, 0.172, 1.15),
        _at(PELVIS, -0.0033, -0.0526, 0.0279),
        _at(SHANK, -0.0226, -0.0198, -0.0377),
        _at(SHANK, -0.0154, -0.0394, -0.0358),
        _at(SHANK, 0.01, -0.0715, -0.0228),
    ),
    _muscle(
        "sartorius",
        (249.0, 0.403, 0.026, 1.1),
        _at(PELVIS, 0.0554, 0.0648, 0.1242),
        _at(THIGH, -0.003, -0.3568, -0.0421),
        _at(SHANK, -0.0016, -0.0298, -0.0399),
        _at(SHANK, 0.01, -0.0468, -0.0383),
        _at(SHANK, 0.0283, -0.0719, -0.0252),
    ),
    _muscle(
        "semimembranosus",
        (2201.0, 0.069, 0.255, 0.96),
        _at(PELVIS, -0.0485, -0.0314, 0.0715),
        _at(SHANK, -0.0308, -0.0231, -0.0189),
        _at(SHANK, -0.023, -0.0356, -0.0196),
    ),
    _muscle(
        "semitendinosus",
        (591.0, 0.193, 0.241, 1.08),
        _at(PELVIS, -0.0556, -0.0438, 0.0604),
        _at(SHANK, -0.038, -0.0165, -0.0228),
        _at(SHANK, -0.0292, -0.0407, -0.0229),
        _at(SHANK, 0.0067, -0.0835, -0.0193),
    ),
    _muscle(
        "biceps_femoris_long",
        (1313.0, 0.098, 0.176, 0.93),
        _at(PELVIS, -0.0553, -0.0365, 0.0694),
        _at(SHANK, -0.0261, -0.0239, 0.0294),
        _at(SHANK, -0.0194, -0.0442, 0.0343),
    ),
    _muscle(
        "biceps_femoris_short",
        (557.0, 0.11, 0.264, 1.15),
        _at(THIGH, 0.005, -0.2111, 0.0234),
        _at(SHANK, -0.0261, -0.0239, 0.0294),
        _at(SHANK, -0.0194, -0.0442, 0.0343),
    ),
    _muscle("rectus_femoris", (2192.0, 0.076, 0.217, 0.86), _at(PELVIS, 0.0412, 0.035, 0.0968), _patella("rectus_femoris")),
    _muscle(
        "vastus_medialis",
        (2748.0, 0.097, 0.422, 0.83),
        _at(THIGH, 0.014, -0.2099, 0.0188),
        _at(THIGH, 0.0356, -0.2769, 0.0009),
        _patella("vastus_medialis"),
    ),
    _muscle(
        "vastus_intermedius",
        (1697.0, 0.099, 0.063, 0.81),
        _at(THIGH, 0.029, -0.1924, 0.031),
        _at(THIGH, 0.0335, -0.2084, 0.0285),
        _patella("vastus_intermedius"),
    ),
    _muscle(
        "vastus_lateralis",
        (5149.0, 0.099, 0.253, 0.8),
        _at(THIGH, 0.0048, -0.1854, 0.0349),
        _at(THIGH, 0.0269, -0.2591, 0.0409),
        _patella("vastus_lateralis"),
    ),
)
_HEEL = _at(FOOT, -0.0488, -0.011, 0.0026)

_SHANK_MUSCLES = (
    _muscle("gastrocnemius_medialis", (3116.0, 0.051, 0.166, 1.15), _at(THIGH, -0.022, -0.3810, -0.0235), _HEEL, wrap="condyle_medial"),
    _muscle("gastrocnemius_lateralis", (1575.0, 0.059, 0.21, 1.18), _at(THIGH, -0.024, -0.3826, 0.0272), _HEEL, wrap="condyle_lateral"),
    _muscle("soleus", (6195.0, 0.044, 0.381, 1.08), _at(SHANK, 0.0016, -0.1412, 0.0071), _HEEL),
    _muscle(
        "tibialis_posterior",
        (1730.0, 0.038, 0.226, 1.06),
        _at(SHANK, -0.0054, -0.1227, 0.0019),
        _at(SHANK, -0.0104, -0.393, -0.0229),
        _at(FOOT, -0.0071, -0.0086, -0.0207),
        _at(FOOT, 0.0284, -0.026, -0.0202),
    ),
    _muscle(
        "tibialis_anterior",
        (1227.0, 0.068, 0.195, 0.98),
        _at(SHANK, 0.0219, -0.1503, 0.0115),
        _at(SHANK, 0.0369, -0.383, -0.0177),
        _at(FOOT, 0.0678, -0.0242, -0.0226),
    ),
    _muscle(
        "peroneus_brevis",
        (521.0, 0.045, 0.205, 1.08),
        _at(SHANK, -0.003, -0.2525, 0.0325),
        _at(SHANK, -0.0158, -0.4063, 0.0283),
        _at(FOOT, -0.0017, -0.015, 0.0312),
        _at(FOOT, 0.0189, -0.0201, 0.0422),
    ),
    _muscle(
        "peroneus_longus",
        (1115.0, 0.051, 0.248, 1.09),
        _at(SHANK, 0.0045, -0.1447, 0.0362),
        _at(SHANK, -0.0167, -0.4084, 0.0286),
        _at(FOOT, -0.005, -0.019, 0.03),
        _at(FOOT, 0.0193, -0.0314, 0.0363),
        _at(FOOT, 0.0364, -0.035, 0.0197),
        _at(FOOT, 0.0715, -0.0334, -0.0105),
    ),
    _muscle(
        "extensor_digitorum_longus",
        (603.0, 0.069, 0.218, 1.01),
        _at(SHANK, 0.0072, -0.126, 0.0276),
        _at(SHANK, 0.0329, -0.3886, 0.0072),
        _at(FOOT, 0.0434, -0.0032, 0.0078),
        _at(FOOT, 0.1303, -0.0392, 0.0243),
    ),
    _muscle(
        "extensor_hallucis_longus",
        (286.0, 0.075, 0.197, 1.06),
        _at(SHANK, 0.0052, -0.1646, 0.0228),
        _at(SHANK, 0.0366, -0.3864, -0.0085),
        _at(FOOT, 0.0482, -0.0031, -0.0132),
        _at(FOOT, 0.1246, -0.028, -0.0201),
    ),
    _muscle(
        "flexor_hallucis_longus",
        (908.0, 0.053, 0.258, 0.99),
        _at(SHANK, -0.0039, -0.2213, 0.0244),
        _at(SHANK, -0.0146, -0.3958, -0.0174),
        _at(FOOT, -0.0114, -0.0144, -0.0162),
        _at(FOOT, 0.055, -0.0352, -0.0177),
    ),
)

LEG_MUSCLES: tuple[MuscleFacts, ...] = _HIP_MUSCLES + _THIGH_MUSCLES + _SHANK_MUSCLES
