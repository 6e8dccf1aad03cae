"""Models of one body, small enough to write by hand, that OpenSim loads."""

PATH = (
    "<GeometryPath><PathPointSet><objects>"
    '<PathPoint name="p1"><socket_parent_frame>/ground</socket_parent_frame><location>0 1 0</location></PathPoint>'
    '<PathPoint name="p2"><socket_parent_frame>/bodyset/b</socket_parent_frame><location>.1 0 0</location></PathPoint>'
    "</objects></PathPointSet></GeometryPath>"
)
OLD_PATH = (
    "<GeometryPath><PathPointSet><objects>"
    '<PathPoint name="p1"><location>0 1 0</location><body>ground</body></PathPoint>'
    '<PathPoint name="p2"><location>.1 0 0</location><body>b</body></PathPoint>'
    "</objects></PathPointSet></GeometryPath>"
)
FRAMES = "<socket_parent_frame>/ground</socket_parent_frame><socket_child_frame>/bodyset/b</socket_child_frame>"
BODIES = (
    '<BodySet><objects><Body name="b"><mass>1.5</mass><mass_center>0 0 0</mass_center><inertia>1 1 1 0 0 0</inertia></Body>'
    "</objects></BodySet>"
)
JOINT = f'<PinJoint name="j">{FRAMES}<coordinates><Coordinate name="q"/></coordinates></PinJoint>'
OLD_BODIES = (
    '<BodySet><objects><Body name="ground"><mass>0</mass><Joint/></Body><Body name="b"><mass>1.5</mass>'
    "<inertia_xx>1</inertia_xx><inertia_yy>1</inertia_yy><inertia_zz>1</inertia_zz><Joint>"
    '<PinJoint name="j"><parent_body>ground</parent_body><location_in_parent>0 0 0</location_in_parent>'
    "<orientation_in_parent>0 0 0</orientation_in_parent><location>0 0 0</location><orientation>0 0 0</orientation>"
    '<CoordinateSet><objects><Coordinate name="q"/></objects></CoordinateSet></PinJoint></Joint></Body></objects></BodySet>'
)


def muscle_text(muscle_class: str, name: str, inside: str = "", path: str = PATH) -> str:
    """Return a muscle element with a path."""
    return f'<{muscle_class} name="{name}">{path}{inside}</{muscle_class}>'


def model_text(muscles: str = "", *, defaults: str = "", components: str = "", joints: str = JOINT, more: str = "") -> str:
    """Return a model of today's format that OpenSim loads."""
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="40600">\n\t<Model name="m">'
        f"<defaults>{defaults}</defaults>{BODIES}<JointSet><objects>{joints}</objects></JointSet>{more}"
        f"<ForceSet><objects>{muscles}</objects></ForceSet><components>{components}</components></Model>\n</OpenSimDocument>\n"
    )


def old_model_text(muscles: str = "", *, defaults: str = "", version: int = 20300) -> str:
    """Return a model of the format of OpenSim 2 (up to version 20301) or 3 that OpenSim loads."""
    return (
        f'<?xml version="1.0"?>\n<OpenSimDocument Version="{version}"><Model name="m"><defaults>{defaults}</defaults>'
        f"{OLD_BODIES}<ForceSet><objects>{muscles}</objects></ForceSet></Model></OpenSimDocument>\n"
    )
