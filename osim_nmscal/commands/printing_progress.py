"""Progress of a run on stderr."""

from rich.status import Status

from osim_nmscal.commands.printing import ERR, plain
from osim_nmscal.workflow.progress import Progress


class ProgressPrinter:
    """A line for each stage that ends; on a terminal, also what is running now."""

    def __init__(self) -> None:
        dots = "dots" if ERR.encoding.lower().startswith("utf") else "line"
        self._status = Status("", console=ERR, spinner=dots) if ERR.is_terminal else None
        self._running: dict[str, str] = {}

    def __enter__(self) -> "ProgressPrinter":
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, progress: Progress) -> None:
        what = f"{progress.stage} {progress.recording}".strip()
        match progress.state:
            case "started" | "iteration":
                self._running[what] = f"{what} {progress.text}".strip()
            case "done" | "cached":
                self._running.pop(what, None)
                how = "unchanged" if progress.state == "cached" else f"{progress.seconds:.1f} s"
                ERR.print(f"{progress.stage:<19}{progress.recording:<16}{how}", markup=False)
        if self._status is not None:
            self._status.update(" | ".join(plain(text) for text in self._running.values()))
