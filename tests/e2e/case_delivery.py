"""What becomes of mail that cannot go at once: warnings, expiry, the operator's commands, and how a destination is used.
Time that must have passed has, for mail that is put into the queue with a date of its own."""
import threading
import time

import smtpsink
import world as wd
from case_client import deferred, post
from case_queue import mails, prepared

DAY = 86400
FROM_SMTP, FROM_NJE = 1, 2
NEVER, SUCCESS, FAILURE, DELAY = 1, 2, 4, 8


def waiting(w, days, notify=0, lines=(), sender=('steve@origin.test', FROM_SMTP), rows=None):
    """A gateway with mail that came that long ago for a host that is down, and a sink for its sender."""
    back = w.sink()
    gw = prepared(w, ['DESTINATION down.test %s:%d' % (w.address, w.port()), 'DESTINATION origin.test ' + back.where] +
                  list(lines), rows or [('x@down.test', 'down.test')],
                  message={'accepted': int((time.time() - days * DAY) * 1e6), 'origin_sender': sender[0],
                           'sender': 'steve@origin.test', 'from_door': sender[1], 'form': 1},
                  rcpt={'notify': notify, 'tries': 5 if days > 5 else 0})
    return gw, back


def tries(gw, n):
    return gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= n])


def case_warned_once(w):
    """After WARNINGAGE the sender hears that it is late and how long it will be tried, once."""
    gw, back = waiting(w, 1.5, lines=['WARNINGAGE 1', 'RETRYAGE 5'])
    gw.start()
    m = back.take()
    status = m.mail.get_payload()[1].get_payload()[1]
    assert m.sender == '' and m.rcpts == ['steve@origin.test'] and m.mail['Auto-Submitted'] == 'auto-replied'
    assert status['Action'] == 'delayed' and status['Status'].startswith('4.4.'), m.data
    assert status['Final-Recipient'] == 'rfc822; x@down.test' and status['Will-Retry-Until'], m.data
    assert b'tried for 5 days in all' in m.data
    gw.cli('queue', 'retry')
    row = tries(gw, 2)[0]
    gw.cli('queue', 'delete', row['id'])
    assert not back.messages


def case_not_yet_late(w):
    """Before WARNINGAGE, with WARNINGAGE 0, and for those who asked for other news only, there is no warning."""
    for days, notify, lines in ((0.9, 0, ['WARNINGAGE 1']), (3, 0, ['WARNINGAGE 0']), (3, FAILURE | SUCCESS, []),
                                (3, NEVER, [])):
        gw, back = waiting(w, days, notify, lines)
        gw.start()
        tries(gw, 1)
        gw.stop()
        assert not back.messages, (days, notify, lines)


def case_delay_asked_for(w):
    """NOTIFY=DELAY brings the warning (and ends there: no report of the failure)."""
    gw, back = waiting(w, 3, DELAY, ['WARNINGAGE 1', 'RETRYAGE 5'])
    gw.start()
    assert b'Action: delayed' in back.take().data
    gw.cli('queue', 'bounce', gw.json('queue', 'list')[0]['id'])
    gw.empty()
    assert not back.messages


def case_late_in_the_network(w):
    """A user of the network is told by a note, in his words."""
    gw, back = waiting(w, 2, sender=('BOB@MVSA', FROM_NJE))
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    text = p.take_file().text()
    assert 'has not been delivered yet' in text and 'x@down.test' in text, text
    assert not back.messages


def case_expired(w):
    """Older than RETRYAGE: returned at the next failure, 5.4.7; NOTIFY=NEVER: gone without a word."""
    for notify, told in ((0, True), (NEVER, False)):
        gw, back = waiting(w, 6, notify, ['RETRYAGE 5'])
        gw.start()
        gw.empty()
        if told:
            status = back.take().mail.get_payload()[1].get_payload()[1]
            assert status['Action'] == 'failed' and status['Status'] == '5.4.7', status
            assert 'cannot connect' in status['Diagnostic-Code'], status
        gw.stop()
        assert not back.messages


def case_commands(w):
    """Hold, release, retry, bounce and delete by number, of mail that waits; what is held is not tried."""
    gw, p, sink = w.pair()
    sink.on('RCPT', '451 4.7.1 later')
    post(p, 'x@example.org')
    ident = deferred(gw)['id']
    gw.cli('queue', 'hold', ident)
    sink.on('RCPT', None)
    gw.cli('queue', 'retry')
    post(p, 'y@example.org')
    assert sink.take().rcpts == ['y@example.org']  # the walk came by, and left it
    assert gw.json('queue', 'list')[0]['state'] == 'held'
    gw.cli('queue', 'release', ident)
    assert sink.take().rcpts == ['x@example.org']
    gw.empty()
    sink.on('RCPT', '451 4.7.1 later')
    post(p, 'b@example.org')
    gw.cli('queue', 'bounce', deferred(gw)['id'])
    text = p.take_file().text()
    assert 'b@example.org' in text and 'returned by the administrator' in text, text
    gw.empty()
    post(p, 'd@example.org')
    gw.cli('queue', 'delete', deferred(gw)['id'])
    gw.empty()
    assert not p.files and not sink.messages


def case_bounced_to_the_last(w):
    """All of a hundred recipients are named when their mail is returned."""
    gw, p, sink = w.pair(['DESTINATION origin.test ' + w.sink().where])
    back = w.sinks[-1]
    sink.on('RCPT', '451 4.7.1 later')
    names = ['r%03d@example.org' % i for i in range(100)]
    post(p, names)
    row = deferred(gw)
    gw.cli('queue', 'bounce', row['id'])
    texts = []
    while not all(any(n in t for t in texts) for n in names):
        texts.append(p.take_file().text())
    gw.empty()
    assert not back.messages


