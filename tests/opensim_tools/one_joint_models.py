"""Models of two bodies and the joint between them, small enough to write by hand, that OpenSim loads."""

# joint class -> names of its coordinates
COORDINATES = {
    "WeldJoint": (),
    "PinJoint": ("a",),
    "SliderJoint": ("a",),
    "UniversalJoint": ("a", "b"),
    "GimbalJoint": ("a", "b", "c"),
    "BallJoint": ("a", "b", "c"),
    "PlanarJoint": ("a", "b", "c"),
    "FreeJoint": ("a", "b", "c", "d", "e", "f"),
    "EllipsoidJoint": ("a", "b", "c"),
}
# function class -> XML, of one coordinate unless said otherwise
POINTS = "<x>-1.2 -0.5 0.1 0.4 0.9 1.3</x><y>0.3 -0.2 0.25 0.6 0.1 -0.4</y>"
FUNCTIONS = {
    "Constant": "<Constant><value>0.37</value></Constant>",
    "LinearFunction": "<LinearFunction><coefficients>0.8 -0.1</coefficients></LinearFunction>",
    "PolynomialFunction": "<PolynomialFunction><coefficients>0.1 -0.2 0.5 0.05</coefficients></PolynomialFunction>",
    "SimmSpline": f"<SimmSpline>{POINTS}</SimmSpline>",
    "PiecewiseLinearFunction": f"<PiecewiseLinearFunction>{POINTS}</PiecewiseLinearFunction>",
    "GCVSpline": f"<GCVSpline><half_order>3</half_order><error_variance>0</error_variance>{POINTS}</GCVSpline>",
    "MultiplierFunction": (
        f"<MultiplierFunction><function><SimmSpline>{POINTS}</SimmSpline></function><scale>1.7</scale></MultiplierFunction>"
    ),
    "Sine": "<Sine><amplitude>0.4</amplitude><omega>1.3</omega><phase>0.2</phase><offset>0.1</offset></Sine>",
}
OF_TWO = {
    "LinearFunction": "<LinearFunction><coefficients>0.8 -0.3 0.1</coefficients></LinearFunction>",
    "MultivariatePolynomialFunction": (
        "<MultivariatePolynomialFunction><dimension>2</dimension><order>2</order>"
        "<coefficients>0.1 0.4 -0.2 0.3 0.25 -0.15</coefficients></MultivariatePolynomialFunction>"
    ),
}
STEP = "<StepFunction><start_time>-1</start_time><end_time>1</end_time><start_value>0</start_value><end_value>1</end_value></StepFunction>"
BODY_PATHS = {"ground": "/ground", "thigh": "/bodyset/thigh", "shank": "/bodyset/shank"}
HIP = '<PinJoint name="hip">{frames}<coordinates><Coordinate name="hip"/></coordinates>{offsets}</PinJoint>'
MARKERS = "".join(
    f'<Marker name="{name}"><socket_parent_frame>/bodyset/{body}</socket_parent_frame><location>{place}</location></Marker>'
    for name, body, place in (
        ("p1", "thigh", "0.1 -0.2 0.05"),
        ("p2", "thigh", "-0.08 -0.1 0.1"),
        ("m1", "shank", "0.05 -0.1 0.02"),
        ("m2", "shank", "-0.03 -0.3 0.04"),
        ("m3", "shank", "0.02 -0.2 -0.06"),
    )
)


def joint_text(kind: str, inside: str = "", coordinates: tuple[str, ...] | None = None) -> str:
    """Return a joint between thigh and shank."""
    names = COORDINATES[kind] if coordinates is None else coordinates
    listed = "".join(f'<Coordinate name="{name}"><range>-1.5 1.5</range></Coordinate>' for name in names)
    radii = "<radii_x_y_z>0.1 0.2 0.15</radii_x_y_z>" if kind == "EllipsoidJoint" else ""
    frames, offsets = _frames("thigh", "shank"), _offsets("thigh", "shank")
    return f'<{kind} name="knee">{frames}<coordinates>{listed}</coordinates>{offsets}{radii}{inside}</{kind}>'


def custom_joint_text(functions: dict[str, str], coordinates: tuple[str, ...] = ("a",), arguments: str = "a") -> str:
    """Return a custom joint; `functions` maps an axis (rotation1 ... translation3) to the XML of its function."""
    axes = []
    for n, name in enumerate(("rotation1", "rotation2", "rotation3", "translation1", "translation2", "translation3")):
        axis = ("0.6 0 0.8", "0 1 0", "-0.8 0 0.6")[n % 3]
        function = functions.get(name, "<Constant><value>0</value></Constant>")
        moved_by = f"<coordinates>{arguments}</coordinates>" if name in functions else "<coordinates></coordinates>"
        axes.append(f'<TransformAxis name="{name}">{moved_by}<axis>{axis}</axis>{function}</TransformAxis>')
    return joint_text("CustomJoint", f"<SpatialTransform>{''.join(axes)}</SpatialTransform>", coordinates)


def two_body_model(knee: str, constraints: str = "", version: int = 40600) -> str:
    """Return a model: ground, a hip that is a hinge, a thigh, the joint in question, a shank."""
    bodies = "".join(
        f'<Body name="{name}"><mass>1</mass><mass_center>0 0 0</mass_center><inertia>1 1 1 0 0 0</inertia></Body>'
        for name in ("thigh", "shank")
    )
    hip = HIP.format(frames=_frames("ground", "thigh"), offsets=_offsets("ground", "thigh"))
    return (
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="{version}"><Model name="m">'
        f"<BodySet><objects>{bodies}</objects></BodySet><JointSet><objects>{hip}{knee}</objects></JointSet>"
        f"<ConstraintSet><objects>{constraints}</objects></ConstraintSet><MarkerSet><objects>{MARKERS}</objects></MarkerSet>"
        "</Model></OpenSimDocument>\n"
    )


def _frames(parent: str, child: str) -> str:
    return f"<socket_parent_frame>{parent}_offset</socket_parent_frame><socket_child_frame>{child}_offset</socket_child_frame>"


def _offsets(parent: str, child: str) -> str:
    placed = (("0.1 -0.4 0.05", "0.3 -0.2 0.5"), ("-0.02 0.1 0.03", "-0.1 0.25 0.4"))
    return (
        "<frames>"
        + "".join(
            f'<PhysicalOffsetFrame name="{body}_offset"><socket_parent>{BODY_PATHS[body]}</socket_parent>'
            f"<translation>{translation}</translation><orientation>{orientation}</orientation></PhysicalOffsetFrame>"
            for body, (translation, orientation) in zip((parent, child), placed, strict=True)
        )
        + "</frames>"
    )
