"""An independent NJE over TCP/IP node for tests: it speaks in the manner of RSCS, UnixNJE, NJE38 or JES2
and complains of everything its partner does that one of them would choke on.

As a library:    peer = Peer('MVSA', 'GATE', manner='rscs', connect=('127.0.0.1', 1750)); peer.start()
                 peer.send(njefile.note(...)).wait(); peer.take_file(lambda f: f.fn == 'X')
As a program:    njepeer.py --node MVSA --other GATE --listen 127.0.0.1:1750 [--manner unixnje] ...
                 prints one JSON object a line for every event; --help lists the rest.
"""
import argparse
import collections
import json
import os
import select
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import njefile  # noqa: E402
import njewire as w  # noqa: E402
from njewire import Bad  # noqa: E402

LIMIT = 30.0  # seconds; how long wait() calls wait unless told


class Manner:
    """How a family of implementations speaks."""

    def __init__(self, **k):
        self.pad = False           # X'FF' behind ENQ and ACK0 (UnixNJE)
        self.close_signon = True   # RCB 00 behind I, J and B
        self.squeeze = True        # SCB compression
        self.wait_complete = True  # keep a sent file until X'C0'
        self.streams = 7
        self.header_alone = False  # NJH, DSH, NJT each in a block of its own
        self.eof_srcb = 0x80
        self.bufsize = 4096
        self.reset_first = True    # first BCB is X'A0'
        self.event_j = 0xFFFFFFFF
        self.features = 0
        self.concur = False        # L record behind J
        self.repeat_ack = 0.0      # say ACK0 twice at once and again every so many seconds
        self.ack_after_i = False
        self.ack_after_j = False
        self.quiet_second = False  # a second request gets no answer
        self.beat = 'ttb'          # 'ttb', 'null' (block), 'nmr'
        self.ttb_empty = w.ttb_put([])
        self.greets = False        # "Signon of link complete" to the operator
        self.segment = 256
        self.unused = b'\0'
        self.jobname = 'RSCS%04d'
        self.print_to_dest = True
        self.tag = True
        self.rscs_section = True
        self.njh_extra = ()
        self.signoff = b'\0'
        self.obeys_fcs = True
        self.fragile = frozenset()  # complaints that make it drop the link
        for key, value in k.items():
            if not hasattr(self, key):
                raise KeyError(key)
            setattr(self, key, value)


SCHEDULING = njefile.raw_sections(0x8A, 0, b'\0' * 48)
MANNERS = {
    'rscs': Manner(),
    'unixnje': Manner(pad=True, ack_after_j=True, close_signon=False, squeeze=False, wait_complete=False, header_alone=True,
                      beat='nmr', unused=b'\x40', jobname='NJE_%04d', print_to_dest=False, signoff=b'\xff',
                      bufsize=8192, obeys_fcs=False, event_j=0xFFFFFFFF,
                      fragile=frozenset(('ttb-short', 'buffer-big', 'rcb', 'no-data', 'late-cancel', 'ack0-twice',
                                         'order', 'nmr-long'))),
    'nje38': Manner(streams=1, repeat_ack=3.0, ack_after_i=True, quiet_second=True, greets=True,
                    features=0x10000000, ttb_empty=struct.pack('>BBHI', 0, 0, 16, 0) + b'\0' * 8, tag=False,
                    bufsize=1024),
    'jes2': Manner(reset_first=False, concur=True, event_j=0, features=0x15000000, beat='null', segment=253,
                   eof_srcb=0x00, bufsize=32768, unused=b'\0', jobname='JOB%05d', print_to_dest=False, tag=False,
                   rscs_section=False, njh_extra=(SCHEDULING,), signoff=b'\0\0'),
}


class Sent:
    """The fate of a file given to Peer.send: 'taken', 'refused' or 'cut'."""

    def __init__(self, peer, out):
        self.peer, self.out, self.fate = peer, out, None
        self.records_gone = 0
        self.cut_after = None   # drop the connection after so many records
        self.without_c0 = None  # drop the connection when the end has been sent, before X'C0' is read

    def wait(self, limit=LIMIT):
        self.peer.until(lambda: self.fate, limit, 'file %s %s to leave' % (self.out.fn, self.out.ft))
        return self.fate


