"""glibc's memory allocator, set up for training on a CPU."""

import os
import platform
import sys

# An update allocates and frees the same large buffers each time. By default glibc hands such memory back to the
# system at once, which clears every page of it anew.
_SETTINGS = {
    "MALLOC_MMAP_MAX_": "0",  # no buffer in a mapping of its own; before 2.35, no threshold above 32 MB can be set
    "MALLOC_TRIM_THRESHOLD_": str(2**34),  # no memory handed back before so many bytes are free
    "MALLOC_TOP_PAD_": str(2**28),  # the heap grows in steps of so many bytes
    "MALLOC_ARENA_MAX": "1",  # one heap for all threads: others are too small for large buffers
}


def keep_memory() -> None:
    """Starts this process anew with an allocator that keeps freed memory: glibc reads its settings at the start only.

    The new program has the same process id and command line. Returns where nothing is to be done: on other systems
    than Linux with glibc, and where any setting of the allocator is there, the user's own or these.
    """
    glibc = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
    if not glibc or any(name.startswith("MALLOC_") for name in os.environ):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | _SETTINGS)
