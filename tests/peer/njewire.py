"""NJE over TCP/IP on the wire: blocks, records, headers, NMRs and NETDATA.

Codec only, no sockets. Written from the wire facts in docs/NJE.md and the IBM formats manual
(SA32-0988), never from rscs/: it is the second opinion on it. Decoders raise Bad with a short code and
a sentence; what is tolerable but not wanted of a good neighbour goes to a `complain` callback.
"""
import re
import struct
import time

PAGE = 'cp037'
BLANK = 0x40
CTL = struct.Struct('>8s8s4s8s4sB')  # the 33-byte control record
SOH_ENQ, DLE_ACK0, SYN_NAK = b'\x01\x2d', b'\x10\x70', b'\x32\x3d'
DLE_STX = b'\x10\x02'
NJH, DSH, NJT = 0xC0, 0xE0, 0xD0
DATA_SRCB = {0x80: 0, 0x90: 1, 0xA0: 1, 0xB0: 0}  # data kind: bytes of carriage control
SYSOUT = [0x99, 0xA9, 0xB9, 0xC9, 0xD9, 0xE9, 0xF9]
SYSIN = [0x98, 0xA8, 0xB8, 0xC8, 0xD8, 0xE8, 0xF8]
STREAMS = frozenset(SYSOUT + SYSIN)
TOD_1970 = 2208988800
NMR_LEAST = 30


