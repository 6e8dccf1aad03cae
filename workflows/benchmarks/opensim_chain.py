"""A person with ever more recordings: CPU-seconds, wall time and memory per recording, and what several jobs bring.

Run: python workflows/benchmarks/opensim_chain.py [--counts 5 20 50] [--jobs 1 2 4] [--recordings 8]
     [--out results/benchmarks/opensim_chain.json]

The person is the virtual leg of the demo; a further recording is the same files under another name; the first calibrates, all others
are held out. Every run is a fresh process (run_costs.py): from nothing, with the calibration changed, and with nothing
changed. Wall time needs an idle machine.
"""

import argparse
import json
import re
import tempfile
from dataclasses import asdict
from pathlib import Path

from run_costs import ROOT, WAYS, RunCost, measured

from osim_nmscal.virtual_subject.make import make_virtual_subject

# How many recordings calibrate.
CALIBRATING = 1
TEMPLATE = """[[recordings]]
name = "{name}"
role = "{role}"
markers = "{file}.trc"
external_loads = "{file}_loads.xml"
emg = "{file}_emg.sto"

[recordings.segmentation]
method = "stance"
force_column = "ground_force_r_vy"

"""


def with_recordings(config: Path, count: int) -> Path:
    """Write a configuration beside another one with so many recordings, and return its path."""
    text = config.read_text(encoding="utf-8")
    files = re.findall(r'^markers = "(\w+)\.trc"', text, re.MULTILINE)
    # the first recording calibrates; what tests are copies of the others, as no sample may do both
    named = (
        (f"r{i + 1:02d}", "calibration" if i < CALIBRATING else "held_out", files[0] if i < CALIBRATING else files[1 + i % 2])
        for i in range(count)
    )
    sections = "".join(TEMPLATE.format(name=name, role=role, file=file) for name, role, file in named)
    first, emg = text.index("[[recordings]]"), text.index("[emg]")
    roles = re.sub(r"\[trials\.roles\]\n(?:[^\[\n].*\n|\n)*", "", text[emg:])
    path = config.with_name(f"{count}_recordings.toml")
    path.write_text(text[:first] + sections + roles, encoding="utf-8")
    return path


def show(what: str, cost: RunCost, count: int) -> None:
    """Print one run as a line."""
    together = cost.own + cost.workers
    print(
        f"{what:38}{together:9.2f} CPU-s ({together / count:6.3f} per recording; program {cost.own:6.2f}, workers {cost.workers:6.2f})"
        f"{cost.wall:8.1f} s wall, at most {cost.own_memory:5.0f} MiB + {cost.worker_memory:5.0f} MiB per worker",
        flush=True,
    )


def main() -> None:
    """Make the person, run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", nargs="*", type=int, default=(5, 20, 50))
    parser.add_argument("--jobs", nargs="*", type=int, default=(1, 2, 4))
    parser.add_argument("--recordings", type=int, default=8, help="with several jobs")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks" / "opensim_chain.json")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="opensim_chain_") as home:
        config = make_virtual_subject(Path(home) / "person", "leg", seed=1).config
        measured(with_recordings(config, CALIBRATING + 1), Path(home) / "warm", WAYS[0], 1)  # so that all modules are compiled
        asked = [(count, 1, WAYS) for count in options.counts]
        asked += [(options.recordings, jobs, WAYS[:1]) for jobs in options.jobs]
        for count, jobs, ways in asked:
            with tempfile.TemporaryDirectory(prefix="opensim_chain_") as folder:
                for way in ways:
                    cost = measured(with_recordings(config, count), Path(folder) / "results", way, jobs)
                    show(f"{count} recordings, --jobs {jobs}, {way}", cost, count)
                    found.append({"recordings": count, "jobs": jobs, **asdict(cost)})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"written: {options.out}")


if __name__ == "__main__":
    main()