def case_concurrency(w):
    """A host that answers gets more conversations at a time, and many messages over each."""
    sink = w.sink()
    lock, now, most = threading.Lock(), [0], [0]

    def busy(session, arg):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)  # a host takes its time; nothing is measured by it
        with lock:
            now[0] -= 1
    sink.on('DOT', busy)
    gw = prepared(w, ['DESTINATION good.test ' + sink.where], mails('good.test', 600))
    gw.start()
    sink.until(lambda: len(sink.messages) >= 600, limit=60)
    assert 4 < most[0] <= 20, most
    assert sink.sessions <= 40, sink.sessions
    gw.empty()


def case_concurrency_shrinks(w):
    """A host that breaks off gets one conversation when it is tried again, and one more for each message it takes."""
    sink = w.sink()
    lock, now, done, seen = threading.Lock(), [0], [0], []

    def busy(session, arg):
        with lock:
            now[0] += 1
            seen.append((now[0], done[0]))
        time.sleep(0.01)  # as above
        with lock:
            now[0] -= 1
            done[0] += 1
    sink.on('DOT', busy)
    gw = prepared(w, ['DESTINATION good.test ' + sink.where], mails('good.test', 900))
    gw.start()
    sink.until(lambda: len(sink.messages) >= 200, limit=60)
    sink.on('MAIL', hang_up)
    gw.until(lambda: len(gw.json('queue', 'list')) == len(tries(gw, 1)) > 0, 60)
    before = max(n for n, _ in seen)
    assert before > 8, before
    with lock:
        seen.clear()
        done[0] = 0
    sink.on('MAIL', None)
    gw.cli('queue', 'retry')
    gw.empty()
    assert all(n <= 1 + taken for n, taken in seen), [x for x in seen if x[0] > 1 + x[1]]
    assert max(n for n, _ in seen) > 8, 'it grows again'


def hang_up(session, arg):
    raise smtpsink.Hangup


def case_dead_hosts_under_stress(w):
    """Forty destinations that hang, refuse, drop or say 4xx; mail for the good ones among them is not late."""
    hold = threading.Event()
    good = [w.sink() for _ in range(3)]
    hang, drop, busy = w.sink(), w.sink(), w.sink()
    hang.on('GREETING', lambda s, arg: hold.wait(wd.LIMIT) and None)
    drop.on('MAIL', hang_up)
    busy.on('RCPT', '450 4.2.1 busy')
    bad = {'d%d.bad.test' % i: (hang.where, drop.where, busy.where, '%s:%d' % (w.address, w.port()))[i % 4]
           for i in range(40)}
    rows = [m for d in bad for m in mails(d, 60)]
    gw = prepared(w, ['DESTINATION %s %s' % x for x in bad.items()] +
                  ['DESTINATION g%d.test %s' % (i, s.where) for i, s in enumerate(good)],
                  rows + [m for i in range(3) for m in mails('g%d.test' % i, 50)])
    gw.start()
    for i, sink in enumerate(good):
        assert {sink.take().rcpts[0] for _ in range(50)} == {a for a, _ in mails('g%d.test' % i, 50)}
    gw.until(lambda: len(gw.json('queue', 'list')) == len(rows))
    hold.set()


def case_dns_that_lies(w):
    """CNAMEs in a circle, far too many of them, MX that name addresses or nothing real, a server that is silent: put off
    or returned as each asks for, and nobody else waits."""
    many = 40
    w.table.update({'circle.test': {'CNAME': ['circle2.test']}, 'circle2.test': {'CNAME': ['circle.test']},
                    'silent.test': 'SILENT', 'text.test': {'MX': [(1, '192.0.2.1')]},
                    'junk.test': {'MX': [(1, 'a b.test')]}, 'c0.test': {'CNAME': ['c1.test']}})
    w.table.update({'c%d.test' % i: {'CNAME': ['c%d.test' % (i + 1)]} for i in range(many)})
    gw, p, sink = w.pair(['RETRYAGE 5'])
    for domain in ('silent.test', 'circle.test', 'c0.test', 'junk.test'):
        post(p, 'x@' + domain)
    post(p, 'x@text.test')
    assert 'text.test' in p.take_file().text()  # an address is no name: for good
    post(p, 'good@example.org')
    assert sink.take().rcpts == ['good@example.org']
    for domain in ('circle.test', 'c0.test', 'junk.test'):
        row = gw.until(lambda: next((r for r in gw.json('queue', 'list') if r['to'] == 'x@' + domain and r['tries']), None))
        assert 'cannot look up' in row['reason'], row
    for row in gw.json('queue', 'list'):
        gw.cli('queue', 'delete', row['id'])



def case_large_comes_back_whole(w):
    """RET=FULL and RETURNBYTES: 400 KB come back in a report that is whole, 1.2 MB as their header."""
    gw, p, sink = w.pair(['LOCALUSER FAR MBOX=far@down.test', 'RETURNBYTES 1000000',
                          'DESTINATION down.test ' + w.sink().where])
    w.sinks[-2].on('RCPT', '550 5.1.1 nobody')
    for size, back in ((400000, True), (1200000, False)):
        gw.mail('far@' + gw.fqdn, 'x' * 70 + '\r\n' + ('y' * 70 + '\r\n') * (size // 72) + 'the end\r\n', options=['RET=FULL'])
        m = sink.take()
        kinds = [part.get_content_type() for part in m.mail.iter_parts()]
        assert kinds == ['text/plain', 'message/delivery-status', 'message/rfc822' if back else 'text/rfc822-headers'], kinds
        assert (b'\r\nthe end\r\n' in m.data) == back and m.data.rstrip().endswith(b'--'), m.data[-300:]
    gw.empty()