class Bad(Exception):
    """A violation of the protocol: .code names the rule, str() says what was seen."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def eb(text, width=None):
    """Text in EBCDIC, blank padded (and checked) to `width`."""
    raw = text.encode(PAGE)
    if width is None:
        return raw
    if len(raw) > width:
        raise ValueError('%r is longer than %d' % (text, width))
    return raw.ljust(width, b'\x40')


def asc(raw):
    return bytes(raw).decode(PAGE)


def name(raw):
    """A name field: blanks and nulls both mean unused."""
    return asc(bytes(raw).rstrip(b'\x40\x00'))


def tod(seconds):
    return (int((seconds + TOD_1970) * 1000000) << 12) & 0xFFFFFFFFFFFFFFFF


def tod_seconds(value):
    return (value >> 12) / 1e6 - TOD_1970


# --- control record ---------------------------------------------------------------------------------

def ctl_put(kind, rhost, ohost, reason=0, rip=b'\x7f\0\0\1', oip=b'\x7f\0\0\1'):
    return CTL.pack(eb(kind, 8), eb(rhost, 8), rip, eb(ohost, 8), oip, reason)


def ctl_get(raw):
    kind, rhost, rip, ohost, oip, reason = CTL.unpack(raw)
    if asc(kind) not in ('OPEN    ', 'ACK     ', 'NAK     '):
        raise Bad('ctl-type', 'control record type is %s' % kind.hex())
    return {'type': name(kind), 'rhost': name(rhost), 'ohost': name(ohost),
            'rip': rip, 'oip': oip, 'r': reason}


# --- TTB and TTR ---------------------------------------------------------------------------------------

def ttb_put(blocks, fast=False):
    """One transmission of the blocks given; none: the keep-alive."""
    body = b''.join(struct.pack('>BBH', 0x80 if fast else 0, 0, len(b)) + b for b in blocks)
    body += b'\0\0\0\0'
    return struct.pack('>BBHI', 0, 0, 8 + len(body), 0) + body


def ttb_size(head):
    return struct.unpack_from('>H', head, 2)[0]


def ttb_get(raw, complain):
    """The blocks of one whole TTB as (flags, bytes)."""
    flags, unused, length, reserved = struct.unpack_from('>BBHI', raw)
    if flags or unused or reserved:
        complain('ttb-head', 'TTB head %s has bits set' % raw[:8].hex())
    if length > 8192:
        complain('ttb-long', 'TTB of %d bytes, more than 8192' % length)
    blocks, at = [], 8
    while True:
        if at + 4 > length:
            raise Bad('ttb-open', 'TTB of %d has no closing TTR' % length)
        rflags, runused, n = struct.unpack_from('>BBH', raw, at)
        at += 4
        if n == 0:
            break
        if rflags & 0x7F or runused:
            complain('ttr-head', 'TTR flags %02x %02x' % (rflags, runused))
        if at + n > length:
            raise Bad('ttr-long', 'TTR of %d bytes passes the end of its TTB' % n)
        blocks.append((rflags, raw[at:at + n]))
        at += n
    if raw[at:length].strip(b'\0'):
        raise Bad('ttb-tail', '%d bytes after the closing TTR' % (length - at))
    return blocks


# --- SCB strings ----------------------------------------------------------------------------------------

def scb_literal(raw):
    out = bytearray()
    for at in range(0, len(raw), 63):
        piece = raw[at:at + 63]
        out.append(0xC0 + len(piece))
        out += piece
    out.append(0)
    return bytes(out)


RUN = re.compile(rb'\x40{2,31}|(.)\1{3,30}', re.S)


def scb_squeeze(raw):
    """Compressed: runs of blanks and of other bytes, literals between."""
    out, at = bytearray(), 0
    for run in RUN.finditer(raw):
        out += scb_literal(raw[at:run.start()])[:-1]
        n = run.end() - run.start()
        if raw[run.start()] == BLANK:
            out.append(0x80 + n)
        else:
            out += bytes((0xA0 + n, raw[run.start()]))
        at = run.end()
    return bytes(out + scb_literal(raw[at:]))


class Scan:
    """A place in a block."""

    def __init__(self, raw, at=0):
        self.raw, self.at = raw, at

    def left(self):
        return len(self.raw) - self.at

    def take(self, n):
        if self.left() < n:
            raise Bad('short', 'block ends within a record')
        piece = self.raw[self.at:self.at + n]
        self.at += n
        return piece

    def byte(self):
        return self.take(1)[0]

    def peek(self):
        return self.raw[self.at] if self.left() else None


def scb_get(scan):
    """One SCB string: (bytes, aborted)."""
    out = bytearray()
    while True:
        b = scan.byte()
        if b == 0:
            return bytes(out), False
        if b == 0x40:
            return bytes(out), True
        if b >= 0xC0:
            n, piece = b & 0x3F, None
            piece = scan.take(n)
        elif b >= 0xA0:
            n = b & 0x1F
            piece = scan.take(1) * n
        elif b >= 0x80:
            n = b & 0x1F
            piece = b'\x40' * n
        else:
            raise Bad('scb', 'SCB byte %02x means nothing' % b)
        if n == 0:
            raise Bad('scb-zero', 'SCB byte %02x with count 0' % b)
        out += piece


# --- blocks ------------------------------------------------------------------------------------------------

def block_get(raw, complain):
    """A DLE STX block: (bcb, fcs, [(rcb, srcb, data, aborted)]). Leading SYNs are skipped."""
    at = 0
    while raw[at:at + 1] == b'\x32':
        at += 1
    if raw[at:at + 2] != DLE_STX:
        raise Bad('block', 'block starts %s, not DLE STX' % raw[at:at + 2].hex())
    scan = Scan(raw, at + 2)
    bcb = scan.byte()
    fcs = scan.take(2)
    if bcb & 0xF0 not in (0x80, 0x90, 0xA0):
        raise Bad('bcb-kind', 'BCB %02x' % bcb)
    if not (fcs[0] & 0x80 and fcs[1] & 0x80):
        complain('fcs', 'FCS %s lacks its two fixed bits' % fcs.hex())
    records, closed = [], False
    while scan.left():
        rcb = scan.byte()
        if rcb == 0:
            closed = True
            break
        records.append(record_get(rcb, scan))
    if scan.left() and raw[scan.at:] not in (b'\x10\x26', b'\xff'):
        raise Bad('block-tail', '%d bytes behind RCB 00' % scan.left())
    if not closed and not (records and records[-1][0] == 0xF0):  # there it is seen both ways
        complain('no-rcb00', 'block not ended by RCB 00')
    judge_mix(records)
    return bcb, fcs, records


def record_get(rcb, scan):
    srcb = scan.byte()
    if rcb == 0xF0:  # the sign-on family is never SCB coded and takes what its length byte or the block says
        return rcb, srcb, signon_take(srcb, scan), False
    if rcb in (0x90, 0xA0, 0xB0, 0xC0, 0x9A) or rcb in STREAMS or rcb == 0xD0:
        data, aborted = scb_get(scan)
        return rcb, srcb, data, aborted
    if rcb == 0xE0:
        raise Bad('bcb-error', 'the peer reports a BCB sequence error, expected count %02x' % srcb)
    raise Bad('rcb', 'unknown RCB %02x' % rcb)


def signon_take(srcb, scan):
    rest = scan.left()
    if srcb in b'\xc9\xd1':  # I, J: 37 (no features) or 41 bytes with their head, then perhaps RCB 00
        size = {35: 35, 36: 35, 39: 39, 40: 39}.get(rest)
        if size is None:
            raise Bad('signon-length', 'sign-on record with %d bytes' % (rest + 2))
    elif srcb == 0xD3:
        size = 7
    elif srcb == 0xC2:  # a signoff ends the link: all of the block belongs to it
        size = rest
    else:
        size = max(rest - 1, 0)
    return scan.take(size)


def judge_mix(records):
    """One block carries one stream, only NMRs, or one control record."""
    kinds = {r[0] for r in records}
    if len(kinds) > 1:
        raise Bad('mixed', 'block mixes RCBs %s' % ' '.join('%02x' % k for k in sorted(kinds)))
    if len(records) > 1 and kinds <= {0x90, 0xA0, 0xB0, 0xC0, 0xF0}:
        raise Bad('crowd', 'more than one %02x record in a block' % records[0][0])


# --- sign-on --------------------------------------------------------------------------------------------------

def signon_put(letter, node, bufsize, line='', password='', event=0, idl=0x29, flags=0, features=0,
               short=False):
    """An I or J record with its RCB and SRCB."""
    rec = struct.pack('>BBB8sBIHH8s8sB', 0xF0, eb(letter)[0], idl, eb(node, 8), 1, event, 0, bufsize,
                      eb(line, 8), eb(password, 8), flags)
    return rec if short else rec + struct.pack('>I', features)


def signon_get(data):
    """The fields of an I or J from behind its SRCB."""
    idl, node, member, event, resist, size, line, password, flags = \
        struct.unpack_from('>B8sBIHH8s8sB', data)
    features = struct.unpack_from('>I', data, 35)[0] if len(data) >= 39 else None
    return {'idl': idl, 'node': name(node), 'member': member, 'event': event, 'resistance': resist,
            'size': size, 'line': name(line), 'password': name(password), 'flags': flags,
            'features': features}


# --- NMR --------------------------------------------------------------------------------------------------------

def nmr_message(from_node, to_node, to_user, text, from_user=''):
    body = (eb(from_user, 8) if from_user else b'') + (text if isinstance(text, bytes) else eb(text))
    return struct.pack('>BBBB8sB8s8sB', 0x20, 0x77, 0x0C if from_user else 0x04, len(body),
                       eb(to_node, 8), 0, eb(to_user, 8), eb(from_node, 8), 0) + body


def nmr_command(from_node, from_user, to_node, text):
    body = text if isinstance(text, bytes) else eb(text.upper())
    return struct.pack('>BBBB8sB8s8sB', 0xA0 if from_user else 0x90, 0x77, 0, len(body), eb(to_node, 8),
                       0, eb(from_user, 8), eb(from_node, 8), 0) + body


def nmr_get(raw, complain):
    if len(raw) < NMR_LEAST:
        raise Bad('nmr-short', 'NMR of %d bytes' % len(raw))
    flags, level, kind, length, to_node, _, to_user, from_node, _ = \
        struct.unpack_from('>BBBB8sB8s8sB', raw)
    body = raw[NMR_LEAST:NMR_LEAST + length]
    if len(raw) != NMR_LEAST + length:
        complain('nmr-length', 'NMRML %d in a record of %d bytes' % (length, len(raw)))
    if length > 140:
        complain('nmr-long', 'NMR text of %d bytes, more than 140' % length)
    command = bool(flags & 0x80)
    from_user = ''
    if not command:
        if not kind & 0x04 and kind:
            complain('nmr-stamp', 'message NMR with a time stamp (type %02x)' % kind)
            body = body[8:]
        if kind & 0x08:
            from_user, body = name(body[:8]), body[8:]
            if not from_user:
                complain('nmr-user', 'NMR says it names its sender and does not')
    judge_nmr_names(command, name(to_node), name(to_user), name(from_node), flags, complain)
    return {'command': command, 'level': level, 'to_node': name(to_node), 'from_node': name(from_node),
            'to_user': '' if command else name(to_user),
            'from_user': name(to_user) if command else from_user, 'text': asc(body), 'raw': body.hex()}


def judge_nmr_names(command, to_node, to_user, from_node, flags, complain):
    for what, value in (('to', to_node), ('from', from_node)):
        if not value:
            complain('nmr-node', 'NMR without %s node' % what)
    if not flags & 0x20 and to_user:
        complain('nmr-flag', 'NMROUT %s without flag 20' % to_user)
    if 'SYSTEM' in (to_user,) and not command:
        complain('nmr-system', 'NMR to user SYSTEM')


# --- job and data set headers ----------------------------------------------------------------------------------

NJH_FIELDS = (('account', 20), ('jobname', 28), ('userid', 36), ('origin_node', 68), ('origin_user', 76),
              ('exec_node', 84), ('exec_user', 92), ('print_node', 100), ('print_user', 108),
              ('punch_node', 116), ('punch_user', 124), ('forms', 132))
DSH_FIELDS = (('node', 8), ('user', 16), ('proc', 24), ('step', 32), ('dd', 40), ('forms', 64),
              ('fcb', 72), ('ucs', 80), ('writer', 88), ('dsname', 96))


def head(sections):
    """A whole header: prefix and sections."""
    body = b''.join(sections)
    return struct.pack('>HBB', 4 + len(body), 0, 0) + body


def njh_put(fields, job, hops=0, unused=b'\0', when=None, flags=0x08, cls='A', records=0, extra=()):
    h = bytearray(204)
    h[4:8] = struct.pack('>HBB', 200, 0, 0)
    struct.pack_into('>H', h, 8, job)
    h[10], h[11], h[12], h[13], h[15] = eb(cls)[0], eb('A')[0], flags, 7, 1
    struct.pack_into('>H', h, 18, hops)
    for field, at in NJH_FIELDS:
        value = fields.get(field, '')
        h[at:at + 8] = eb(value, 8) if value else unused * 8
    h[44:60] = unused * 16
    for at, n in ((156, 20), (176, 24)):
        h[at:at + n] = unused * n
    struct.pack_into('>Q', h, 60, tod(time.time() if when is None else when))
    struct.pack_into('>I', h, 200, records)
    return head([bytes(h[4:])] + list(extra))


def dsh_put(node, user, fn, ft, cls, form, records, tag=None, device=0x82, recfm=0x80, lrecl=80,
            dist='', rscs=True, cc_print=False):
    h = bytearray(116)
    h[4:8] = struct.pack('>HBB', 112, 0, 0)
    for field, at in DSH_FIELDS:
        h[at:at + 8] = b'\x40' * 8
    for at, value in ((8, node), (16, user), (24, fn[:8]), (32, ft[:8]), (64, form)):
        h[at:at + 8] = eb(value, 8)
    h[88:96] = b'\0' * 8 if cc_print else eb(user, 8)
    struct.pack_into('>H', h, 48, 1)
    h[51] = eb(cls)[0]
    struct.pack_into('>I', h, 52, records)
    h[57] = recfm
    struct.pack_into('>H', h, 58, lrecl)
    h[60] = 1
    h[104] = 0x80 if cc_print else 0x40
    h[105] = BLANK
    h[108:116] = b'\x40' * 8
    sections = [bytes(h[4:])]
    if rscs:
        s = struct.pack('>HBBBBBB8s12s12sHBB', 44 if tag is None else 180, 0x87, 0, 0, eb(cls)[0], device, 0,
                        eb(dist, 8), eb(fn, 12), eb(ft, 12), 50, 2, 1)
        sections.append(s if tag is None else s + eb(tag, 136))
    return head(sections)


def njt_put(records, started=None):
    h = bytearray(48)
    h[4:8] = struct.pack('>HBB', 44, 0, 0)
    h[9] = eb('A')[0]
    now = time.time()
    struct.pack_into('>QQ', h, 12, tod(started or now), tod(now))
    struct.pack_into('>II', h, 32, 0, records)
    return head([bytes(h[4:])])


def segments(whole, limit=256, last=None):
    """A header cut into records, each with its own prefix."""
    if len(whole) <= limit:
        return [whole]
    body, step = whole[4:], limit - 4
    cuts = [body[at:at + step] for at in range(0, len(body), step)]
    return [struct.pack('>HBB', 4 + len(c), 0, (0x80 if i + 1 < len(cuts) else 0) | i) + c
            for i, c in enumerate(cuts)]


class Joiner:
    """Puts header segments together; whole() is None until the last has come."""

    def __init__(self):
        self.parts = []

    def add(self, rec):
        if len(rec) < 5:
            raise Bad('head-short', 'header record of %d bytes' % len(rec))
        length, flags, seq = struct.unpack_from('>HBB', rec)
        if seq & 0x7F != len(self.parts):
            raise Bad('head-seq', 'header segment %d where %d was due' % (seq & 0x7F, len(self.parts)))
        if length != len(rec):
            raise Bad('head-length', 'header segment says %d and has %d' % (length, len(rec)))
        if flags:
            raise Bad('head-flags', 'header prefix flags %02x' % flags)
        self.parts.append(rec[4:])
        if seq & 0x80:
            return None
        body, self.parts = b''.join(self.parts), []
        return struct.pack('>HBB', 4 + len(body), 0, 0) + body


def sections(whole):
    at, found = 4, []
    while at < len(whole):
        if len(whole) - at < 4:
            raise Bad('section', 'header ends within a section head')
        n, kind, mod = struct.unpack_from('>HBB', whole, at)
        if n < 4 or at + n > len(whole):
            raise Bad('section', 'section of %d bytes at %d of a header of %d' % (n, at, len(whole)))
        found.append((kind, mod, whole[at:at + n]))
        at += n
    return found


def general(whole, least, what):
    found = sections(whole)
    if not found or found[0][:2] != (0, 0) or len(found[0][2]) < least:
        raise Bad('general', '%s without a general section of %d' % (what, least))
    return found


def fields_of(whole, table):
    return {field: name(whole[at:at + 8]) for field, at in table if at + 8 <= len(whole)}


def njh_get(whole):
    general(whole, 200, 'NJH')
    out = fields_of(whole, NJH_FIELDS)
    out['job'], = struct.unpack_from('>H', whole, 8)
    out['class'] = asc(whole[10:11])
    out['flags'] = whole[12]
    out['hops'], = struct.unpack_from('>H', whole, 18)
    out['entered'], = struct.unpack_from('>Q', whole, 60)
    out['records'], = struct.unpack_from('>I', whole, 200)
    out['raw'] = whole
    return out


def dsh_get(whole):
    found = general(whole, 104, 'DSH')
    out = fields_of(whole, DSH_FIELDS)
    out['class'] = asc(whole[51:52])
    out['records'], = struct.unpack_from('>I', whole, 52)
    out['flags'], out['recfm'] = whole[56], whole[57]
    out['lrecl'], = struct.unpack_from('>H', whole, 58)
    out['flags2'] = whole[104] if len(whole) > 104 else 0
    out['fn'], out['ft'], out['rscs'], out['tag'], out['dist'] = out['proc'], out['step'], False, '', ''
    for kind, _, sec in found:
        if kind == 0x87 and len(sec) >= 44:
            out['rscs'] = True
            out['rscs_class'], out['device'] = asc(sec[5:6]), sec[6]
            out['dist'], out['fn'], out['ft'] = name(sec[8:16]), name(sec[16:28]), name(sec[28:40])
            out['tag'] = name(sec[44:180])
    out['raw'] = whole
    return out


def njt_get(whole):
    general(whole, 44, 'NJT')
    lines, cards = struct.unpack_from('>II', whole, 32)
    return {'lines': lines, 'cards': cards, 'raw': whole}


# --- NETDATA -----------------------------------------------------------------------------------------------------

KEYS = {0x1011: 'fnode', 0x1012: 'fuid', 0x1001: 'tnode', 0x1002: 'tuid', 0x1024: 'ftime', 0x0042: 'lrecl',
        0x102F: 'numf', 0x1026: 'fack', 0x1028: 'utiln', 0x003C: 'dsorg', 0x0049: 'recfm', 0x102C: 'size',
        0x0002: 'dsnam', 0x102D: 'ffm', 0x0028: 'term', 0x1022: 'creat', 0x1027: 'errcd'}
TEXT_KEYS = ('fnode', 'fuid', 'tnode', 'tuid', 'ftime', 'fack', 'utiln', 'dsnam', 'ffm', 'creat', 'errcd')


def unit(key, *items):
    out = struct.pack('>HH', key, len(items))
    for item in items:
        raw = eb(item) if isinstance(item, str) else item
        out += struct.pack('>H', len(raw)) + raw
    return out


def nd_record(raw, control=False):
    """One record in NETDATA segments."""
    out = bytearray()
    pieces = [raw[at:at + 253] for at in range(0, len(raw), 253)] or [b'']
    for i, piece in enumerate(pieces):
        flags = (0x80 if i == 0 else 0) | (0x40 if i + 1 == len(pieces) else 0) | (0x20 if control else 0)
        out += bytes((len(piece) + 2, flags)) + piece
    return bytes(out)


def nd_put(from_user, from_node, to_user, to_node, records, dsname=None, recfm=0x0002, ack=None, when=None):
    """A whole transmission; without dsname it is a note (INMTERM). Records are bytes."""
    stamp = time.strftime('%Y%m%d%H%M%S', time.gmtime(when)) + '000000'
    longest = max([len(r) for r in records] + [1])
    r01 = eb('INMR01') + unit(0x0042, b'\0\x50') + unit(0x1011, from_node) + unit(0x1012, from_user) + \
        unit(0x1001, to_node) + unit(0x1002, to_user) + unit(0x1024, stamp) + \
        (unit(0x1026, ack) if ack is not None else b'') + unit(0x102F, b'\x01')
    size = struct.pack('>I', sum(len(r) for r in records))
    named = unit(0x0028) if dsname is None else unit(0x0002, *dsname)
    r02 = eb('INMR02') + b'\0\0\0\1' + unit(0x1028, 'INMCOPY') + unit(0x003C, b'\x40\0') + \
        unit(0x0042, struct.pack('>I', longest)) + unit(0x0049, struct.pack('>H', recfm)) + \
        unit(0x102C, size) + named
    r03 = eb('INMR03') + unit(0x102C, size) + unit(0x003C, b'\x40\0') + unit(0x0042, b'\0\x50') + \
        unit(0x0049, b'\0\1')
    out = b''.join(nd_record(r, True) for r in (r01, r02, r03))
    out += b''.join(nd_record(r or b'\x40') for r in records)
    return out + nd_record(eb('INMR06'), True)


def cards_of(stream):
    return [stream[at:at + 80].ljust(80, b'\0') for at in range(0, len(stream), 80)]


def nd_units(raw, what):
    out, at = {}, 0
    while at < len(raw):
        if len(raw) - at < 4:
            raise Bad('nd-unit', '%s ends within a text unit' % what)
        key, count = struct.unpack_from('>HH', raw, at)
        at += 4
        items = []
        for _ in range(count):
            if len(raw) - at < 2:
                raise Bad('nd-unit', '%s ends within text unit %04x' % (what, key))
            n, = struct.unpack_from('>H', raw, at)
            items.append(raw[at + 2:at + 2 + n])
            at += 2 + n
            if at > len(raw):
                raise Bad('nd-unit', '%s: text unit %04x passes its end' % (what, key))
        field = KEYS.get(key, '%04x' % key)
        if field in TEXT_KEYS:
            value = [asc(i) for i in items]
        else:
            value = [int.from_bytes(i, 'big') for i in items]
        out[field] = value if field in ('dsnam', 'term') or len(value) != 1 else value[0]
    return out


def nd_get(stream):
    """A transmission: {'r01':, 'r02': [..], 'r03': [..], 'r07':, 'records': [bytes], 'note': bool}."""
    out = {'r01': None, 'r02': [], 'r03': [], 'r07': None, 'records': []}
    at, held, ended = 0, None, False
    while at < len(stream) and not ended:
        n = stream[at]
        if n < 2 or at + n > len(stream):
            raise Bad('nd-segment', 'NETDATA segment length %d at byte %d of %d' % (n, at, len(stream)))
        flags, piece = stream[at + 1], stream[at + 2:at + n]
        at += n
        if flags & 0x10:
            continue
        if bool(flags & 0x80) == (held is not None):
            raise Bad('nd-order', 'NETDATA flags %02x out of order at byte %d' % (flags, at - n))
        held = (held or b'') + piece
        if flags & 0x40:
            ended = nd_take(out, held, flags)
            held = None
    if not ended:
        raise Bad('nd-end', 'NETDATA without INMR06')
    if stream[at:].strip(b'\0'):
        raise Bad('nd-tail', 'NETDATA: %s behind INMR06' % stream[at:].hex())
    out['note'] = any('term' in u for u in out['r02'])
    return out


def nd_take(out, rec, flags):
    if not flags & 0x20:
        out['records'].append(rec)
        return False
    kind = asc(rec[:6])
    if kind == 'INMR01':
        out['r01'] = nd_units(rec[6:], kind)
    elif kind == 'INMR02':
        out['r02'].append(nd_units(rec[10:], kind))
    elif kind == 'INMR03':
        out['r03'].append(nd_units(rec[6:], kind))
    elif kind == 'INMR07':
        out['r07'] = nd_units(rec[6:], kind)
    elif kind == 'INMR06':
        return True
    elif kind != 'INMR04':
        raise Bad('nd-control', 'NETDATA control record %r' % kind)
    return False
