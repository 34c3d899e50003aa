#!/usr/bin/python3
"""What a message costs out of a queue of a thousand and out of one of a million: queue.py [MESSAGES]

Fills the tables of a stopped gateway, starts it before smtp-sink, and takes from its log when the first and the
last of 10,000 deliveries were made, and the processor time of the start and between. Smaller queues are run as often
as makes 10,000 deliveries."""
import os
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


def delivered(gw):
    with open(gw.log, 'rb') as f:
        return f.read().count(b'event=delivered')


def cpu(pid):
    with open('/proc/%d/stat' % pid, encoding='ascii') as f:
        words = f.read().rsplit(')', 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')


def once(w, count, where):
    """Seconds and processor seconds to the first delivery; those after it, and the deliveries made in them."""
    gw = w.gateway('Q%d' % (count % 10 ** 6 + len(w.gateways)), lines=['DESTINATION long.test ' + where])
    gw.start()
    gw.stop()
    fill(os.path.join(gw.dir, 'db'), [('n%d@long.test' % i, 'long.test') for i in range(count)], 2000)
    begun = time.monotonic()
    gw.start()
    while not delivered(gw):
        threading.Event().wait(0.005)
    first, start, had, want = time.monotonic(), cpu(gw.process.pid), delivered(gw), min(count, MEASURED)
    while (n := delivered(gw)) < want:
        threading.Event().wait(0.002)
    took, used = time.monotonic() - first, cpu(gw.process.pid)
    gw.kill()
    return first - begun, start, took, used - start, n - had


def run(w, count, where):
    runs = [once(w, count, where) for _ in range(max(1, MEASURED // count))]
    wait, start = (sum(r[i] for r in runs) / len(runs) for i in (0, 1))
    took, used, n = (sum(r[i] for r in runs) for i in (2, 3, 4))
    print('%8d queued: first delivered after %.2f s and %.2f CPU s, then %.0f /s, %.3f CPU s per 1000' % (
        count, wait, start, n / took, used / n * 1000), flush=True)


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
        for count in [int(a) for a in sys.argv[1:]] or (1000, 1000000, 1000, 1000000):
            run(w, count, '%s:%d' % (w.address, port))
    finally:
        sink.kill()
        sink.wait()
        w.clean()


main()
