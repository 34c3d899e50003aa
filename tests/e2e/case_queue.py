"""The queue runner with more in the queue than it keeps in memory."""
import os
import re
import threading
import time

import world as wd
from fill import fill


def prepared(w, lines, rows, *more, **columns):
    gw = w.gateway('G%d' % len(w.gateways) if w.gateways else 'GATE', lines=lines)
    gw.start()
    gw.stop()
    fill(os.path.join(gw.dir, 'db'), rows, *more, **columns)
    return gw


def mails(domain, n):
    return [('n%d@%s' % (i, domain), domain) for i in range(n)]


def case_stuck_destinations_delay_nobody(w):
    """Three destinations that hang, each with more mail than the window holds, all of it older."""
    stuck, good = [w.sink() for _ in range(3)], w.sink()
    hold = threading.Event()
    for sink in stuck:
        sink.on('MAIL', lambda s, arg: hold.wait(wd.LIMIT) and None)
    rows = [m for i in range(3) for m in mails('stuck%d.test' % i, 5000)] + mails('good.test', 300)
    gw = prepared(w, ['DESTINATION good.test ' + good.where] +
                  ['DESTINATION stuck%d.test %s' % (i, s.where) for i, s in enumerate(stuck)], rows)
    gw.start()
    got = {good.take().rcpts[0] for _ in range(300)}
    assert got == {a for a, _ in rows[-300:]}
    assert not any(s.messages for s in stuck)
    hold.set()


def case_more_than_memory_holds(w):
    """5000 messages to one host, begun at once after a restart and in order; one that is new does not wait for all."""
    sink = w.sink()
    gw = prepared(w, ['DESTINATION long.test ' + sink.where], mails('long.test', 5000))
    gw.start()
    sink.until(lambda: len(sink.messages) >= 100)
    numbers = [int(m.rcpts[0][1:].split('@')[0]) for m in sink.messages[:100]]
    assert max(numbers) < 200, numbers
    sink.until(lambda: len(sink.messages) >= 5000, limit=120)
    assert len({m.rcpts[0] for m in sink.messages}) == 5000
    gw.empty()


case_more_than_memory_holds.limit = 180


def case_start_reads_no_bodies(w):
    """A start reads where mail goes, not the mail: 80 MB of it are queued, it has read a few."""
    gw = prepared(w, ['DESTINATION long.test %s:9' % w.address], mails('long.test', 10000), 8000,
                  rcpt={'due': int((time.time() + 3600) * 1e6)})
    gw.start()
    with open('/proc/%d/io' % gw.process.pid, encoding='ascii') as f:
        read = int(re.search(r'rchar: (\d+)', f.read()).group(1))
    assert os.path.getsize(os.path.join(gw.dir, 'db')) > 80e6
    assert read < 10e6, read


def case_many_destinations(w):
    """More destinations than the window has places, hosts that refuse the connection."""
    sink, count = w.sink(), 5500
    w.table.update({'d%d.dead.test' % i: {'A': [w.address]} for i in range(count)})
    gw = prepared(w, ['DESTINATION good.test ' + sink.where],
                  [('x@d%d.dead.test' % i, 'd%d.dead.test' % i) for i in range(count)] + mails('good.test', 50))
    gw.start()
    assert {sink.take(limit=100).rcpts[0] for _ in range(50)} == {'n%d@good.test' % i for i in range(50)}


case_many_destinations.limit = 120


def case_put_off_and_hurried(w):
    """A host that is down: its mail is not touched while it rests; `queue retry` wakes all of it."""
    port = w.port()
    gw = prepared(w, ['DESTINATION down.test %s:%d' % (w.address, port)], mails('down.test', 3000))
    gw.start()
    gw.until(lambda: 'event=deferred' in gw.read_log())
    sink = w.sink(port=port)
    gw.cli('queue', 'retry')
    sink.until(lambda: len(sink.messages) >= 3000, limit=120)
    assert len({m.rcpts[0] for m in sink.messages}) == 3000
    gw.empty()


case_put_off_and_hurried.limit = 180
