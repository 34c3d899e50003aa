"""The machine's clock is set while the daemon runs: said, and mail is deferred, not lost; and messages to NJE users about
mail that waits, fails and arrives."""
import os
import shutil
import struct
import subprocess

import world as wd

DAY = 86400


class Clock:
    """A clock of the gateway's own, that can be set."""

    def __init__(self, w):
        cc = shutil.which('gcc') or shutil.which('cc')
        if not cc:
            raise wd.Skip('no C compiler')
        self.library, self.path = os.path.join(w.dir, 'clockshift.so'), os.path.join(w.dir, 'clock')
        subprocess.run([cc, '-O2', '-shared', '-fPIC', os.path.join(wd.HERE, 'clockshift.c'), '-o', self.library], check=True)
        self.set(0)

    def set(self, seconds):
        with open(self.path, 'r+b' if os.path.exists(self.path) else 'wb') as f:
            f.write(struct.pack('=q', int(seconds * 1e6)))

    def more(self):
        return {'preload': self.library, 'env': {'CLOCKSHIFT': self.path}}


def started(w, lines):
    clock = Clock(w)
    gw, p, sink = w.pair(['DESTINATION dead.example %s:9' % w.address, 'LOCALUSER HUGO'] + lines, **clock.more())
    return clock, gw, p, sink


def waiting(gw, n):
    return gw.until(lambda: len(gw.json('queue', 'list')) == n and gw.json('queue', 'list'))


def case_clock_forward(w):
    """Two days, then six: said each time; mail that waits is no older by it: neither told late nor returned."""
    clock, gw, p, _ = started(w, ['NOTIFY DELAYED FAILED'])
    p.send(batch('x@dead.example')).wait()
    tried = 0
    for days, said in ((0, ''), (2, 'set forward by 172'), (8, 'set forward by 518')):
        clock.set(days * DAY)
        gw.until(lambda: said in gw.read_log())
        for _ in range(3):  # more than the few tries every mail has
            gw.cli('queue', 'retry')
            tried = gw.until(lambda: [r['tries'] for r in gw.json('queue', 'list') if r['tries'] > tried])[0]
    assert tried >= 9 and 'clock' in gw.cli('status')
    assert not [m for m in p.messages if 'x@dead.example' in m['text'].lower()], p.messages
    gw.stop()
    gw.start()  # nobody remembers the jumps now: it is what the clock says
    gw.links_up()
    gw.cli('queue', 'retry')
    p.take_message(lambda m: m['to_user'] == 'BOB' and 'x@dead.example' in m['text'].lower())
    gw.empty()


def case_clock_back(w):
    """Ten days back: what waits does not wait ten days longer, and is tried once, not again and again."""
    clock, gw, p, sink = started(w, [])
    clock.set(10 * DAY)
    gw.until(lambda: 'event=clock' in gw.read_log())
    p.send(batch('x@dead.example')).wait()
    gw.until(lambda: gw.json('queue', 'list') and gw.json('queue', 'list')[0]['tries'])
    clock.set(0)
    gw.until(lambda: 'the machine\'s clock was set back by 86' in gw.read_log())
    row = gw.until(lambda: [r for r in gw.json('queue', 'list') if int(r['tries']) == 2])[0]
    assert abs(wd.time.time() - stamp(row['next'])) < 3600, row
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    p.send(batch('steve@example.org')).wait()
    sink.take()
    assert [r['tries'] for r in waiting(gw, 1)] == [row['tries']], 'a storm'


def stamp(text):
    import datetime
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


def batch(to):
    import njefile
    return njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', ['HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<%s>' % to, 'DATA',
                                                         'Subject: x', '', 'x', '.'])


def case_messages_of_each_kind(w):
    """NOTIFY: of each kind alone there is that message, to the right user, and no other kind's."""
    for kind, lines in (('ARRIVED', []), ('DELIVERED', []), ('FAILED', ['RETRYAGE 0'])):
        gw, p, sink = w.pair(['NOTIFY ' + kind, 'DESTINATION dead.example %s:9' % w.address] + lines)
        gw.mail('carol%mvsa@' + gw.fqdn)
        p.take_file()
        p.send(batch('steve@example.org')).wait()
        sink.take()
        p.send(batch('x@dead.example')).wait()
        if kind == 'FAILED':
            gw.empty()
        to, word = {'ARRIVED': ('CAROL', 'steve@example.org'), 'DELIVERED': ('BOB', 'steve@example.org'),
                    'FAILED': ('BOB', 'x@dead.example')}[kind]
        m = p.take_message(lambda m: m['to_user'] == to)
        assert word in m['text'].lower() or 'qsm' in m['text'].lower(), (kind, m)
        gw.stop()
        wrong = {'ARRIVED': 'BOB', 'DELIVERED': 'CAROL', 'FAILED': 'CAROL'}[kind]
        others = [m for m in p.messages if m['to_user'] == wrong or ('dead.example' in m['text'].lower()) != (kind == 'FAILED')
                  and 'refused' not in m['text']]
        assert not others, (kind, others)
        p.stop()
        w.peers.remove(p)
        w.gateways.remove(gw)
        shutil.rmtree(gw.dir)
