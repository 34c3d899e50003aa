"""make bench: large mails. What they take of memory while they cross, and what others notice of it."""
import base64
import os
import re
import socket
import threading
import time


def status(pid, field):
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        return int(re.search(r'^%s:\s+(\d+)' % field, f.read(), re.M).group(1)) / 1024


class Watch(threading.Thread):
    """The most anonymous memory (RssAnon) a process has while it is watched, and the longest a small mail of
    another session has to wait for its 250 meanwhile, and the usual wait."""

    def __init__(self, gate, to):
        super().__init__()
        self.gate, self.to, self.over = gate, to, False
        self.anon, self.waits = 0.0, []

    def run(self):
        with Talk(self.gate.smtp) as t:
            while not self.over:
                self.waits.append(t.send(self.to, b'Subject: small\r\n\r\nhello\r\n'))

    def sample(self):
        while self.is_alive():
            self.anon = max(self.anon, status(self.gate.pid, 'RssAnon'))
            time.sleep(0.002)


class Talk:
    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port), timeout=300)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile('rb')
        self.reply()
        self.say(b'EHLO bench.test\r\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def reply(self):
        line = self.file.readline()
        while line[3:4] == b'-':
            line = self.file.readline()
        if line[:1] not in b'23':
            raise RuntimeError('the gate said %r' % line)

    def say(self, text):
        self.sock.sendall(text)
        self.reply()

    def send(self, to, text):
        """Seconds from the dot to the 250."""
        self.say(b'MAIL FROM:<steve@example.org>\r\n')
        self.say(b'RCPT TO:<%s>\r\n' % to.encode())
        self.say(b'DATA\r\n')
        self.sock.sendall(text)
        begin = time.monotonic()
        self.say(b'.\r\n')
        return time.monotonic() - begin


def mail(kind, name, data):
    return (b'From: steve@example.org\r\nTo: u@gate.example.test\r\nSubject: large\r\nMIME-Version: 1.0\r\n'
            b'Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhere\r\n'
            b'--x\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename="%s"\r\n'
            b'Content-Transfer-Encoding: base64\r\n\r\n' % (kind.encode(), name.encode()) +
            base64.encodebytes(data).replace(b'\n', b'\r\n') + b'--x--\r\n')


def text_of(n):
    line = 'Zeile mit Umlauten äöüß und allem, was ein Text so hat, 0123456789\n'.encode()
    return line * (n // len(line) + 1)


def one(runs, table, what, to, texts, sink=None):
    gate = runs.Gate(sink_port=sink, more='MAXMAILBYTES 200000000\nLOCALUSER U\nLOCALUSER W MBOX=bob@far.example.net\nMINFREE 0\n')
    try:
        watch = Watch(gate, 'u@gate.example.test')
        watch.start()
        sampler = threading.Thread(target=watch.sample)
        sampler.start()
        waits = []

        def send(text):
            with Talk(gate.smtp) as t:
                waits.append(t.send(to, text))
        threads = [threading.Thread(target=send, args=(t,)) for t in texts]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        watch.over = True
        watch.join()
        sampler.join()
        if len(waits) < len(texts):
            raise RuntimeError('%d of %d were taken' % (len(waits), len(texts)))
        usual = sorted(watch.waits)
        table.say('  %-46s RssAnon at most %6.1f MB (VmHWM %6.1f), 250 after %5.2f s; a small mail beside it waits '
                  '%.1f ms at most, %.1f usually' %
                  (what, watch.anon, status(gate.pid, 'VmHWM'), max(waits), usual[-1] * 1000,
                   usual[len(usual) // 2] * 1000))
    finally:
        gate.stop()


def measure(runs, table, quick):
    n = (30 if quick else 100) << 20
    raw = os.urandom(n)
    to_reader, to_net = 'u@gate.example.test', 'w@gate.example.test'
    table.say('large mails (RssAnon: memory that is no file\'s; the bodies are files and mapped)')
    one(runs, table, 'a file of %d MB to an NJE user' % (n >> 20), to_reader,
        [mail('application/octet-stream', 'data.bin', raw)])
    one(runs, table, 'a text of %d MB to an NJE user' % (n >> 20), to_reader,
        [mail('text/csv; charset=utf-8', 'data.csv', text_of(n))])
    one(runs, table, 'a file of %d MB to an NJE user and the Internet' % (n >> 20), to_net,
        [mail('application/octet-stream', 'data.bin', raw)], runs.free_port())
    free = os.statvfs(runs.disk.path)
    each = min(n * 3 // 10, free.f_bavail * free.f_frsize // 60)  # each is there as a mail and as a file
    one(runs, table, '20 files of %d MB at once to NJE users' % (each >> 20), to_reader,
        [mail('application/octet-stream', 'data.bin', raw[:each])] * 20)
    table.say()
