"""What an end-to-end case works with: gateways (the daemon under test), NJE peers, SMTP sinks, a DNS.

Each case runs in a process of its own with a loopback address of its own, so no ports collide. Everything
made through the World is ended and judged by it when the case is over."""
import itertools
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, '..', '..'))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'peer')]
import dns  # noqa: E402
import njepeer  # noqa: E402
import smtpsink  # noqa: E402

LIMIT = 30.0
DOMAIN = 'example.test'
HOST = 'gate.' + DOMAIN
SANITIZERS = {'ASAN_OPTIONS': 'exitcode=99:detect_leaks=1:log_path=%s', 'UBSAN_OPTIONS':
              'print_stacktrace=1:log_path=%s', 'LSAN_OPTIONS': 'exitcode=99'}


class Skip(Exception):
    """The case cannot run here; the text says why."""


def program(name):
    """The build with sanitizers when there is one."""
    for folder in (os.environ.get('NJEGATE_BIN'), os.path.join(TOP, 'build', 'asan'), os.path.join(TOP, 'build')):
        path = os.path.join(folder or '', name)
        if folder and os.access(path, os.X_OK):
            return path
    raise Skip('%s is not built' % name)


def my_address():
    """A loopback address of this process alone (where all of 127/8 is bound, as on Linux)."""
    n = os.getpid()
    return '127.%d.%d.%d' % (1 + (n >> 14 & 0x3F), n >> 7 & 0x7F, 1 + (n & 0x7F))


