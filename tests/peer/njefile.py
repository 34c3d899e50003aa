"""NJE files as the peer keeps them: collected record by record, judged, decoded; and made for sending."""
import itertools
import struct
import time

import njewire as w
from njewire import Bad

QUIET = 'QU'
spool_ids = itertools.count(101)


class NjeFile:
    """A received file: headers as dicts, data records as (cc, bytes)."""

    def __init__(self, rcb):
        self.rcb = rcb
        self.njh, self.dsh, self.njt = None, [], None
        self.records = []

    @property
    def origin(self):
        """(user, node) as the job header has it."""
        return (self.njh['origin_user'] or self.njh['userid'], self.njh['origin_node'])

    @property
    def dest(self):
        if not self.dsh:
            return (self.njh['exec_user'], self.njh['exec_node'])
        d = self.dsh[0]
        return (d['user'] or d['writer'], d['node'])

    def _of(self, key, fallback=''):
        return self.dsh[0][key] if self.dsh else fallback

    fn = property(lambda self: self._of('fn', self.njh['jobname']))
    ft = property(lambda self: self._of('ft', 'JOB'))
    cls = property(lambda self: self._of('class', self.njh['class']))
    form = property(lambda self: self._of('forms'))

    def cards(self):
        return [data for _, data in self.records]

    def is_netdata(self):
        data = b''.join(self.cards())
        return data[1:2] == b'\xe0' and data[2:8] == w.eb('INMR01')

    def netdata(self):
        return w.nd_get(b''.join(self.cards()))

    def raw_lines(self):
        """Logical records, EBCDIC."""
        if self.is_netdata():
            return self.netdata()['records']
        return [c.rstrip(b'\x40') for c in self.cards()]

    def lines(self, page=w.PAGE):
        return [r.decode(page).rstrip() for r in self.raw_lines()]

    def text(self, page=w.PAGE):
        return '\n'.join(self.lines(page)) + '\n'

    def summary(self):
        return {'origin': '%s@%s' % self.origin, 'dest': '%s@%s' % self.dest, 'fn': self.fn, 'ft': self.ft,
                'class': self.cls, 'form': self.form, 'records': len(self.records),
                'netdata': self.is_netdata(), 'hops': self.njh['hops'], 'job': self.njh['job']}