class Sender:
    """One outgoing stream under way."""

    def __init__(self, rcb, sent, manner):
        self.rcb, self.sent, self.manner = rcb, sent, manner
        self.state = 'asked'
        self.records = sent.out.records(manner)
        self.ahead = None

    def block(self, limit):
        """Records for one block, as bytes; None at the end."""
        out, alone = bytearray(), False
        while not alone:
            if self.ahead is None:
                self.ahead = next(self.records, None)
            if self.ahead is None:
                break
            srcb, data = self.ahead
            scb = w.scb_squeeze(data) if self.manner.squeeze else w.scb_literal(data)
            rec = bytes((self.rcb, srcb)) + (scb if data else b'\0')
            header = srcb in (w.NJH, w.DSH, w.NJT) and self.manner.header_alone
            if out and (header or len(out) + len(rec) > limit - 6):
                break
            out += rec
            self.ahead = None
            self.sent.records_gone += 1
            alone = header or self._cut_now()
        return bytes(out) if out else None

    def _cut_now(self):
        return self.sent.cut_after is not None and self.sent.records_gone >= self.sent.cut_after


class Gone(Exception):
    """The session is over; text says why."""


class Peer:
    """A node with one link. Everything public is safe to call from any thread."""

    def __init__(self, node, other, manner='rscs', listen=None, connect=None, line='', password='',
                 keepalive=60.0, allow=(), bufsize=None, streams=None, page=w.PAGE, on_event=None, redial=True):
        self.node, self.other = node, other
        self.manner = MANNERS[manner] if isinstance(manner, str) else manner
        self.listen_at, self.connect_to = listen, connect
        self.line, self.password = line, password
        self.keepalive = keepalive
        self.allow = set(allow)
        self.bufsize = bufsize or self.manner.bufsize
        self.max_streams = streams or self.manner.streams
        self.page = page
        self.on_event = on_event
        self.redial = redial
        self.cond = threading.Condition()
        self.files, self.messages, self.commands = [], [], []
        self.complaints, self.trace = [], collections.deque(maxlen=400)
        self.up, self.sessions, self.why = False, 0, ''
        self.stopping = False
        self.policy = lambda rcb: 'permit'     # or 'deny', 'ignore'
        self.on_record = lambda f, n: None     # called with the file under way and its record count
        self.hold_complete = False             # receive, but answer no X'C0'
        self.deny_at_end = False
        self._waiting = collections.deque()
        self._out = []
        self._todo = collections.deque()
        self._session = None
        self._wake_r, self._wake_w = os.pipe()
        self._listener = None
        if listen:
            self._listener = socket.create_server(listen)
            self.listen_at = self._listener.getsockname()
        self._thread = threading.Thread(target=self._run, name='peer-' + node, daemon=True)

    # --- for the test ---------------------------------------------------------------------------

    def start(self):
        self._thread.start()
        return self

    def stop(self, signoff=True):
        with self.cond:
            self.stopping = True
        if signoff:
            self._do(lambda s: s.signoff())
        self._kick()
        self._thread.join(LIMIT)
        if self._listener:
            self._listener.close()

    def cut(self):
        """Drop the connection, if there is one, without a word."""
        def dead(s):
            if s is session:
                raise Gone('cut by the test')
        with self.cond:
            session = self._session
        if session:
            self._do(dead)

    def until(self, test, limit=LIMIT, what='a condition'):
        with self.cond:
            if not self.cond.wait_for(test, limit):
                raise AssertionError('%s waited %.0f s in vain for %s\n%s' % (self.node, limit, what, self.story()))
            return test()

    def story(self):
        return 'peer %s (up=%s %s)\n  %s' % (self.node, self.up, self.why, '\n  '.join(list(self.trace)[-60:]))

    def wait_up(self, limit=LIMIT):
        self.until(lambda: self.up, limit, 'the link to come up')
        return self

    def wait_down(self, limit=LIMIT):
        self.until(lambda: not self.up, limit, 'the link to go down')

    def send(self, out, **plan):
        """Queue a file; returns its Sent. Keywords: cut_after=records, without_c0=True."""
        sent = Sent(self, out)
        for key, value in plan.items():
            setattr(sent, key, value)
        with self.cond:
            self._waiting.append(sent)
        self._do(lambda s: s.pump())
        return sent

    def message(self, to_user, to_node, text, from_user='', from_node=None):
        self._nmr(w.nmr_message(from_node or self.node, to_node, to_user, text, from_user))

    def command(self, to_node, text, from_user='OPER'):
        self._nmr(w.nmr_command(self.node, from_user, to_node, text))

    def take(self, things, test, limit, what):
        def find():
            return next((t for t in things if test(t)), None)
        found = self.until(find, limit, what)
        with self.cond:
            things.remove(found)
        return found

    def take_file(self, test=lambda f: True, limit=LIMIT):
        return self.take(self.files, test, limit, 'a file')

    def take_message(self, test=lambda m: True, limit=LIMIT):
        return self.take(self.messages, test, limit, 'a message')

    def take_command(self, test=lambda m: True, limit=LIMIT):
        return self.take(self.commands, test, limit, 'a command')

    def release(self):
        """Answer the X'C0's held back."""
        self.hold_complete = False
        self._do(lambda s: s.release())

    def fcs(self, value):
        """Send a null block with this FCS: bytes.fromhex('cfcf') stops the partner."""
        def say(s):
            s.our_fcs = value
            s.put_block(b'')
        self._do(say)

    def check(self):
        """Fail when the partner broke a rule that is not allowed for."""
        bad = [c for c in self.complaints if c[0] not in self.allow]
        assert not bad, 'peer %s complains of its partner:\n  %s\n%s' % (
            self.node, '\n  '.join('%s: %s' % c for c in bad), self.story())

    # --- inside ----------------------------------------------------------------------------------

    def _nmr(self, record):
        def put(s):
            s.put_block(bytes((0x9A, 0x80)) + s.scb(record))
        self._do(put)

    def _do(self, work):
        with self.cond:
            self._todo.append(work)
        self._kick()

    def _kick(self):
        try:
            os.write(self._wake_w, b'x')
        except OSError:
            pass

    def note(self, what, **more):
        line = ' '.join([what] + ['%s=%s' % kv for kv in more.items()])
        with self.cond:
            self.trace.append('%.3f %s' % (time.monotonic() % 1000, line))
            self.cond.notify_all()
        if self.on_event:
            self.on_event(dict(more, event=what))

    def complain(self, code, text):
        with self.cond:
            self.complaints.append((code, text))
        self.note('complaint', code=code, text=text)
        if code in self.manner.fragile:
            raise Gone('as a %s I break on: %s' % (code, text))

    def _run(self):
        while True:
            with self.cond:
                if self.stopping:
                    return
            sock = self._accept() if self._listener else self._dial()
            if sock is None:
                continue
            self._one_session(sock)
            if not self.redial and not self._listener:
                return

    def _one_session(self, sock):
        why = ''
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Session(self, sock).run()
        except (Gone, OSError) as e:
            why = str(e)
        except Bad as e:
            why = '%s: %s' % (e.code, e)
            with self.cond:
                self.complaints.append((e.code, str(e)))
        sock.close()
        with self.cond:
            self.up, self._session, self.why = False, None, why
            for sender in self._out:
                sender.sent.fate = sender.sent.fate or 'cut'
            self._out = []
            self.cond.notify_all()
        self.note('down', why=why)

    def _accept(self):
        ready = select.select([self._listener, self._wake_r], [], [], 1.0)[0]
        if self._wake_r in ready:
            os.read(self._wake_r, 4096)
        return self._listener.accept()[0] if self._listener in ready else None

    def _dial(self):
        try:
            return socket.create_connection(self.connect_to, timeout=LIMIT)
        except OSError as e:
            self.note('dial', failed=str(e))
        if select.select([self._wake_r], [], [], 0.2)[0]:
            os.read(self._wake_r, 4096)
        return None


