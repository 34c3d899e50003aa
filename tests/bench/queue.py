#!/usr/bin/python3
"""What a message costs out of a queue of a thousand and out of one of a million: queue.py [MESSAGES]

Fills the tables of a stopped gateway, starts it before smtp-sink, and takes the deliveries from its log, the
processor time from its threads."""
import os
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
os.environ.setdefault('NJEGATE_BIN', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'build'))
import pkgs  # noqa: E402
import world as wd  # noqa: E402
from fill import fill  # noqa: E402

MEASURED = 10000


class Deliveries:
    """How many the log tells of. What was read is not read again: it would take the gateway's processor."""

    def __init__(self, gw):
        self.n, self.rest, self.log = 0, b'', open(gw.log, 'rb')
        self.log.seek(0, os.SEEK_END)

    def now(self):
        lines = (self.rest + self.log.read()).split(b'\n')
        self.rest = lines.pop()
        self.n += sum(b'event=delivered' in line for line in lines)
        return self.n

    def until(self, n):
        while self.now() < n:
            threading.Event().wait(0.002)
        return self.n


def cpu(pid):
    """Seconds of all threads: the ticks of /proc/PID/stat are too coarse for a thousand deliveries."""
    used = 0
    for task in os.listdir('/proc/%d/task' % pid):
        with open('/proc/%d/task/%s/schedstat' % (pid, task), encoding='ascii') as f:
            used += int(f.read().split()[0])
    return used / 1e9


def once(w, count, where):
    """Seconds to the first delivery; then seconds, processor seconds and the deliveries made in them. Out of a queue
    that ends soon these are all since the start, out of a longer one those behind the first 10,000."""
    gw = w.gateway('Q%d' % len(w.gateways), lines=['DESTINATION long.test ' + where])
    gw.start()
    gw.stop()
    fill(os.path.join(gw.dir, 'db'), [('n%d@long.test' % i, 'long.test') for i in range(count)], 2000)
    delivered, begun = Deliveries(gw), time.monotonic()
    gw.start()
    while count and not delivered.now():
        threading.Event().wait(0.002)
    first = time.monotonic() - begun
    skipped, since, before = 0, begun, 0
    if count > 2 * MEASURED:
        skipped = delivered.until(MEASURED)
        since, before = time.monotonic(), cpu(gw.process.pid)
    n = delivered.until(min(count, skipped + 3 * MEASURED)) - skipped
    took, used = time.monotonic() - since, cpu(gw.process.pid) - before
    gw.kill()
    return first, took, used, n


def run(w, count, where, idle):
    """A queue that ends soon is run as often as makes 10,000 deliveries; what a start costs is taken off."""
    runs = [once(w, count, where) for _ in range(max(1, MEASURED // count))]
    starts = 0 if count > 2 * MEASURED else len(runs)
    first = sum(r[0] for r in runs) / len(runs)
    took, used, n = (sum(r[i] for r in runs) for i in (1, 2, 3))
    took, used = took - starts * idle[0], used - starts * idle[1]
    print('%8d queued: first delivered after %.2f s; %.0f /s, %.3f CPU s per 1000' % (
        count, first, n / took, used / n * 1000), flush=True)


def main():
    found = pkgs.tool('smtp-sink')
    if found is None:
        sys.exit('smtp-sink cannot be had')
    w = wd.World('queue')
    port = w.port()
    who = ['-u', 'nobody'] if os.geteuid() == 0 else []
    sink = subprocess.Popen([found[0]] + who + ['inet:%s:%d' % (w.address, port), '1000'], env=found[1],
                            stderr=subprocess.DEVNULL)
    try:
        wd.wait_port((w.address, port))
        idle = [statistics.median(once(w, 0, 'long.test')[i] for _ in range(5)) for i in (1, 2)]
        for count in [int(a) for a in sys.argv[1:]] or (1000, 1000000, 1000, 1000000):
            run(w, count, '%s:%d' % (w.address, port), idle)
    finally:
        sink.kill()
        sink.wait()
        w.clean()


main()