class Inbound:
    """One incoming stream: take() each record; a finished NjeFile comes back at its end."""

    def __init__(self, rcb, complain):
        self.file = NjeFile(rcb)
        self.complain = complain
        self.joiner = w.Joiner()
        self.joining = None
        self.span = None

    def take(self, srcb, data, aborted):
        """None: go on; 'abort'; or 'eof'."""
        if aborted:
            return 'abort'
        if not data:
            self._judge_end()
            return 'eof'
        if srcb in (w.NJH, w.DSH, w.NJT):
            self._header(srcb, data)
        elif srcb & 0xF0 in w.DATA_SRCB:
            self._data(srcb, data)
        else:
            raise Bad('srcb', 'SRCB %02x on stream %02x' % (srcb, self.file.rcb))
        return None

    def _header(self, srcb, data):
        if self.joining not in (None, srcb):
            raise Bad('head-mixed', 'header %02x within header %02x' % (srcb, self.joining))
        whole = self.joiner.add(data)
        self.joining = None if whole else srcb
        if not whole:
            return
        f = self.file
        if f.njt:
            raise Bad('order', 'header %02x behind the trailer' % srcb)
        if srcb == w.NJH:
            if f.njh:
                raise Bad('order', 'a second job header')
            f.njh = w.njh_get(whole)
            self._judge_njh()
        elif f.njh is None:
            raise Bad('order', 'header %02x before the job header' % srcb)
        elif srcb == w.DSH:
            if f.rcb in w.SYSIN:
                self.complain('sysin-dsh', 'data set header on a SYSIN stream')
            f.dsh.append(w.dsh_get(whole))
            self._judge_dsh()
        else:
            f.njt = w.njt_get(whole)

    def _data(self, srcb, data):
        f = self.file
        if f.njh is None or (not f.dsh and f.rcb in w.SYSOUT) or self.joining:
            raise Bad('order', 'data before its headers')
        if f.njt:
            raise Bad('order', 'data behind the trailer')
        piece, cc = self._piece(srcb, data)
        low = srcb & 0x0F
        if low == 0:
            f.records.append((cc, piece))
        else:
            self._spanned(low, cc, piece)

    def _piece(self, srcb, data):
        length, at = data[0], 1
        if srcb & 0x0F == 8:
            at += 2
        cc_size = w.DATA_SRCB[srcb & 0xF0]
        text = data[at:]
        if not text:
            self.complain('data-empty', 'a data record without even one blank')
        if len(text) > length:
            self.complain('data-length', 'record of %d with length byte %d' % (len(text), length))
        text = text.ljust(length, b'\x40')
        return text[cc_size:], text[:cc_size]

    def _spanned(self, low, cc, piece):
        self.complain('spanned', 'a spanned record (SRCB low %x)' % low)
        if (low == 8) != (self.span is None):
            raise Bad('span', 'spanned pieces out of order')
        self.span = (cc, piece) if low == 8 else (self.span[0], self.span[1] + piece)
        if low == 0x0C:
            self.file.records.append(self.span)
            self.span = None

    def _judge_njh(self):
        h = self.file.njh
        if not h['origin_node']:
            self.complain('njh-origin', 'job header without origin node')
        if not self.file.origin[0]:
            self.complain('njh-user', 'job header without origin user')
        for field in ('origin_user', 'userid', 'exec_user', 'print_user', 'punch_user'):
            if h[field] == 'SYSTEM':
                self.complain('njh-system', '%s is SYSTEM; IBM uses blanks' % field)
        if not h['jobname']:
            self.complain('njh-jobname', 'job header without job name')
        if not h['entered']:
            self.complain('njh-time', 'job header without entry time')

    def _judge_dsh(self):
        d = self.file.dsh[-1]
        if not d['node'] or not (d['user'] or d['writer']):
            self.complain('dsh-dest', 'data set header without destination')
        for what in (d['fn'], d['ft'], d['class']):
            if not what.strip():
                self.complain('dsh-name', 'data set header without name, type or class')

    def _judge_end(self):
        f = self.file
        if f.njh is None:
            raise Bad('order', 'end of file before the job header')
        if self.joining or self.span:
            raise Bad('order', 'end of file within a header or record')
        if f.njt is None:
            raise Bad('no-trailer', 'end of file without job trailer')
        if not f.records:
            self.complain('no-data', 'a file without any data record')
        n = len(f.records)
        if n not in (f.njt['cards'], f.njt['lines']):
            self.complain('count', 'trailer counts %d lines, %d cards; %d came'
                          % (f.njt['lines'], f.njt['cards'], n))
        if f.is_netdata():
            try:
                f.netdata()
            except Bad as e:
                self.complain(e.code, str(e))


# --- made for sending -----------------------------------------------------------------------------------

