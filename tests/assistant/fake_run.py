"""The process of a run as tests need it: `python -m tests.assistant.fake_run FOLDER/spec.json` counts to `steps`, one
in `step_s`, remembers in the folder how far it came, and ends as the spec says."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> int:
    spec = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(spec["output"])
    counted = folder / "counted"
    asked_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked_to_stop.append(number))
    if "refuse" in spec:
        print(json.dumps({"event": "failed", "code": "training.bad_rows", "message": spec["refuse"]}), flush=True)
        return 65
    step = int(counted.read_text()) if counted.exists() else 0
    while step < spec["steps"]:
        if asked_to_stop:
            print(json.dumps({"event": "stopped"}), flush=True)
            return spec.get("stop_status", 75)
        if Path(spec["pause_file"]).exists():
            print(json.dumps({"event": "phase", "phase": "paused"}), flush=True)
            time.sleep(0.02)
            continue
        time.sleep(spec.get("step_s", 0.01))
        step += 1
        counted.write_text(str(step))
        print(json.dumps({"event": "step", "phase": "train", "step": step, "steps": spec["steps"]}), flush=True)
        if step == spec.get("fall_at"):
            print("a word before the end", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    (folder / "result.json").write_text(json.dumps({"counted": step, "knows": sorted(os.environ)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
