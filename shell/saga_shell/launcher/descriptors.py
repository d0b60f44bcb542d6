"""Open files: each peer takes one, and the system lets a process have only so many."""

import logging
import resource

import msgspec

from saga_shell.launcher.bounds import Bounds

logger = logging.getLogger(__name__)

OWN_FILES = 64
"""What the launcher itself opens: its files, its children's pipes, and some to spare."""


def with_files_for(bounds: Bounds) -> Bounds:
    """Let the process open enough files for all connections, or bound these by what it may open.

    A peer too many is then turned away, one by one. If the system ran out of files instead, no
    peer could be accepted any more, and the launcher would have to end (FACTS R-63).
    """
    wanted = bounds.connections + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    if files >= wanted:
        return bounds
    fitting = max(1, files - OWN_FILES)
    logger.warning(
        "the system lets us open %d files: at most %d peers at a time, not %d: see ulimit -n",
        hard,
        fitting,
        bounds.connections,
    )
    return msgspec.structs.replace(bounds, connections=fitting)