class Outgoing:
    """A file to be sent: who, what, cards. `style` of its headers comes with the peer's manners."""

    def __init__(self, from_user, from_node, to_user, to_node, fn, ft, cards, cls='A', form='STANDARD',
                 job=None, when=None, sysin=False, cc=None, width=80, dsh_each=0):
        self.origin, self.dest = (from_user, from_node), (to_user, to_node)
        self.fn, self.ft, self.cls, self.form = fn, ft, cls, form
        self.cards, self.cc, self.width = cards, cc, width
        self.job = next(spool_ids) if job is None else job
        self.when = time.time() if when is None else when  # the same each time it is sent
        self.sysin = sysin
        self.dsh_each = dsh_each  # a new data set header before every so many records (JES2's manner)

    def njh(self, manner):
        user, node = self.origin
        exec_to = self.dest if self.sysin else self.origin
        fields = {'jobname': manner.jobname % self.job, 'userid': user, 'origin_node': node, 'origin_user': user,
                  'exec_node': exec_to[1], 'exec_user': exec_to[0], 'print_node': node, 'print_user': user,
                  'punch_node': node, 'punch_user': user}
        if manner.print_to_dest and not self.sysin:
            fields.update(print_node=self.dest[1], print_user=self.dest[0], punch_node=self.dest[1],
                          punch_user=self.dest[0])
        return w.njh_put(fields, self.job, unused=manner.unused, when=self.when, cls=self.cls,
                         flags=0x08 if self.sysin else 0x0C, extra=manner.njh_extra)

    def dsh(self, manner):
        tag = '%-8s %-8s 50' % (self.dest[1], self.dest[0]) if manner.tag else None
        return w.dsh_put(self.dest[1], self.dest[0], self.fn, self.ft, self.cls, self.form, len(self.cards), tag,
                         rscs=manner.rscs_section, lrecl=self.width, recfm=0x42 if self.cc else 0x80,
                         device=0x41 if self.cc else 0x82, cc_print=bool(self.cc))

    def records(self, manner):
        """(srcb, bytes) in order, end of file last."""
        for piece in w.segments(self.njh(manner), manner.segment):
            yield w.NJH, piece
        for i, card in enumerate(self.cards):
            first = i == 0 or (self.dsh_each and i % self.dsh_each == 0)
            if first and not self.sysin:
                for piece in w.segments(self.dsh(manner), manner.segment):
                    yield w.DSH, piece
            text = card.rstrip(b'\x40') or b'\x40'
            if self.cc:
                yield 0x90, bytes((min(len(card) + 1, 255),)) + self.cc + text
            else:
                yield 0x80, bytes((max(self.width, len(card)),)) + text
        for piece in w.segments(w.njt_put(len(self.cards)), manner.segment):
            yield w.NJT, piece
        yield manner.eof_srcb, b''


def text_cards(lines, page=w.PAGE):
    """Lines as 80-byte cards, cut at 80 without mark (the manner of the punch)."""
    out = []
    for line in lines:
        raw = line.encode(page)
        pieces = [raw[at:at + 80] for at in range(0, len(raw), 80)] or [b'']
        out += [p.ljust(80, b'\x40') for p in pieces]
    return out


def punch(from_user, from_node, to_user, to_node, lines, fn='FILE', ft='DATA', **more):
    return Outgoing(from_user, from_node, to_user, to_node, fn, ft, text_cards(lines), **more)


def netdata(from_user, from_node, to_user, to_node, lines, fn='FILE', ft='DATA', note=False, ack=None,
            page=w.PAGE, recfm=0x0002, **more):
    """SENDFILE (or NOTE) in NETDATA; lines are text, or bytes taken as they are."""
    records = [ln if isinstance(ln, bytes) else ln.encode(page) for ln in lines]
    stream = w.nd_put(from_user, from_node, to_user, to_node, records, None if note else ('A', fn, ft),
                      recfm=recfm, ack=ack)
    return Outgoing(from_user, from_node, to_user, to_node, fn, ft, w.cards_of(stream), **more)


def note(from_user, from_node, to_user, to_node, body, subject='', full_name='', date=None, to=None, cc=(),
         **more):
    """A CMS NOTE as VM writes it. `to` and `cc` are lists of address lines when not just the destination."""
    def line(tag, full, user, node):
        return '%-6s%-47s%-8s at %s' % (tag, full, user, node)
    lines = ['Date: ' + (date or '13 November 1993, 22:52:42 CET'),
             line('From:', full_name, from_user, from_node)]
    for i, address in enumerate(to if to is not None else ['%-8s at %s' % (to_user, to_node)]):
        lines.append(('To:   ' if i == 0 else '      ') + address)
    for i, address in enumerate(cc):
        lines.append(('cc:   ' if i == 0 else '      ') + address)
    if subject:
        lines.append('Subject: ' + subject)
    more.setdefault('form', 'STD')
    return netdata(from_user, from_node, to_user, to_node, lines + [''] + list(body), fn=from_user[:8],
                   ft='NOTE', note=True, **more)


