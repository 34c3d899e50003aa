"""The connection breaks at every byte of a transfer, both ways: whole files, each once, none lost."""
import os
import socket
import sqlite3

import njefile
import njepeer
import njewire as nw
from world import LIMIT

MANNER = njepeer.MANNERS['rscs']


class Cut(Exception):
    """The connection has carried all it may."""


class Busy(Exception):
    """The gateway has not yet seen the end of the connection before."""


class Line:
    """A caller that signs on as MVSX over a connection that carries `most` bytes, both ways counted."""

    def __init__(self, gw, most):
        self.most, self.passed, self.bcb = most, 0, 0
        self.buffer = b''
        self.sock = socket.create_connection(gw.nje, timeout=LIMIT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self, all_sent=False):
        if all_sent:  # nothing that was sent is lost on its way
            self.sock.shutdown(socket.SHUT_WR)
            while self.sock.recv(4096):
                pass
        self.sock.close()

    def put(self, data):
        may = min(len(data), self.most - self.passed)
        self.sock.sendall(data[:may])
        self.passed += may
        if may < len(data):
            raise Cut

    def take(self, n):
        while len(self.buffer) < n:
            piece = self.sock.recv(min(4096, self.most - self.passed) or 1)
            if not piece:
                raise ConnectionError('the gateway has closed the connection')
            if self.passed >= self.most:
                raise Cut
            self.passed += len(piece)
            self.buffer += piece
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def put_block(self, records, close=True):
        head = 0xA0 if self.bcb == 0 else 0x80 | (self.bcb - 1) & 15
        self.bcb += 1
        self.put(nw.ttb_put([nw.DLE_STX + bytes((head,)) + b'\x8f\xcf' + records + (b'\0' if close else b'')]))

    def records(self):
        """Of the next TTB that has some."""
        while True:
            head = self.take(8)
            raw = head + self.take(nw.ttb_size(head) - 8)
            got = []
            for _, block in nw.ttb_get(raw, lambda code, text: None):
                if block[:2] == nw.DLE_STX:
                    got += nw.block_get(block, lambda code, text: None)[2]
            if got or self.bcb == 0:
                return got

    def sign_on(self):
        self.put(nw.ctl_put('OPEN', 'MVSX', 'GATE'))
        if nw.ctl_get(self.take(33))['type'] != 'ACK':
            raise Busy
        self.put(nw.ttb_put([nw.SOH_ENQ]))
        self.records()
        self.put_block(nw.signon_put('I', 'MVSX', 4096), close=False)
        self.records()
        self.put(nw.ttb_put([nw.DLE_ACK0]))

    def until(self, rcb):
        while not any(r[:2] == (rcb, 0x99) for r in self.records()):
            pass


def attempt(gw, most, play):
    """One connection; what play answers, or None when it was cut, and the line."""
    while True:
        line = Line(gw, most)
        try:
            line.sign_on()
            done = play(line)
        except Busy:
            line.close()
            continue
        except Cut:
            done = None
        return done, line


def sending(out, sent):
    def play(line):
        line.put_block(b'\x90\x99\0')
        line.until(0xA0)
        for srcb, data in out.records(MANNER):
            line.put_block(bytes((0x99, srcb)) + (nw.scb_squeeze(data) if data else b'\0'))
        sent.append(True)  # its last byte: a peer of UnixNJE's kind has forgotten it now
        line.until(0xC0)
        return True
    return play


def small(n):
    return njefile.punch('BOB', 'MVSX', 'OPER', 'GATE', ['cut at %d' % n, 'to the end'], fn='F%d' % n, form='QUIET')


def case_while_it_comes(w):
    """Cut at each byte while a file comes: sent again unless its sender had given all of it away."""
    gw = w.gateway(lines=['LOCALUSER OPER'])
    gw.link('MVSX').start()
    most, names, done, forgotten = 1, [], None, 0
    while not done:
        out, sent = small(most), []
        done, line = attempt(gw, most, sending(out, sent))
        line.close(all_sent=bool(sent))
        forgets = bool(sent) and most % 2 == 0
        forgotten += forgets and not done
        if not done and not forgets:
            again, line = attempt(gw, 1 << 20, sending(out, sent))
            assert again
            line.close(all_sent=True)
        names.append(out.fn)
        most += 1
    assert most > 700 and forgotten > 2, (most, forgotten)
    gw.until(lambda: len(gw.json('reader', 'list', 'OPER')) >= len(names))
    got = sorted(r['fn'] for r in gw.json('reader', 'list', 'OPER'))
    assert got == sorted(names), [n for n in names if got.count(n) != 1]
    row = gw.json('reader', 'list', 'OPER')[-1]
    assert gw.cli('reader', 'show', str(row['id'])).splitlines()[-1].strip() == 'to the end'
    gw.empty()


case_while_it_comes.limit = 300


def case_forgotten_while_the_disk_is_busy(w):
    """Its sender is gone with his copy while the file is on its way into the store: it comes all the same, once."""
    gw = w.gateway(lines=['LOCALUSER OPER'])
    gw.link('MVSX').start()
    hold = sqlite3.connect(os.path.join(gw.dir, 'db'), isolation_level=None)
    hold.execute('BEGIN IMMEDIATE')

    def play(line):
        line.put_block(b'\x90\x99\0')
        line.until(0xA0)
        for srcb, data in small(1).records(MANNER):
            line.put_block(bytes((0x99, srcb)) + (nw.scb_squeeze(data) if data else b'\0'))
        return True
    done, line = attempt(gw, 1 << 20, play)
    assert done
    line.close(all_sent=True)
    gw.until(lambda: 'event=file-broken-off' in gw.read_log())
    assert not gw.json('reader', 'list', 'OPER')
    hold.execute('ROLLBACK')
    gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    again, line = attempt(gw, 1 << 20, sending(small(2), []))
    assert again
    line.close(all_sent=True)
    assert sorted(r['fn'] for r in gw.json('reader', 'list', 'OPER')) == ['F1', 'F2']


def receiving(copies):
    def play(line):
        line.until(0x90)
        line.put_block(b'\xa0\x99\0')
        inbound = njefile.Inbound(0x99, lambda code, text: None)
        while True:
            for rcb, srcb, data, aborted in line.records():
                assert rcb == 0x99, hex(rcb)
                if inbound.take(srcb, data, aborted) == 'eof':
                    copies.append(inbound.file)
                    line.put_block(b'\xc0\x99\0')
                    return True
    return play


def case_while_it_goes(w):
    """Cut at each byte while a file of ours goes: offered again until it was confirmed, known by its header."""
    gw = w.gateway(lines=['LOCALUSER OPER'])
    gw.link('MVSX').start()
    gw.cli('note', 'BOB@MVSX', '--from', 'OPER', '--subject', 'whole', stdin='to the end\n')
    most, copies, done = 1, [], None
    while not done:
        assert gw.process.poll() is None
        done, line = attempt(gw, most, receiving(copies))
        line.close(all_sent=bool(done))
        most += 1
    gw.empty()
    assert most > 700 and len(copies) > 3, (most, len(copies))  # the last: when X'C0' itself was cut
    assert len({(f.njh['job'], f.njh['entered'], f.origin, f.dest) for f in copies}) == 1
    for f in copies:
        assert f.lines()[-1] == 'to the end', f.lines()
    rows = gw.json('link', 'list')
    assert rows[0]['files_out'] == 1, rows


case_while_it_goes.limit = 300
