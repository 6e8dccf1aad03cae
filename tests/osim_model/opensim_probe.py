"""What OpenSim itself says of models: `python opensim_probe.py MODEL...` prints one JSON object per model, in order.

Each model is loaded in a process of its own, since OpenSim carries <defaults> over from one model to the next.
"""

import json
import os
import sys

import opensim

OTHER = {"components", "path"}


def _values(item, prefix=""):
    values = {}
    for index in range(item.getNumProperties()):
        prop = item.getPropertyByIndex(index)
        name, kind = prop.getName(), prop.getTypeName()
        if kind.endswith("Curve"):
            values.update(_values(prop.getValueAsObject(), f"{name}/"))
        elif kind == "double" and name != "range":
            values[prefix + name] = opensim.PropertyHelper.getValueDouble(prop) if prop.size() else None
        elif kind == "bool":
            values[prefix + name] = opensim.PropertyHelper.getValueBool(prop)
    return values


def _describe(path):
    model = opensim.Model(path)
    model.initSystem()
    coordinates = {
        item.getName(): {
            "rotational": item.getMotionType() == 1,
            "default_value": item.getDefaultValue(),
            "range": [item.getRangeMin(), item.getRangeMax()],
            "locked": item.getDefaultLocked(),
            "clamped": item.getDefaultClamped(),
        }
        for item in model.getCoordinateSet()
    }
    return {
        "muscles": {item.getName(): {"class": item.getConcreteClassName(), **_values(item)} for item in model.getMuscleList()},
        "coordinates": coordinates,
        "bodies": {item.getName(): item.getMass() for item in model.getBodySet()},
        "markers": [item.getName() for item in model.getMarkerSet()],
    }


def _main(paths):
    opensim.Logger.removeFileSink()
    opensim.Logger.setLevelString("Off")
    for path in paths:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                text = json.dumps(_describe(path))
            except RuntimeError as error:
                text = json.dumps({"error": str(error)})
            with os.fdopen(writer, "w") as stream:
                stream.write(text)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as stream:
            print("PROBED " + stream.read(), flush=True)
        os.waitpid(child, 0)


_main(sys.argv[1:])