def bsmtp(from_user, from_node, to_user, to_node, lines, **more):
    """A batch SMTP file: class M, punched, as the mailers of the net do it."""
    more.setdefault('cls', 'M')
    more.setdefault('fn', from_user)
    more.setdefault('ft', 'MAIL')
    return punch(from_user, from_node, to_user, to_node, lines, **more)


def raw_sections(kind, mod, body):
    """A header section for Manner.njh_extra."""
    return struct.pack('>HBB', 4 + len(body), kind, mod) + body


def pds_block(track, record, data):
    """A block of an unloaded data set, as IEBCOPY puts it: where it lay, then its bytes."""
    return struct.pack('>BBHHHBBH', 0, 0, 0, 100, track, record, 0, len(data)) + data


def pds(from_user, from_node, to_user, to_node, members, dsn=('MY', 'PDS'), message=(), lrecl=80, **more):
    """TRANSMIT of a partitioned data set (fixed records) with a message; members are (name, records) pairs."""
    copyr1 = struct.pack('>IHHHB', 0x00CA6D0F, 0x0200, 3200, lrecl, 0x90) + b'\0' * 15 + struct.pack('>H', 15) + b'\0' * 24
    copyr2 = b'\0' * 16 + struct.pack('>6xHHHHH', 100, 0, 100, 14, 15) + b'\0' * 244
    entries, data = b'', []
    for i, (name, records) in enumerate(members):
        entries += w.eb(name, 8) + struct.pack('>HBB', i + 1, 1, 0)
        data.append(pds_block(i + 1, 1, b''.join(records)) + pds_block(i + 1, 2, b''))
    entries += b'\xff' * 8 + b'\0' * 4
    directory = b'\0' * 9 + struct.pack('>BH', 8, 256) + b'\xff' * 8 + \
        (struct.pack('>H', len(entries) + 2) + entries).ljust(256, b'\0') + pds_block(0, 0, b'')
    number, names = 1, w.unit(0x0002, *dsn)
    out = [w.nd_record(w.eb('INMR01') + w.unit(0x1011, from_node) + w.unit(0x1012, from_user) + w.unit(0x1001, to_node) +
                       w.unit(0x1002, to_user) + w.unit(0x102F, b'\2' if message else b'\1'), True)]

    def r02(utility, dsorg, recfm, size, more_units=b''):
        return w.nd_record(w.eb('INMR02') + struct.pack('>I', number) + w.unit(0x1028, utility) + w.unit(0x003C, dsorg) +
                           w.unit(0x0042, struct.pack('>I', size)) + w.unit(0x0049, recfm) + more_units, True)
    r03 = w.nd_record(w.eb('INMR03') + w.unit(0x0042, b'\0\x50') + w.unit(0x0049, b'\0\1'), True)
    heads = []
    if message:
        heads.append(r02('INMCOPY', b'\x40\0', b'\x50\2', 251, w.unit(0x0028)))
        number = 2
    heads += [r02('IEBCOPY', b'\2\0', b'\x90\0', lrecl, names), r02('INMCOPY', b'\x40\0', b'\x48\2', 3216)]
    out += heads
    if message:
        out += [r03] + [w.nd_record(ln.encode(w.PAGE)) for ln in message]
    out += [r03] + [w.nd_record(r) for r in [copyr1, copyr2, directory] + data]
    stream = b''.join(out) + w.nd_record(w.eb('INMR06'), True)
    return Outgoing(from_user, from_node, to_user, to_node, 'PDS', 'XMIT', w.cards_of(stream), **more)
