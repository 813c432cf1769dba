# SPDX-License-Identifier: BSD-3-Clause
"""One build of a target at a time: two would spoil each other's database and objects."""

import fcntl
import os
import sys

held = []


def wait(target):
    """Hold build/.<target>.lock until this process ends; say which process has it before."""
    os.makedirs("build", exist_ok=True)
    lock = open(f"build/.{target}.lock", "a+")
    held.append(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        print(f"scons: waiting for process {lock.read()}, which builds {target}", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
