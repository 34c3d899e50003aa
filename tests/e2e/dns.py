"""A tiny DNS server on a loopback port: A, AAAA, MX, TXT and PTR from a table; NXDOMAIN and SERVFAIL.

    Dns({'example.org': {'MX': [(10, 'mx1.example.org')]}, 'mx1.example.org': {'A': ['127.0.0.9']},
         'broken.org': 'SERVFAIL'}, ('127.0.0.1', 0))
Names that are not in the table do not exist. Answers over UDP and TCP; `asked` lists the questions."""
import ipaddress
import socket
import socketserver
import struct
import threading

TYPES = {1: 'A', 2: 'NS', 5: 'CNAME', 6: 'SOA', 12: 'PTR', 15: 'MX', 16: 'TXT', 28: 'AAAA', 52: 'TLSA'}
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
        return bytes((len(value),)) + value.encode()
    if kind == 'SOA':
        return wire_name('ns.test') + wire_name('admin.test') + struct.pack('>5I', 1, 60, 60, 60, 1)
    return wire_name(value)


class Dns:
    def __init__(self, table, address):
        self.table = {k.lower().rstrip('.'): v for k, v in table.items()}
        self.asked = []
        dns = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
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
        code, answers = self._find(name, kind)
        authority = b'' if answers else self._record(b'\0', 'SOA', None)
        head = struct.pack('>HHHHHH', ident, 0x8480 | flags & 0x0100 | code, 1, len(answers), int(not answers), 0)
        body = b''.join(self._record(wire_name(owner), k, v) for owner, k, v in answers)
        return head + query[12:at + 4] + body + authority

    @staticmethod
    def _record(owner, kind, value):
        data = rdata(kind, value)
        return owner + struct.pack('>HHIH', NUMBERS[kind], 1, 60, len(data)) + data

    def _find(self, name, kind):
        entry = self.table.get(name)
        if entry is None:
            inside = any(k.endswith('.' + name) for k in self.table)
            return (NOERROR if inside or not name else NXDOMAIN), []
        if entry == 'SERVFAIL':
            return SERVFAIL, []
        if 'CNAME' in entry and kind != 'CNAME':
            target = entry['CNAME'][0]
            code, more = self._find(target, kind)
            return code, [(name, 'CNAME', target)] + more
        return NOERROR, [(name, kind, v) for v in entry.get(kind, [])]


if __name__ == '__main__':
    server = Dns({'a.test': {'A': ['127.0.0.1'], 'MX': [(5, 'b.test'), (10, 'a.test')]},
                  'b.test': {'AAAA': ['::1']}, 'bad.test': 'SERVFAIL', 'c.test': {'CNAME': ['a.test']}},
                 ('127.0.0.1', 0))
    print(server.address)
    threading.Event().wait()
