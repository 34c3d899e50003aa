"""A tiny DNS server on a loopback port: A, AAAA, MX, TXT, PTR, TLSA from a table; NXDOMAIN and SERVFAIL.
Zones are signed on request (dns.sign('dane.test')), answer by answer; what is absent in them is denied by an NSEC
record made for the question (RFC 4470).

    Dns({'example.org': {'MX': [(10, 'mx1.example.org')]}, 'mx1.example.org': {'A': ['127.0.0.9']},
         'broken.org': 'SERVFAIL'}, ('127.0.0.1', 0))
SERVFAIL and SILENT (no answer by UDP) may stand for the records of a name. Names that are not in the table do not
exist. Answers over UDP and TCP; `asked` lists the questions."""
import base64
import ipaddress
import socket
import socketserver
import struct
import threading
import time

try:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
except ImportError:
    ec = None
TYPES = {46: 'RRSIG', 47: 'NSEC', 48: 'DNSKEY', 1: 'A', 2: 'NS', 5: 'CNAME', 6: 'SOA', 12: 'PTR', 15: 'MX', 16: 'TXT', 28: 'AAAA', 52: 'TLSA'}
NUMBERS = {v: k for k, v in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3


def wire_name(name):
    out = b''
    for label in name.rstrip('.').split('.'):
        if label:
            out += bytes((len(label),)) + label.encode()
    return out + b'\0'


def read_name(raw, at):
    labels = []
    while raw[at]:
        n = raw[at]
        labels.append(raw[at + 1:at + 1 + n].decode('ascii', 'replace'))
        at += 1 + n
    return '.'.join(labels).lower(), at + 1


def rdata(kind, value):
    if kind in ('A', 'AAAA'):
        return ipaddress.ip_address(value).packed
    if kind == 'MX':
        return struct.pack('>H', value[0]) + wire_name(value[1])
    if kind == 'TXT':
        raw = value.encode()
        pieces = [raw[i:i + 255] for i in range(0, len(raw), 255)] or [b'']
        return b''.join(bytes((len(p),)) + p for p in pieces)
    if kind == 'SOA':
        return wire_name('ns.test') + wire_name('admin.test') + struct.pack('>5I', 1, 60, 60, 60, 1)
    if kind == 'TLSA':
        return bytes(value[:3]) + value[3]
    if kind in ('DNSKEY', 'NSEC', 'RRSIG'):
        return value
    return wire_name(value)


class Zone:
    """The key of a signed zone (RFC 4034; ECDSA P-256, RFC 6605). `broken`: its signatures are wrong."""

    def __init__(self, name):
        self.name, self.broken = name, False
        self.key = ec.generate_private_key(ec.SECP256R1())
        point = self.key.public_key().public_numbers()
        self.dnskey = struct.pack('>HBB', 257, 3, 13) + point.x.to_bytes(32, 'big') + point.y.to_bytes(32, 'big')
        words = sum(b << 8 if not i & 1 else b for i, b in enumerate(self.dnskey))
        self.tag = words + (words >> 16) & 0xFFFF

    @property
    def anchor(self):
        return '%s. IN DNSKEY 257 3 13 %s\n' % (self.name, base64.b64encode(self.dnskey[4:]).decode())

    def rrsig(self, owner, kind, values):
        now = int(time.time())
        head = struct.pack('>HBBIIIH', NUMBERS[kind], 13, len(owner.split('.')), 60, now + 86400, now - 86400,
                           self.tag) + wire_name(self.name)
        data = head + b''.join(wire_name(owner) + struct.pack('>HHIH', NUMBERS[kind], 1, 60, len(v)) + v
                               for v in sorted(rdata(kind, v) for v in values))
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return head + (r ^ self.broken).to_bytes(32, 'big') + s.to_bytes(32, 'big')

    @staticmethod
    def nsec(name, kinds):
        """From this name to the next possible one: what it has, and nothing between."""
        bits = bytearray(32)
        for number in [NUMBERS[k] for k in kinds] + [46, 47]:
            bits[number // 8] |= 0x80 >> number % 8
        return b'\x01\0' + wire_name(name) + bytes((0, 32)) + bytes(bits)


class Dns:
    def __init__(self, table, address):
        self.table = {k.lower().rstrip('.'): v for k, v in table.items()}
        self.asked, self.zones = [], []
        dns = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
                name, _ = read_name(data, 12)
                if dns.table.get(name) == 'SILENT':
                    dns.asked.append((name, 'SILENT'))
                    return
                sock.sendto(dns.answer(data), self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self):
                head = self.request.recv(2)
                if len(head) == 2:
                    reply = dns.answer(self.request.recv(struct.unpack('>H', head)[0], socket.MSG_WAITALL))
                    self.request.sendall(struct.pack('>H', len(reply)) + reply)
        self.udp = socketserver.ThreadingUDPServer(address, Udp)
        self.address = self.udp.server_address
        self.tcp = socketserver.ThreadingTCPServer(self.address, Tcp)
        for server in (self.udp, self.tcp):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        for server in (self.udp, self.tcp):
            server.shutdown()
            server.server_close()

    def answer(self, query):
        ident, flags = struct.unpack_from('>HH', query)
        name, at = read_name(query, 12)
        number, _ = struct.unpack_from('>HH', query, at)
        kind = TYPES.get(number, str(number))
        self.asked.append((name, kind))
        opt = query[at + 4:at + 15] if len(query) >= at + 15 and query[at + 5:at + 7] == b'\0\x29' else b''
        code, answers = self._find(name, kind)
        zone = self._zone(name)
        if zone and kind == 'DNSKEY' and name == zone.name:
            answers = [(name, 'DNSKEY', zone.dnskey)]
        authority = [] if answers else [(zone.name if zone else '', 'SOA', None)]
        if zone and not answers:
            code = code if code == SERVFAIL else NOERROR
            kinds = [k for k in self.table.get(name, {}) if k != 'CNAME'] if code == NOERROR else []
            authority.append((name, 'NSEC', zone.nsec(name, kinds + (['SOA', 'DNSKEY'] if name == zone.name else []))))
        if opt and opt[7] & 0x80:
            answers, authority = self._signed(answers), self._signed(authority)
        head = struct.pack('>HHHHHH', ident, 0x8480 | flags & 0x0100 | code, 1, len(answers), len(authority),
                           int(bool(opt)))
        body = b''.join(self._record(wire_name(owner), k, v) for owner, k, v in answers + authority)
        edns = b'\0' + struct.pack('>HHIH', 41, 4096, (opt[7] & 0x80) << 8, 0) if opt else b''
        return head + query[12:at + 4] + body + edns

    def sign(self, name):
        self.zones.append(Zone(name))
        return self.zones[-1]

    def _zone(self, name):
        return next((z for z in self.zones if name == z.name or name.endswith('.' + z.name)), None)

    def _signed(self, records):
        """Each set of records with its signature behind it."""
        out = list(records)
        for owner, kind in dict.fromkeys((r[0], r[1]) for r in records):
            zone = self._zone(owner)
            if zone:
                values = [r[2] for r in records if r[:2] == (owner, kind)]
                out.append((owner, 'RRSIG', zone.rrsig(owner, kind, values)))
        return out

    @staticmethod
    def _record(owner, kind, value):
        data = rdata(kind, value)
        return owner + struct.pack('>HHIH', NUMBERS[kind], 1, 60, len(data)) + data

    def _find(self, name, kind, depth=0):
        entry = self.table.get(name)
        if entry is None:
            inside = any(k.endswith('.' + name) for k in self.table)
            return (NOERROR if inside or not name else NXDOMAIN), []
        if entry == 'SERVFAIL':
            return SERVFAIL, []
        if 'CNAME' in entry and kind != 'CNAME':
            target = entry['CNAME'][0]
            code, more = self._find(target, kind, depth + 1) if depth < 60 else (NOERROR, [])
            return code, [(name, 'CNAME', target)] + more
        return NOERROR, [(name, kind, v) for v in entry.get(kind, [])]


if __name__ == '__main__':
    server = Dns({'a.test': {'A': ['127.0.0.1'], 'MX': [(5, 'b.test'), (10, 'a.test')]},
                  'b.test': {'AAAA': ['::1']}, 'bad.test': 'SERVFAIL', 'c.test': {'CNAME': ['a.test']}},
                 ('127.0.0.1', 0))
    print(server.address)
    threading.Event().wait()
