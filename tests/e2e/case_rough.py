"""Rough weather: links that flap, floods, idlers, large things, all at once."""
import os
import random
import re
import socket
import threading

import njefile
import njewire as nw
import world as wd
from case_link import signed_on


class Flapping:
    """A TCP proxy that cuts its first connections after a number of bytes, at any place in the protocol."""

    def __init__(self, address, target, cuts):
        self.target, self.cuts = target, list(cuts)
        self.listener = socket.create_server(address)
        self.address = self.listener.getsockname()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                a, _ = self.listener.accept()
                b = socket.create_connection(self.target)
            except OSError:
                return
            left = [self.cuts.pop(0) if self.cuts else None]
            for pair in ((a, b), (b, a)):
                threading.Thread(target=self.pump, args=pair + (left,), daemon=True).start()

    @staticmethod
    def pump(source, to, left):
        try:
            while True:
                data = source.recv(4096)
                if left[0] is not None:
                    data = data[:left[0]]
                    left[0] -= len(data)
                if not data:
                    break
                to.sendall(data)
                if left[0] == 0:
                    break
        except OSError:
            pass
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.close()


def case_flapping_link(w):
    """Two nodes on a line that breaks twenty times: sixty notes each way, each exactly once."""
    a = w.gateway('NODEA', ['LOCALUSER ALICE'])
    b = w.gateway('NODEB', ['LOCALUSER BOB'])
    a.link('NODEB').start()
    dice = random.Random(4711)
    proxy = Flapping((w.address, 0), a.nje, [dice.randrange(200, 9000) for _ in range(20)])
    w.others.append(proxy.stop)
    b.link('NODEA', proxy.address).start()
    for i in range(60):
        a.cli('note', 'BOB@NODEB', '--from', 'ALICE', '--subject', 'n%d' % i, stdin='text\n' * 20)
        b.cli('note', 'ALICE@NODEA', '--from', 'BOB', '--subject', 'n%d' % i, stdin='text\n' * 20)

    def try_now():
        if proxy.cuts:  # the retry timer doubles; the operator does not wait for it
            for gw, link in ((b, 'NODEA'),):
                if gw.json('link', 'list')[0]['state'] == 'waiting':
                    gw.cli('link', 'start', link)
        return not a.json('queue', 'list') and not b.json('queue', 'list')
    a.until(try_now, 120, 'both queues to empty')
    for gw, user in ((a, 'ALICE'), (b, 'BOB')):
        rows = [r for r in gw.json('reader', 'list', user) if r['kind'] != 'MSG']
        texts = [gw.cli('reader', 'show', str(r['id'])) for r in rows]
        for row, text in zip(rows, texts):
            assert re.search(r'^Subject: n\d+$', text, re.M), '%s is no note of ours:\n%s' % (row, text)
        subjects = [re.search(r'^Subject: (n\d+)$', text, re.M).group(1) for text in texts]
        assert sorted(subjects) == sorted('n%d' % i for i in range(60)), (user, len(subjects), sorted(subjects))


case_flapping_link.limit = 200


def case_message_flood(w):
    """Ten thousand messages in a burst do not stop the mail."""
    gw, p, _ = w.pair(['LOCALUSER OPER'])
    for i in range(10000):
        p.message('SMTP' if i % 2 else 'OPER', 'GATE', 'STATS' if i % 2 else 'spam %d' % i, 'BOB')
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    gw.empty()
    assert p.sessions == 1


class Neighbour(threading.Thread):
    """One that signs on as its node and does its worst, again and again, until it is stopped."""

    def __init__(self, gw, node, worst):
        super().__init__(daemon=True)
        self.gw, self.node, self.worst = gw, node, worst
        self.over, self.times = threading.Event(), 0
        self.start()

    def run(self):
        while not self.over.is_set():
            try:
                s = signed_on(self.gw, self.node)
                self.times += 1
                self.worst(s, self.over)
                s.close()
            except (OSError, TypeError, AssertionError, ConnectionError):
                pass  # refused, thrown out: what it deserves

    def stop(self):
        self.over.set()
        self.join()


def stalls(s, over):
    """Never reads."""
    over.wait()


def dribbles(s, over):
    """A file request and a message, a byte at a time."""
    block = nw.ttb_put([nw.DLE_STX + b'\x90\x8f\xcf\x90\x99\0\0']) + nw.ttb_put([])
    while not over.is_set():
        for byte in block:
            s.sendall(bytes((byte,)))
            if over.wait(0.001):
                return


def floods(s, over):
    """Messages and requests without end, and reads nothing of what is said to them."""
    nmr = nw.scb_literal(nw.nmr_message('FLOOD', 'GATE', 'SMTP', 'STATS', 'EVE'))
    piece = nw.ttb_put([nw.DLE_STX + b'\x90\x8f\xcf\x9a\x80' + nmr + b'\0',
                        nw.DLE_STX + b'\x90\x8f\xcf\x90\x99\0\0']) * 50
    s.settimeout(0.2)
    while not over.is_set():
        s.sendall(piece)


