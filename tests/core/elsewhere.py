"""What a module prints in a process of its own, whose environment may differ from ours."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def printed_by(module: str, environment: Mapping[str, str]) -> str:
    """Run `module` there, with these variables on top of ours."""
    elsewhere = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return elsewhere.stdout.strip()
