"""make bench: how long an administrator waits: njegate status over a long queue; trace and accounting over a long
journal."""
import os
import sqlite3
import statistics
import subprocess
import time

os.environ.setdefault('NJEGATE_BIN', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'build'))
import world as wd  # noqa: E402
from fill import fill  # noqa: E402

ALLOWED_MS = 50
PEOPLE = 5000
RUNS = 20
HASH_BITS, LOW_BITS = 23, 16  # db/trace.h


def hash_of(address):
    h = 14695981039346656037
    for c in address.lower().encode():
        h = (h ^ c) * 1099511628211 % 2 ** 64
    return h >> 20 & (1 << HASH_BITS) - 1


def later(path):
    """What is queued waits for an hour: it is the length that is looked at."""
    db = sqlite3.connect(path)
    with db:
        db.execute('UPDATE rcpt SET due = due + ?', (3600 * 10 ** 6,))
    db.close()


def fill_journal(path, rows):
    """Two rows a message, its sender's and recipient's among PEOPLE, a hundred days of equal length; the message in
    the middle is from somebody who wrote only once. Answers its number and who he is."""
    db = sqlite3.connect(path)
    messages, now = rows // 2, int(time.time() * 1e6)
    once, span = 'only.once@long.test', 100 * 86400 * 10 ** 6
    db.execute('PRAGMA synchronous = OFF')
    db.execute('CREATE TEMP TABLE who (i INTEGER PRIMARY KEY, addr TEXT, h INTEGER)')
    db.executemany('INSERT INTO who VALUES (?,?,?)', ((i, a, hash_of(a)) for i, a in (
        (i, 'user.%d@host%d.example.org' % (i, i % 500)) for i in range(PEOPLE))))
    with db:
        db.execute("""WITH RECURSIVE m(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM m WHERE i < ?1),
            e(k) AS (VALUES (0), (1))
            INSERT INTO journal SELECT m.i, ?2 - ?3 + m.i * (?3 / ?1) + e.k * 1000,
                CASE e.k WHEN 0 THEN 'accepted' ELSE 'delivered' END,
                CASE e.k WHEN 0 THEN 'via=smtp from=<' || f.addr || '> size=2048 attachments=0'
                         ELSE 'to=<' || t.addr || '> tries=1' END
            FROM m, e, who f, who t WHERE f.i = m.i % ?4 AND t.i = (m.i * 7 + 3) % ?4""",
                   (messages, now, span, PEOPLE))
        db.execute("""WITH RECURSIVE m(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM m WHERE i < ?1)
            INSERT OR IGNORE INTO trace SELECT ((m.i >> ?5) << (?5 + ?6)) + ((w.h << ?5) | (m.i & ((1 << ?5) - 1)))
            FROM m, who w WHERE w.i IN (m.i % ?4, (m.i * 7 + 3) % ?4) ORDER BY 1""".replace('?5', str(LOW_BITS)).replace(
            '?6', str(HASH_BITS)).replace('?4', '?2'), (messages, PEOPLE))
        middle = messages // 2
        db.execute("INSERT INTO journal VALUES (?, ?, 'deferred', ?)", (middle, now, 'from=<%s>' % once))
        db.execute('INSERT INTO trace VALUES (?)', (
            ((middle >> LOW_BITS) << (LOW_BITS + HASH_BITS)) + (hash_of(once) << LOW_BITS | middle & (1 << LOW_BITS) - 1),))
        db.execute('INSERT OR IGNORE INTO journal_hour SELECT DISTINCT at / 3600000000, msg >> 12 FROM journal')
        db.execute("INSERT OR REPLACE INTO counter VALUES ('message', ?)", (messages + 1,))
    db.close()
    return '%08d' % middle, once


def waits(gw, *words, runs=RUNS, want=''):
    """Milliseconds of the command, its start included: median and most."""
    got = []
    for _ in range(runs):
        begun = time.perf_counter()
        out = subprocess.run([wd.program('njegate'), '-c', gw.conf] + list(words), check=True, capture_output=True,
                             text=True, env=gw.env).stdout
        got.append((time.perf_counter() - begun) * 1000)
        if want not in out:
            raise RuntimeError('%s said %s' % (words, out))
    return statistics.median(got), max(got)


def most_memory(gw, *words):
    """Kilobytes the command held at its most, and how many lines it printed."""
    p = subprocess.Popen([wd.program('njegate'), '-c', gw.conf] + list(words), stdout=subprocess.PIPE, env=gw.env)
    begun, lines = time.perf_counter(), 0
    for _ in p.stdout:
        lines += 1
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = status
    return usage.ru_maxrss, lines, time.perf_counter() - begun


def say(table, what, figures):
    table.say('  %-52s median %6.1f ms, most %6.1f ms (at most %d)' % ((what,) + figures + (ALLOWED_MS,)))


def measure(table, queued, rows):
    w = wd.World('looking')
    table.say('how long an administrator waits')
    try:
        gw = w.gateway('LONG', lines=['DESTINATION long.test ' + '%s:9' % w.address])
        gw.start()
        gw.stop()
        fill(os.path.join(gw.dir, 'db'), [('n%d@long%d.test' % (i, i % 1000), 'long%d.test' % (i % 1000))
                                          for i in range(queued)])
        later(os.path.join(gw.dir, 'db'))
        gw.start()
        say(table, 'njegate status, %d mails queued' % queued, waits(gw, 'status', want=str(queued)))
        gw.kill()
        gw = w.gateway('OLD')
        gw.start()
        gw.stop()
        ident, once = fill_journal(os.path.join(gw.dir, 'db'), rows)
        for what, word in (('number', ident), ('address', once)):
            say(table, 'njegate trace by %s, %d rows of journal' % (what, rows), waits(gw, 'trace', word, want=once))
        day = time.strftime('%Y-%m-%d', time.localtime(time.time() - 2 * 86400))
        for form in ((), ('--json',)):
            kb, lines, took = most_memory(gw, *form, 'accounting', day)
            table.say('  njegate %saccounting of a day of these: %d lines in %.1f s, %.0f MB at most' % (
                ''.join(f + ' ' for f in form), lines, took, kb / 1024))
    finally:
        w.clean()
    table.say()