def lies(s, over):
    """Lengths that are not true."""
    s.sendall(nw.ttb_put([nw.DLE_STX + b'\x90\x8f\xcf\x99\xc0\xff' + b'x' * 20]))
    while s.recv(4096):
        pass


def case_bad_neighbours_beside_a_good_one(w):
    """One stalls, one dribbles, one floods, one lies: the good one's files and messages pass both ways, and its link
    stays up."""
    gw = w.gateway(lines=['LOCALUSER OPER'])
    p = w.peer('MVSA')
    gw.link('MVSA', p.listen_at)
    bad = {'STALL': stalls, 'DRIBBLE': dribbles, 'FLOOD': floods, 'LIAR': lies}
    for node in bad:
        gw.link(node)
    gw.start()
    p.wait_up()
    for i in range(10):
        gw.cli('note', 'BOB@STALL', '--from', 'OPER', stdin='x' * 70 + '\n')
    them = [Neighbour(gw, node, worst) for node, worst in bad.items()]
    try:
        gw.until(lambda: all(t.times for t in them), what='each of them to have come')
        sent = [p.send(njefile.punch('BOB', 'MVSA', 'OPER', 'GATE', ['file %d' % i] * 50, fn='GOOD', form='QUIET'))
                for i in range(20)]
        for i in range(5):
            gw.cli('note', 'BOB@MVSA', '--from', 'OPER', '--subject', 'n%d' % i, stdin='text\n' * 50)
            p.take_file()
        for s in sent:
            assert s.wait() == 'taken'
        p.command('GATE', 'CPQ TIME', 'BOB')
        p.take_message(lambda m: 'TIME IS' in m['text'])
    finally:
        for t in them:
            t.stop()
    assert p.sessions == 1 and gw.process.poll() is None
    assert len([r for r in gw.json('reader', 'list', 'OPER') if r['fn'] == 'GOOD']) == 20


case_bad_neighbours_beside_a_good_one.limit = 120


def case_idle_client(w):
    """An idle client is told and closed; a slow one, one octet at a time, is served."""
    gw, p, _ = w.pair(['INACTIVE 2'])
    idle = wd.Raw(gw.smtp)
    idle.expect(220)
    slow = wd.Raw(gw.smtp)
    slow.expect(220)
    for byte in b'EHLO slow.test\r\n':
        slow.send(bytes((byte,)))
    slow.expect(250)
    idle.expect(421)
    assert idle.reply()[0] == 0


def case_large_from_nje(w):
    """A five-megabyte file leaves for the Internet, whole."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    blob = os.urandom(5 << 20)
    p.send(njefile.netdata('BOB', 'MVSA', 'ANNE', 'GATE', [blob[at:at + 30000] for at in range(0, len(blob), 30000)],
                           fn='BIG', ft='BIN')).wait(60)
    m = sink.take(limit=60)
    m.strict
    parts = [part.get_payload(decode=True) for part in m.mail.walk() if not part.is_multipart()]
    assert any(blob in x for x in parts), [len(x) for x in parts]


case_large_from_nje.limit = 120


def case_many_recipients(w):
    """A hundred recipients on one node: one note each, from one message."""
    gw, p, _ = w.pair()
    gw.mail(['u%d%%mvsa@%s' % (i, gw.fqdn) for i in range(100)], headers=[('To', 'list:;')])
    got = sorted(p.take_file().dest[0] for _ in range(100))
    assert got == sorted('U%d' % i for i in range(100))
    gw.empty()


def case_reload_storm(w):
    """SIGHUP fifty times while mail flows."""
    gw, p, _ = w.pair()
    for i in range(50):
        gw.hup()
        if i % 5 == 0:
            gw.mail('bob%mvsa@' + gw.fqdn, 'n%d\r\n' % i)
    for _ in range(10):
        p.take_file()
    assert p.sessions == 1
    gw.empty()


def case_everything_at_once(w):
    """Both directions, messages and queries together, with the link cut twice: nothing lost, nothing twice."""
    gw, p, sink = w.pair()
    for i in range(5):
        gw.cli('nick', 'add', 'N%d' % i, 'n%d@example.org' % i)
    errors = []

    def internet():
        try:
            for i in range(40):
                gw.mail('bob%mvsa@' + gw.fqdn, 'in%d\r\n' % i)
        except Exception as e:
            errors.append(e)
    t = threading.Thread(target=internet)
    t.start()
    outs = [njefile.note('BOB', 'MVSA', 'N%d' % (i % 5), 'GATE', ['out%d' % i], 'Out') for i in range(40)]
    waiting = [(o, p.send(o)) for o in outs]
    gw.until(lambda: len(sink.messages) > 5)
    p.cut()
    while waiting:
        fates = [(o, s, s.wait()) for o, s in waiting]
        waiting = [(o, p.send(o)) for o, s, fate in fates if fate != 'taken']
    t.join(60)
    assert not errors, errors
    sink.until(lambda: len(sink.messages) >= 40)
    p.until(lambda: {'in%d' % i for i in range(40)} <= {f.lines()[-1] for f in p.files})
    gw.empty()
    out = sorted(m.mail.get_content().split()[0] for m in sink.messages)
    assert out == sorted('out%d' % i for i in range(40)), out


case_everything_at_once.limit = 120