class Session:
    """One connection of a Peer, in its thread."""

    def __init__(self, peer, sock):
        self.p, self.m, self.sock = peer, peer.manner, sock
        sock.setblocking(False)
        self.inbuf, self.outbuf = bytearray(), bytearray()
        self.dialled = peer._listener is None
        self.state = 'ctl'
        self.seq_in, self.seq_out, self.first_out, self.first_in = 0, 0, True, True
        self.our_fcs, self.their_fcs = b'\x8f\xcf', b'\x8f\xcf'
        self.size = peer.bufsize
        self.incoming, self.held = {}, []
        self.last_said = self.last_ack = time.monotonic()
        self.acks_seen, self.heard_block = 0, False

    # --- the loop -----------------------------------------------------------------------------------

    def run(self):
        p = self.p
        with p.cond:
            p.sessions += 1
            p._session = self
        if self.dialled:
            self.outbuf += w.ctl_put('OPEN', p.node, p.other)
        while True:
            want_out = [self.sock] if self.outbuf else []
            ready = select.select([self.sock, p._wake_r], want_out, [], self._tick())
            if p._wake_r in ready[0]:
                os.read(p._wake_r, 4096)
            if self.sock in ready[0]:
                self._read()
            if not ready[0] and not ready[1]:
                self._idle()
            self._work()
            if self.outbuf:
                self._flush()

    def _tick(self):
        if not self.outbuf and any(s.state == 'open' and self.may_send(s.rcb) for s in self.p._out):
            return 0  # more is ready to be sent than was put last time
        if self.state == 'soh' and self.m.repeat_ack and not self.dialled:
            return self.m.repeat_ack
        return min(1.0, self.p.keepalive)

    def _read(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone('closed by the partner')
        self.inbuf += data
        while self._parse():
            pass

    def _flush(self):
        try:
            n = self.sock.send(self.outbuf)
        except BlockingIOError:
            return
        del self.outbuf[:n]
        self.last_said = time.monotonic()
        if not self.outbuf and self.state == 'bye':
            raise Gone('signed off')

    def _work(self):
        while True:
            with self.p.cond:
                if self.p._todo and (self.state == 'up' or self.p.stopping):
                    work = self.p._todo.popleft()
                else:
                    break
            work(self)
        if self.state == 'up':
            self.pump()
        elif self.p.stopping and self.state != 'bye':
            raise Gone('stopped')

    def _idle(self):
        now = time.monotonic()
        if self.state == 'wait-i' and self.m.repeat_ack and now - self.last_ack >= self.m.repeat_ack:
            self._ack0()
        if self.state == 'up':
            if now - self.last_said >= self.p.keepalive:
                self.beat()
            if not self.m.wait_complete:
                self._forget_sent()

    def beat(self):
        if self.m.beat == 'ttb':
            self.outbuf += self.m.ttb_empty
        elif self.m.beat == 'null':
            self.put_block(b'')
        else:
            self.put_block(bytes((0x9A, 0x80)) + self.scb(
                w.nmr_command(self.p.node, 'VMNET', self.p.other, 'CPQ TIME')))

    # --- saying ------------------------------------------------------------------------------------------

    def scb(self, raw):
        return w.scb_squeeze(raw) if self.m.squeeze else w.scb_literal(raw)

    def put_raw(self, raw):
        self.outbuf += w.ttb_put([raw])

    def _ack0(self):
        self.last_ack = time.monotonic()
        self.put_raw(w.DLE_ACK0 + (b'\xff' if self.m.pad else b''))

    def put_block(self, records, close=True):
        bcb = 0x80 | self.seq_out
        if self.first_out and self.m.reset_first:
            bcb = 0xA0  # a reset does not use up a number
        else:
            self.seq_out = (self.seq_out + 1) % 16
        self.first_out = False
        self.put_raw(w.DLE_STX + bytes((bcb,)) + self.our_fcs + records + (b'\0' if close else b''))

    def control(self, rcb, stream):
        self.put_block(bytes((rcb, stream, 0)))

    def signoff(self):
        if self.state == 'up':
            self.put_block(b'\xf0\xc2' + self.m.signoff, close=False)
            self.state = 'bye'
        else:
            raise Gone('stopped')

    def pump(self):
        """Ask for streams, and send what may go, a block a stream in turn."""
        p = self.p
        with p.cond:
            busy = {s.rcb for s in p._out}
            while p._waiting and len(p._out) < p.max_streams and self.state == 'up':
                table = w.SYSIN if p._waiting[0].out.sysin else w.SYSOUT
                rcb = next(r for r in table if r not in busy)
                busy.add(rcb)
                p._out.append(Sender(rcb, p._waiting.popleft(), self.m))
                self.control(0x90, rcb)
        while len(self.outbuf) < 65536:
            moved = [self._send_some(s) for s in list(p._out) if s.state == 'open' and self.may_send(s.rcb)]
            if not any(moved):
                break

    def may_send(self, rcb):
        if self.m.obeys_fcs and self.their_fcs[0] & 0x40:
            return False
        n = (rcb >> 4) - 9
        if not self.m.obeys_fcs:
            return not self.their_fcs[0] & 0x40
        if rcb & 0x0F == 9:
            byte, bit = ((1, 1), (1, 2), (1, 4), (1, 8), (0, 1), (0, 2), (0, 4))[n]
        else:
            byte, bit = ((0, 8), (0, 4), (0, 2), (0, 1), (1, 8), (1, 4), (1, 2))[n]
        return bool(self.their_fcs[byte] & bit)

    def _send_some(self, s):
        data = s.block(min(self.size, 8100))
        if data is None:
            s.state = 'ended'
            return False
        self.put_block(data)
        if s._cut_now():
            self._flush()
            raise Gone('cut by plan after %d records' % s.sent.records_gone)
        if s.ahead is None and data.endswith(bytes((s.rcb, self.m.eof_srcb, 0))):
            s.state = 'ended'
            if s.sent.without_c0:
                self._flush()
                raise Gone('cut by plan before X\'C0\'')
        return True

    # --- hearing -----------------------------------------------------------------------------------------

    def _parse(self):
        if self.state == 'ctl':
            return self._control()
        if len(self.inbuf) < 8:
            return False
        n = w.ttb_size(self.inbuf)
        if n < 12:
            self.p.complain('ttb-short', 'TTB length %d' % n)
            raise Bad('ttb-short', 'TTB length %d: UnixNJE loops for ever' % n)
        if len(self.inbuf) < n:
            return False
        raw = bytes(self.inbuf[:n])
        del self.inbuf[:n]
        for flags, block in w.ttb_get(raw, self.p.complain):
            self._block(flags, block)
        if self.state == 'up' and n <= 16:
            self.p.note('keep-alive', length=n)
        return True

    def _control(self):
        if len(self.inbuf) < 33:
            if not self.dialled and self.inbuf:
                self.p.complain('open-split', 'OPEN came in pieces, %d bytes first' % len(self.inbuf))
            return False
        if len(self.inbuf) > 33:
            self.p.complain('early', '%d bytes behind the control record' % (len(self.inbuf) - 33))
        c = w.ctl_get(bytes(self.inbuf[:33]))
        del self.inbuf[:33]
        self.p.note('ctl', **{k: v for k, v in c.items() if k in ('type', 'rhost', 'ohost', 'r')})
        if self.dialled:
            self._answer_to_open(c)
        else:
            self._open(c)
        return True

    def _answer_to_open(self, c):
        if c['type'] == 'NAK':
            raise Gone('NAK %d' % c['r'])
        if c['type'] != 'ACK' or c['r']:
            raise Bad('open-answer', 'OPEN answered by %s R=%d' % (c['type'], c['r']))
        if (c['rhost'], c['ohost']) != (self.p.other, self.p.node):
            self.p.complain('ack-names', 'ACK from %s to %s' % (c['rhost'], c['ohost']))
        self.put_raw(w.SOH_ENQ + (b'\xff' if self.m.pad else b''))
        self.state = 'wait-ack0'

    def _open(self, c):
        if c['type'] != 'OPEN' or c['r']:
            raise Bad('open', '%s R=%d where OPEN was due' % (c['type'], c['r']))
        good = (c['rhost'], c['ohost']) == (self.p.other, self.p.node)
        self.outbuf += w.ctl_put('ACK' if good else 'NAK', self.p.node, c['rhost'], 0 if good else 1)
        if not good:
            self._flush()
            raise Gone('OPEN from %s to %s' % (c['rhost'], c['ohost']))
        self.state = 'soh'

    def _block(self, flags, raw):
        if raw[:2] == w.SOH_ENQ and len(raw) <= 3:
            return self._soh(raw)
        if raw[:2] == w.DLE_ACK0 and len(raw) <= 3:
            return self._heard_ack0(raw)
        if raw == w.SYN_NAK and self.state == 'wait-ack0':
            return self.put_raw(w.SOH_ENQ)
        if self.state not in ('wait-i', 'wait-j', 'up', 'bye'):
            raise Bad('state', 'block %s in state %s' % (raw[:8].hex(), self.state))
        if len(raw) > max(self.size, 100):
            self.p.complain('block-long', 'block of %d, agreed were %d' % (len(raw), self.size))
        bcb, self.their_fcs, records = w.block_get(raw, self.p.complain)
        if not self._count(bcb):
            return None
        self.heard_block = self.state == 'up'
        if not records and self.state == 'up':
            self.p.note('null block', bcb='%02x' % bcb)
        for rcb, srcb, data, aborted in records:
            self._record(rcb, srcb, data, aborted, flags)
        if not self.m.wait_complete:
            self._forget_sent()
        return None

    def _soh(self, raw):
        self._judge_pad(raw)
        if self.state != 'soh':
            raise Bad('soh', 'SOH ENQ in state %s' % self.state)
        self._ack0()
        if self.m.repeat_ack:
            self._ack0()
        self.state = 'wait-i'

    def _judge_pad(self, raw):
        if len(raw) == 3:
            self.p.complain('pad', 'control block of 3 bytes: NJElib takes 2 only')

    def _heard_ack0(self, raw):
        self._judge_pad(raw)
        self.acks_seen += 1
        if self.state == 'wait-ack0':
            self._signon('I', 0)
            if self.m.ack_after_i:
                self._ack0()
            self.state = 'wait-j'
        elif self.state == 'up':
            # UnixNJE's dialling side says it once behind the J record.
            if self.dialled or self.heard_block or self.acks_seen > 1:
                self.p.complain('ack0-up', 'DLE ACK0 on a link that is up')
        elif self.acks_seen > 1:
            self.p.complain('ack0-twice', 'a second DLE ACK0 in the sign-on')

    def _signon(self, letter, event):
        p = self.p
        self.put_block(w.signon_put(letter, p.node, self.size, p.line, p.password, event,
                                    features=self.m.features), close=self.m.close_signon)

    def _count(self, bcb):
        kind, n = bcb & 0xF0, bcb & 0x0F
        if kind == 0xA0:
            self.seq_in = n
        elif kind == 0x80:
            if n == (self.seq_in - 1) % 16 and not self.first_in:
                self.p.complain('bcb-twice', 'BCB %02x again' % bcb)
                return False
            if n != self.seq_in:
                raise Bad('bcb', 'BCB %02x where %02x was due' % (bcb, 0x80 | self.seq_in))
            self.seq_in = (n + 1) % 16
        self.first_in = False
        return True

    def _record(self, rcb, srcb, data, aborted, flags):
        if rcb == 0xF0:
            return self._signon_record(srcb, data)
        if self.state not in ('up', 'bye'):
            raise Bad('state', 'record %02x before sign-on is done' % rcb)
        if rcb == 0x9A:
            return self._nmr(data)
        if rcb == 0x90:
            return self._request(srcb, flags & 0x80)
        if rcb in (0xA0, 0xB0, 0xC0):
            return self._answer(rcb, srcb)
        if rcb in w.STREAMS:
            return self._stream(rcb, srcb, data, aborted)
        return self.p.note('record', rcb='%02x' % rcb, srcb='%02x' % srcb)

    def _signon_record(self, srcb, data):
        p = self.p
        if srcb == 0xC2:
            raise Gone('signed off by the partner')
        if srcb == 0xD3 and self.state == 'up':
            if self.m.pad:
                p.complain('concur', 'L record: UnixNJE logs it as illegal')
            return
        want = {'wait-i': 0xC9, 'wait-j': 0xD1}.get(self.state)
        if srcb != want:
            raise Bad('signon', 'sign-on record %02x in state %s' % (srcb, self.state))
        s = w.signon_get(data)
        self._judge_signon(s, srcb == 0xC9)
        self.size = min(self.size, s['size'])
        if self.state == 'wait-i':
            self._signon('J', self.m.event_j)
        elif self.m.ack_after_j:
            self._ack0()
        elif self.m.concur:
            self.put_block(struct.pack('>BBBIH', 0xF0, 0xD3, 9, s['event'], 0))
        self._is_up()

    def _judge_signon(self, s, first):
        p = self.p
        if s['node'] != p.other:
            raise Bad('signon-node', 'sign-on by %s, not %s' % (s['node'], p.other))
        if s['line'] != p.line or s['password'] != p.password:
            raise Bad('signon-password', 'wrong password in the sign-on record')
        if s['size'] >= 32768:
            p.complain('buffer-big', 'buffer size %d offered' % s['size'])
        if not 400 <= s['size'] <= 32767:
            p.complain('buffer', 'buffer size %d offered' % s['size'])
        if not first and s['size'] > self.p.bufsize:
            p.complain('buffer-more', 'J says %d, I said %d' % (s['size'], self.p.bufsize))
        if first and s['event']:
            p.complain('event', 'event number %08x in an I record' % s['event'])
        if s['idl'] not in (0x25, 0x29):
            p.complain('signon-idl', 'NCCIDL %02x' % s['idl'])

    def _is_up(self):
        self.state = 'up'
        with self.p.cond:
            self.p.up = True
            self.p.cond.notify_all()
        self.p.note('up', bufsize=self.size)
        if self.m.greets:
            self.put_block(bytes((0x9A, 0x80)) + self.scb(w.nmr_message(
                self.p.node, self.p.other, '', 'Signon of link %s complete, buffer size=%d'
                % (self.p.other, self.size))))

    def _request(self, rcb, fast):
        if rcb not in w.STREAMS:
            raise Bad('stream', 'request for stream %02x' % rcb)
        if rcb in self.incoming:
            self.p.complain('request-open', 'request on stream %02x which is open' % rcb)
            return self.control(0xB0, rcb)
        if self.m.quiet_second and self.incoming:
            return self.p.note('request ignored', rcb='%02x' % rcb)
        verdict = self.p.policy(rcb)
        self.p.note('request', rcb='%02x' % rcb, verdict=verdict)
        if verdict == 'deny':
            self.control(0xB0, rcb)
        elif verdict == 'permit':
            self.incoming[rcb] = njefile.Inbound(rcb, self.p.complain)
            if not fast:
                self.control(0xA0, rcb)

    def _stream(self, rcb, srcb, data, aborted):
        s = self.incoming.get(rcb)
        if s is None:
            return self.p.complain('unasked', 'record on stream %02x which is not open' % rcb)
        if not self.our_fcs[1] & 1 and rcb == 0x99:
            self.p.complain('fcs-ignored', 'data while our FCS forbids it')
        verdict = s.take(srcb, data, aborted)
        self.p.on_record(s.file, len(s.file.records))
        if verdict == 'abort':
            self.p.note('abort', rcb='%02x' % rcb)
            del self.incoming[rcb]
            self.control(0xC0, rcb)
        elif verdict == 'eof':
            del self.incoming[rcb]
            self._file(rcb, s.file)
        return None

    def _file(self, rcb, f):
        with self.p.cond:
            self.p.files.append(f)
            self.p.cond.notify_all()
        self.p.note('file', **f.summary())
        if self.p.hold_complete:
            self.held.append(rcb)
        elif self.p.deny_at_end:
            self.control(0xB0, rcb)
        else:
            self.control(0xC0, rcb)
        if self.m.greets and not f.form.startswith('QU'):
            self.put_block(bytes((0x9A, 0x80)) + self.scb(w.nmr_message(
                self.p.node, f.origin[1], f.origin[0], 'File (%04d) received at destination node for %s(%s)'
                % (f.njh['job'], f.dest[1], f.dest[0]))))

    def release(self):
        held, self.held = self.held, []
        for rcb in held:
            self.control(0xC0, rcb)

    def _answer(self, rcb, stream):
        p = self.p
        s = next((s for s in p._out if s.rcb == stream), None)
        if s is None:
            if not self.m.wait_complete and rcb == 0xC0:
                return
            p.complain('answer', '%02x for stream %02x on which nothing is under way' % (rcb, stream))
        elif rcb == 0xA0:
            if s.state != 'asked':
                p.complain('permit', 'permission for stream %02x, which has it' % stream)
            s.state = 'open'
        elif rcb == 0xB0:
            if s.state == 'ended':
                p.complain('late-cancel', 'B0 after the end of the file: UnixNJE dies of it')
            self._fate(s, 'refused')
        elif s.state != 'ended':
            p.complain('early-complete', 'C0 for stream %02x before its end' % stream)
        else:
            self._fate(s, 'taken')

    def _fate(self, s, fate):
        with self.p.cond:
            if s in self.p._out:
                self.p._out.remove(s)
            s.sent.fate = fate
            self.p.cond.notify_all()
        self.p.note('sent', fn=s.sent.out.fn, ft=s.sent.out.ft, fate=fate)

    def _forget_sent(self):
        """UnixNJE's way: the next thing heard after the end takes the file off its queue."""
        for s in [s for s in self.p._out if s.state == 'ended']:
            self._fate(s, 'taken')

    def _nmr(self, data):
        n = w.nmr_get(data, self.p.complain)
        with self.p.cond:
            (self.p.commands if n['command'] else self.p.messages).append(n)
            self.p.cond.notify_all()
        self.p.note('command' if n['command'] else 'message', **n)
        if n['command'] and n['from_user'] and n['to_node'] == self.p.node:
            for line in answer_to(n, self.p):
                self.put_block(bytes((0x9A, 0x80)) + self.scb(w.nmr_message(
                    self.p.node, n['from_node'], n['from_user'], line)))


def answer_to(n, peer):
    """What a node says to the commands everyone may give."""
    words = n['text'].split()
    if words[:2] == ['CPQ', 'TIME']:
        return ['%s TIME IS %s' % (peer.node, time.strftime('%H:%M:%S', time.gmtime()))]
    if words[:1] == ['Q'] or words[:1] == ['QUERY']:
        return ['Link %s active, node %s' % (peer.other, peer.other), 'End of list']
    return ['Invalid command %s' % n['text'].split(' ')[0]]


def connect_pair(a, b):
    """Start two peers of which one listens; both up on return."""
    for p in sorted((a, b), key=lambda p: p._listener is None):
        p.start()
    return a.wait_up(), b.wait_up()


# --- the program -------------------------------------------------------------------------------------------

def endpoint(text):
    host, _, port = text.rpartition(':')
    return (host or '127.0.0.1', int(port))


def arguments():
    a = argparse.ArgumentParser(description='an NJE node for tests; prints JSON lines')
    a.add_argument('--node', required=True)
    a.add_argument('--other', required=True)
    a.add_argument('--listen', type=endpoint, metavar='HOST:PORT')
    a.add_argument('--connect', type=endpoint, metavar='HOST:PORT')
    a.add_argument('--manner', choices=sorted(MANNERS), default='rscs')
    a.add_argument('--line', default='', help='line password')
    a.add_argument('--password', default='', help='node password')
    a.add_argument('--keepalive', type=float, default=60.0)
    a.add_argument('--as', dest='user', default='TEST', help='user that sends')
    a.add_argument('--note', nargs=2, action='append', default=[], metavar=('USER@NODE', 'TEXT'))
    a.add_argument('--punch', nargs=2, action='append', default=[], metavar=('USER@NODE', 'FILE'))
    a.add_argument('--bsmtp', nargs=2, action='append', default=[], metavar=('USER@NODE', 'FILE'))
    a.add_argument('--tell', nargs=2, action='append', default=[], metavar=('USER@NODE', 'TEXT'))
    a.add_argument('--command', nargs=2, action='append', default=[], metavar=('NODE', 'TEXT'))
    a.add_argument('--text', action='store_true', help='print the text of files received')
    a.add_argument('--seconds', type=float, default=0, help='stop after so long; 0: when the input ends')
    return a.parse_args()


def lines_of(path):
    with open(path, encoding='utf-8') as f:
        return f.read().split('\n')[:-1]


def do_all(peer, args):
    for to, text in args.note:
        user, node = to.split('@')
        peer.send(njefile.note(args.user, peer.node, user, node, text.split('\\n'))).wait()
    for make, jobs in ((njefile.punch, args.punch), (njefile.bsmtp, args.bsmtp)):
        for to, path in jobs:
            user, node = to.split('@')
            peer.send(make(args.user, peer.node, user, node, lines_of(path))).wait()
    for to, text in args.tell:
        user, node = to.split('@')
        peer.message(user, node, text, args.user)
    for node, text in args.command:
        peer.command(node, text, args.user)


def main():
    args = arguments()
    show = threading.Lock()

    def event(e):
        if e['event'] == 'file' and args.text:
            e['text'] = peer.files[-1].lines()
        with show:
            print(json.dumps(e, default=str), flush=True)
    peer = Peer(args.node, args.other, args.manner, args.listen, args.connect, args.line, args.password,
                args.keepalive, on_event=event)
    event({'event': 'ready', 'listen': peer.listen_at})
    peer.start()
    peer.wait_up(args.seconds or 3600)
    do_all(peer, args)
    if args.seconds:
        select.select([], [], [], args.seconds)
    else:
        sys.stdin.read()
    peer.stop()
    return 1 if peer.complaints else 0


if __name__ == '__main__':
    sys.exit(main())