class Gateway:
    """One njegated with a folder, a configuration and a log of its own."""

    def __init__(self, world, name='GATE', lines=(), base=True, env=None, host=None, preload=None):
        self.world, self.name = world, name
        self.dir = os.path.join(world.dir, name.lower())
        os.makedirs(self.dir)
        self.conf, self.log = os.path.join(self.dir, 'njegate.conf'), os.path.join(self.dir, 'log')
        self.control = os.path.join(self.dir, 'control')
        self.host = host or name.lower()
        self.fqdn = '%s.%s' % (self.host, DOMAIN)
        self.smtp_port, self.nje_port = world.port(), world.port()
        self.smtp, self.nje = (world.address, self.smtp_port), (world.address, self.nje_port)
        self.lines = (self.base_lines() if base else []) + list(lines)
        self.env = dict(os.environ, TZ='UTC')
        self.env.update(env or {})
        for key, value in SANITIZERS.items():
            self.env[key] = value % os.path.join(self.dir, 'san') if '%s' in value else value
        if preload:
            self.env['LD_PRELOAD'] = preload
            self.env['ASAN_OPTIONS'] += ':verify_asan_link_order=0'
        self.process = None
        self.killed = False
        self.expect_exit = 0

    def base_lines(self):
        return ['LOCAL %s' % self.name, 'HOSTNAME %s' % self.host, 'DOMAINORIGIN ' + DOMAIN,
                'LISTENSMTP %s:%d' % self.smtp, 'LISTENNJE %s:%d' % self.nje, 'GATEWAY', 'RSCSDOMAIN RSCSNET',
                'DATABASE db', 'CONTROL control', 'DRAINTIME 2',
                'RESOLVER %s:%d' % self.world.resolver().address]

    def link(self, node, peer=None, link=None, extra='', route=True):
        """Statements for a link: dialled when `peer` has an address, else accepted."""
        link = link or node
        words = 'AST' if peer else ''
        self.lines += ['LINKDEFINE %s TYPE TCPNJE NODE %s %s' % (link, node, words)]
        parm = 'RETRY=1 ' + extra
        if peer:
            parm += ' HOST=%s PORT=%d' % peer
        self.lines += ['PARM %s %s' % (link, parm)]
        if route:
            self.lines += ['ROUTE %s TO %s' % (node, link)]
        return self

    def write(self):
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write('\n'.join(self.lines) + '\n')

    def start(self, wait=True):
        self.write()
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self.dir, 'notify')
        if os.path.exists(path):
            os.unlink(path)
        notify.bind(path)
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([program('njegated'), '-c', self.conf], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.dir,
                                            env=dict(self.env, NOTIFY_SOCKET=path))
        self.killed = False
        if wait:
            self._wait_ready(notify)
        notify.close()
        return self

    def _wait_ready(self, notify):
        notify.settimeout(0.1)
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self._skip_what_is_not_there()
                raise AssertionError('%s ended with %d at start' % (self.name, self.process.returncode))
            try:
                if b'READY=1' in notify.recv(4096):
                    return
            except OSError:
                pass
        raise AssertionError('%s did not say READY=1 in %.0f s' % (self.name, LIMIT))

    def _skip_what_is_not_there(self):
        """A daemon that says that a statement is not in this version need not pass its case."""
        absent = re.findall(r'[^\n]*\b(?:is|are) not in this version[^\n]*', self.read_log())
        if absent:
            raise Skip(absent[0].replace(self.conf, 'the configuration'))

    def stop(self):
        """SIGTERM; the exit status and the sanitizers' word are part of every case."""
        if self.process is None or self.process.poll() is not None and self.killed:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError('%s did not stop %.0f s after SIGTERM' % (self.name, LIMIT))
        self.process = None
        self.judge()
        assert status == self.expect_exit, '%s ended with status %d' % (self.name, status)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.killed = True

    def restart(self):
        self.stop()
        return self.start()

    def hup(self):
        self.process.send_signal(signal.SIGHUP)

    def judge(self):
        for name in sorted(os.listdir(self.dir)):
            if name.startswith('san.'):
                with open(os.path.join(self.dir, name), errors='replace') as f:
                    raise AssertionError('sanitizer report of %s:\n%s' % (self.name, f.read()[:6000]))
        for line in self.read_log().splitlines():
            assert 'runtime error:' not in line, line

    def read_log(self):
        if not os.path.exists(self.log):
            return ''
        with open(self.log, errors='replace') as f:
            return f.read()

    def cli(self, *words, status=0, stdin=None, both=False):
        """Run njegate; returns its standard output; with both, or when it fails, standard error too."""
        r = subprocess.run([program('njegate'), '-c', self.conf] + list(words), cwd=self.dir, env=self.env,
                           input=stdin, capture_output=True, timeout=LIMIT, text=True)
        self.judge()
        if r.returncode == 2 and status != 2 and re.search('unknown (verb|action)', r.stderr):
            raise Skip('%s is not in this version' % ' '.join(words[:2]))
        assert r.returncode == status, 'njegate %s: status %d, not %d\n%s%s' % (
            ' '.join(words), r.returncode, status, r.stdout, r.stderr)
        return r.stdout + r.stderr if r.returncode or both else r.stdout

    def json(self, *words):
        return json.loads(self.cli('--json', *words))

    def until(self, test, limit=LIMIT, what='a condition of the gateway'):
        """Poll the daemon (through njegate or its files) until test() is true."""
        end = time.monotonic() + limit
        while True:
            got = test()
            if got:
                return got
            if time.monotonic() > end:
                raise AssertionError('waited %.0f s in vain for %s' % (limit, what))
            threading.Event().wait(0.05)  # pace of the polling; nothing depends on it

    def links_up(self, limit=LIMIT):
        """Wait until we hold every link for up; a peer may think so a moment earlier."""
        self.until(lambda: all(k['state'] == 'up' for k in self.json('link', 'list')), limit, 'all links up')

    def empty(self, limit=LIMIT):
        """Wait until nothing is queued."""
        self.until(lambda: not self.json('queue', 'list'), limit, 'an empty queue')

    def client(self):
        return smtplib.SMTP(self.smtp[0], self.smtp[1], local_hostname='client.test', timeout=LIMIT)

    def mail(self, to, body='Hello\r\n', sender='steve@example.org', headers=(), subject='Testing', **more):
        """Send one message with smtplib; returns the queue identifier."""
        to = [to] if isinstance(to, str) else list(to)
        head = {'From': '"Steve Hayes" <steve@example.org>', 'To': ', '.join(to), 'Subject': subject,
                'Date': 'Wed, 08 Feb 1995 15:49:33 +0000', 'Message-ID': '<%d.%d@example.org>' % (
                    os.getpid(), time.monotonic_ns())}
        head.update(dict(headers))
        text = ''.join('%s: %s\r\n' % kv for kv in head.items() if kv[1] is not None) + '\r\n' + body
        with self.client() as c:
            return send(c, sender, to, text.encode('utf-8', 'surrogateescape'), **more)


def send(client, sender, to, data, options=()):
    """MAIL, RCPT, DATA by hand so that the 250 after DATA can be read."""
    client.ehlo_or_helo_if_needed()
    code, text = client.mail(sender, list(options))
    assert code == 250, (code, text)
    for address in to:
        code, text = client.rcpt(address)
        assert code == 250, (address, code, text)
    code, text = client.data(data)
    assert code == 250, (code, text)
    found = re.search(rb'Queued as (\d{8})', text)
    assert found, 'the 250 after DATA says %r' % text
    return found.group(1).decode()


