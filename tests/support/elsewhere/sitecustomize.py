"""Every Python process that has this folder on its path believes to be on another machine, years later.

`datetime.datetime` is left as it is: other packages rely on its size in memory.
"""

from __future__ import annotations

import os
import platform
import socket
import time

HOST, LATER = "elsewhere", 10**8  # seconds
real_time, real_uname, real_localtime, real_gmtime = time.time, os.uname, time.localtime, time.gmtime

time.time = lambda: real_time() + LATER
time.time_ns = lambda: int(time.time() * 10**9)
time.localtime = lambda seconds=None: real_localtime(time.time() if seconds is None else seconds)
time.gmtime = lambda seconds=None: real_gmtime(time.time() if seconds is None else seconds)
socket.gethostname = lambda: HOST
platform.node = lambda: HOST
os.uname = lambda: os.uname_result((*real_uname()[:1], HOST, *real_uname()[2:]))
os.cpu_count = lambda: 1
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
os.umask(0o077)