class Raw:
    """An SMTP client that sends exactly the bytes it is told to."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, timeout=LIMIT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile('rb')

    def send(self, data):
        self.sock.sendall(data.encode('latin-1') if isinstance(data, str) else data)
        return self

    def reply(self):
        """(code, whole text) of one reply; (0, '') at end of file."""
        text = ''
        while True:
            line = self.file.readline().decode('utf-8', 'replace')
            text += line
            if not line:
                return 0, text
            if len(line) < 4 or line[3] != '-':
                return int(line[:3]), text

    def expect(self, *codes):
        got = self.reply()
        assert got[0] in codes, 'expected %s, got %s' % (codes, got)
        return got[1]

    def ask(self, line, *codes):
        self.send(line + '\r\n')
        return self.expect(*codes)

    def hello(self):
        self.expect(220)
        return self.ask('EHLO client.test', 250)

    def close(self):
        self.file.close()
        self.sock.close()


class World:
    _ports = itertools.cycle(range(10000, 30000))

    def __init__(self, title):
        self.title = title
        self.address = my_address()
        self.dir = tempfile.mkdtemp(prefix='nje-', dir=os.environ.get('TMPDIR', '/tmp'))
        self.gateways, self.peers, self.sinks, self.others = [], [], [], []
        self._dns, self.table = None, {}

    def port(self):
        """A free port, below those the kernel hands out by itself, and not soon the same again."""
        for port in self._ports:
            with socket.socket() as s:
                try:
                    s.bind((self.address, port))
                    return port
                except OSError:
                    continue

    def resolver(self):
        """The DNS of this world; add names to world.table."""
        if self._dns is None:
            self._dns = dns.Dns({}, (self.address, self.port()))
            self._dns.table = self.table
        return self._dns

    def gateway(self, name='GATE', lines=(), **more):
        g = Gateway(self, name, lines, **more)
        self.gateways.append(g)
        return g

    def peer(self, node='MVSA', other='GATE', **more):
        """A peer that listens, for gateways that dial; with connect= it dials."""
        if 'connect' not in more:
            more.setdefault('listen', (self.address, 0))
        p = njepeer.Peer(node, other, **more)
        self.peers.append(p)
        return p.start()

    def beside(self):
        """A second address that no other case has (my_address ends at 127.64)."""
        first, second, rest = self.address.split('.', 2)
        return '%s.%d.%s' % (first, int(second) + 64, rest)

    def sink(self, port=0, **more):
        s = smtpsink.Sink((self.address, port), **more)
        self.sinks.append(s)
        return s

    def pair(self, lines=(), node='MVSA', manner='rscs', dial=True, extra='', peer=None, **more):
        """A started gateway with one peer, up; and a sink that takes all mail for example.org."""
        peer_more, sink = peer or {}, self.sink()
        gw = self.gateway(lines=['DESTINATION example.org ' + sink.where] + list(lines), **more)
        if dial:
            p = self.peer(node, manner=manner, **peer_more)
            gw.link(node, p.listen_at, extra=extra).start()
        else:
            gw.link(node, extra=extra).start()
            p = self.peer(node, manner=manner, connect=gw.nje, **peer_more)
        p.wait_up()
        return gw, p, sink

    def tls(self):
        """A self-signed certificate: (cert, key) paths."""
        cert, key = os.path.join(self.dir, 'cert.pem'), os.path.join(self.dir, 'key.pem')
        if not os.path.exists(cert):
            if not shutil.which('openssl'):
                raise Skip('no openssl')
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out',
                            cert, '-days', '2', '-subj', '/CN=' + HOST, '-addext',
                            'subjectAltName=DNS:%s,DNS:sink.test,IP:%s' % (HOST, self.address)],
                           check=True, capture_output=True)
        return cert, key

    def finish(self):
        """End everything; the first thing found wrong is raised when all have ended."""
        wrong = []
        for act in ([g.stop for g in self.gateways] + [p.check for p in self.peers] +
                    [p.stop for p in self.peers] + [s.stop for s in self.sinks] + self.others):
            try:
                act()
            except AssertionError as e:
                wrong.append(e)
        if self._dns:
            self._dns.stop()
        if wrong:
            raise wrong[0]

    def story(self):
        out = []
        for g in self.gateways:
            if os.path.exists(g.conf):
                with open(g.conf, encoding='utf-8') as f:
                    out.append('--- %s\n%s' % (g.conf, f.read()))
            if os.path.exists(g.log):
                out.append('--- log of %s\n%s' % (g.name, '\n'.join(g.read_log().splitlines()[-100:])))
        out += ['--- ' + p.story() for p in self.peers]
        out += ['--- sink %s heard:\n  %s' % (s.where, '\n  '.join(s.lines[-40:])) for s in self.sinks]
        return '\n'.join(out)

    def clean(self):
        for g in self.gateways:
            if g.process is not None and g.process.poll() is None:
                g.process.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def wait_port(address, limit=LIMIT):
    """Until something listens there."""
    end = time.monotonic() + limit
    while True:
        try:
            socket.create_connection(address, timeout=limit).close()
            return
        except OSError:
            assert time.monotonic() < end, 'nothing listens on %s:%d' % address
            threading.Event().wait(0.02)


def run(argv, env=None, status=0, limit=120, stdin=None):
    r = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=limit, input=stdin)
    assert status is None or r.returncode == status, '%s: status %d\n%s%s' % (argv, r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr
