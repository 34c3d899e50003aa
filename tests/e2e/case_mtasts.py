"""MTA-STS (RFC 8461): a domain says which hosts take its mail, and that they do so in verified TLS."""
import http.server
import os
import sqlite3
import ssl
import threading
import time

import smtpsink
import world as wd
from case_client import deferred, port25, post
from case_dane import certificate, tlsa


class PolicyHost:
    """https://mta-sts.DOMAIN/ of every domain there is; `policy` is what it answers, `asked` the Host fields."""

    def __init__(self, w, pair):
        self.asked, self.policy, self.status, self.kind = [], '', 200, 'text/plain'
        self.hold = None
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_GET(self):
                host.asked.append((self.headers['Host'], self.path))
                if host.hold:
                    host.hold.wait(wd.LIMIT)
                body = host.policy.encode()
                self.send_response(host.status)
                self.send_header('Content-Type', host.kind)
                if host.status == 301:
                    self.send_header('Location', 'https://mta-sts.other.test/.well-known/mta-sts.txt')
                self.send_header('Transfer-Encoding', 'chunked')
                self.end_headers()
                self.wfile.write(b'%x\r\n%s\r\n0\r\n\r\n' % (len(body), body) if body else b'0\r\n\r\n')

            def log_message(self, *words):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request, client_address):
                try:
                    super().finish_request(tls.wrap_socket(request, server_side=True), client_address)
                except OSError:
                    pass  # a client that goes away over our certificate
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*pair)
        self.server = Server((w.address, 443), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        w.others += [self.server.shutdown, self.server.server_close]


class Place:
    """Domains below sts.test with an exchanger at our port 25 whose certificate a CA of ours has signed."""

    def __init__(self, w, lines=(), names='DNS:*.mx.test'):
        port25(w)
        self.w, self.count = w, 0
        self.ca = certificate(w, 'ca', 'DNS:ca.test')
        self.https = PolicyHost(w, certificate(w, 'policies', 'DNS:mta-sts.sts.test,' + ','.join(
            'DNS:mta-sts.d%d.sts.test' % i for i in range(1, 20)), self.ca))
        self.sink = w.sink(port=25, tls=smtpsink.server_tls(*certificate(w, 'mx', names, self.ca)))
        self.sink.one_each = True
        w.resolver()
        self.gw = w.gateway(lines=['TLSCA ' + self.ca[0], 'RETRYINT 1'] + list(lines))
        self.peer = w.peer()
        self.gw.link('MVSA', self.peer.listen_at).start()
        self.peer.wait_up()

    def domain(self, policy, mx='a.mx.test', ident='1'):
        """A fresh domain with that policy ('enforce mx...'); `policy` None: it has none."""
        self.count += 1
        name = 'd%d.sts.test' % self.count
        self.w.table.update({name: {'MX': [(10, mx)]}, mx: {'A': [self.w.address]},
                             'mta-sts.' + name: {'A': [self.w.address]}})
        if policy is not None:
            self.w.table['_mta-sts.' + name] = {'TXT': ['v=STSv1; id=%s;' % ident]}
            mode, *hosts = policy.split()
            self.https.policy = 'version: STSv1\r\nmode: %s\r\n%smax_age: 86400\r\n' % (
                mode, ''.join('mx: %s\r\n' % h for h in hosts))
        return name

    def event(self, domain, words, limit=wd.LIMIT):
        """The line of the log about this domain with these words."""
        def line():
            return next((ln for ln in self.gw.read_log().splitlines() if 'event=mta-sts domain=%s ' % domain in ln and
                         words in ln), None)
        return self.gw.until(line, limit, words)

    def known(self, policy, **more):
        """A domain whose policy is in the cache: a first mail went, and was not delayed for it."""
        name = self.domain(policy, **more)
        post(self.peer, 'first@' + name)
        assert self.sink.take().rcpts == ['first@' + name]
        self.event(name, 'mode=' + policy.split()[0])
        self.gw.cli('smsg', 'EXPIRE ' + name)
        return name

    def delivered(self, name):
        post(self.peer, 'x@' + name)
        assert self.sink.take().rcpts == ['x@' + name]
        return self.gw.until(lambda: next((ln for ln in self.gw.read_log().splitlines()
                                           if 'event=delivered to=x@%s ' % name in ln), None))

    def refused(self, name, words):
        post(self.peer, 'x@' + name)
        row = deferred(self.gw)
        assert words in row['reason'], row
        assert words in self.gw.cli('trace', row['id']) and not self.sink.messages
        self.gw.cli('queue', 'delete', row['id'])


def case_enforced(w):
    """The first mail goes at once, in any TLS; once the policy is known, hosts and certificates are checked."""
    at = Place(w)
    name = at.known('enforce *.mx.test')
    assert at.https.asked == [('mta-sts.' + name, '/.well-known/mta-sts.txt')], at.https.asked
    assert ' mta-sts)' in at.delivered(name)
    row, = at.gw.json('sts', 'list')
    assert row['domain'] == name and row['mode'] == 'enforce' and row['hosts'] == '*.mx.test' and row['id'] == '1', row
    assert row['until'] > row['fetched'], row
    at.refused(at.known('enforce other.test'), 'names none of its mail exchangers (a.mx.test)')
    assert [r['domain'] for r in at.gw.json('sts', 'list', 'd2*')] == ['d2.sts.test']
    at.gw.cli('sts', 'lost', status=2)
    at.refused(at.known('enforce *.mx.test', mx='b.c.mx.test'), 'names none of its mail exchangers')
    at.refused(at.known('enforce a.test', mx='a.test'), '(MTA-STS)')  # the certificate is not for a.test
    name = at.known('enforce *.mx.test')
    at.sink.tls = None
    at.refused(name, 'TLS is required (MTA-STS)')
    assert ' mta-sts)' not in at.delivered(at.domain(None))  # without a policy in the clear


def case_better_host_not_named(w):
    """Of two exchangers the policy names the second: the first is passed over."""
    at = Place(w)
    name = at.domain('enforce b.mx.test')
    second = smtpsink.Sink((w.beside(), 25), tls=at.sink.tls)
    w.sinks.append(second)
    w.table.update({'b.mx.test': {'A': [second.address[0]]}, name: {'MX': [(5, 'a.mx.test'), (10, 'b.mx.test')]}})
    post(at.peer, 'first@' + name)
    assert at.sink.take().rcpts == ['first@' + name]
    at.event(name, 'mode=enforce')
    at.gw.cli('smsg', 'EXPIRE ' + name)
    post(at.peer, 'x@' + name)
    assert second.take().rcpts == ['x@' + name]


def case_testing_and_none(w):
    """Testing tells and delivers; none is as no policy; TLSPOLICY and MTASTS NO come first."""
    at = Place(w, ['TLSPOLICY d8.sts.test MAY'])
    name = at.known('testing other.test')
    at.delivered(name)
    at.event(name, 'does not name it')
    name = at.known('testing *.mx.test')  # all is well: nothing is told
    at.delivered(name)
    assert 'domain=%s mode=testing host' % name not in at.gw.read_log()
    good = at.sink.tls
    at.sink.tls = smtpsink.server_tls(*certificate(w, 'stranger', 'DNS:a.mx.test'))
    name = at.known('testing *.mx.test')
    assert 'unverified' in at.delivered(name)
    at.event(name, 'mode=testing host=a.mx.test[%s]:25 error="the certificate of a.mx.test is not trusted' % w.address)
    at.sink.tls = smtpsink.server_tls(*certificate(w, 'other', 'DNS:b.mx.test', at.ca))
    name = at.known('testing *.mx.test')
    at.delivered(name)
    at.event(name, 'does not name it')
    at.sink.tls = None
    name = at.known('testing *.mx.test')
    at.delivered(name)
    at.event(name, 'does not offer TLS')
    at.sink.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # every handshake fails
    name = at.known('testing *.mx.test')
    at.delivered(name)
    at.event(name, 'fails at TLS')
    at.sink.tls = good
    at.delivered(at.known('none'))
    name = at.domain('enforce other.test')  # d8
    at.delivered(name)
    assert not any(host == 'mta-sts.' + name for host, _ in at.https.asked)
    name = at.known('enforce other.test')
    at.gw.lines.append('MTASTS NO')
    at.gw.write()
    at.gw.hup()
    at.gw.until(lambda: 'MTASTS NO' in at.gw.read_log())
    at.gw.cli('smsg', 'EXPIRE ' + name)
    at.delivered(name)


def case_policy_not_to_be_had(w):
    """Answers that are none, a certificate that is not the host's, a host that hangs: mail goes on; the log says why."""
    at = Place(w)
    at.https.kind = 'text/html'
    for setting, words in (({'kind': 'text/html'}, 'not text/plain'), ({'status': 301}, 'the answer is 301'),
                           ({'status': 404}, 'the answer is 404'), ({'policy': 'mode: enforce\r\n'}, 'no version')):
        at.https.kind, at.https.status = 'text/plain', 200
        name = at.domain('enforce other.test')
        for key, value in setting.items():
            setattr(at.https, key, value)
        at.delivered(name)
        at.event(name, words)
    at.https.kind, at.https.status = 'text/plain', 200
    at.count = 30  # the certificate has names up to d19
    name = at.domain('enforce other.test')
    at.delivered(name)
    at.event(name, 'certificate')
    at.count = 10
    name = at.domain('enforce other.test')
    w.table['_mta-sts.' + name] = {'TXT': ['v=STSv1; id=1', 'v=STSv1; id=2']}
    at.delivered(name)
    at.event(name, 'RFC 8461')
    at.https.hold = threading.Event()
    name = at.domain('enforce other.test')
    at.delivered(name)  # and the daemon ends in time with the question open
    assert 'mode=enforce' not in at.gw.read_log()


def case_kept_over_restarts(w):
    """A policy is in force after a restart, its host gone, its record gone; a new id brings the new one."""
    at = Place(w)
    name = at.known('enforce other.test')
    del w.table['_mta-sts.' + name]
    at.gw.restart()
    at.peer.wait_up()
    at.refused(name, 'names none')
    w.table['_mta-sts.' + name] = {'TXT': ['v=STSv1; id=2;']}
    at.https.policy = at.https.policy.replace('other.test', '*.mx.test')
    at.gw.restart()
    at.peer.wait_up()
    post(at.peer, 'y@' + name)
    at.event(name, 'id=2')
    at.gw.cli('smsg', 'EXPIRE ' + name)
    at.gw.cli('queue', 'retry')
    assert at.sink.take().rcpts == ['y@' + name]
    at.gw.empty()


def case_dane_comes_first(w):
    """A host with TLSA records stands by these, whatever the domain's policy names (RFC 8461 2)."""
    import dns
    if dns.ec is None:
        raise wd.Skip('no python3-cryptography to sign a zone with')
    zone = w.resolver().sign('sts.test')
    anchor = os.path.join(w.dir, 'anchor')
    with open(anchor, 'w', encoding='ascii') as f:
        f.write(zone.anchor)
    at = Place(w, ['TRUSTANCHOR ' + anchor])
    pair = os.path.join(w.dir, 'mx.pem'), os.path.join(w.dir, 'mx.key')
    w.table['_25._tcp.m.sts.test'] = {'TLSA': [tlsa(pair, 3, 1, 1)]}
    name = at.known('enforce other.test', mx='m.sts.test')
    assert ' dane)' in at.delivered(name)


def case_listed(w):
    """`njegate sts list` of what is in force, over, and no policy any more."""
    gw, _, _ = w.pair()
    gw.stop()
    now = int(time.time()) * 1000000
    good = 'version: STSv1\nmode: testing\nmx: a.test\nmx: *.b.test\nmax_age: 86400\n'
    db = sqlite3.connect(os.path.join(gw.dir, 'db'))
    with db:
        for name, policy, until in (('lives.test', good, 3600), ('old.test', good, -1), ('odd.test', 'mode: none', 3600)):
            db.execute('INSERT INTO sts (domain, id, policy, fetched, until) VALUES (?, ?, ?, ?, ?)',
                       (name, 'x', policy, now - 7200 * 1000000, now + until * 1000000))
    db.close()
    rows = {r['domain']: (r['mode'], r['hosts']) for r in gw.json('sts', 'list')}
    assert rows == {'lives.test': ('testing', 'a.test *.b.test'), 'old.test': ('over', 'a.test *.b.test'),
                    'odd.test': ('unreadable', '')}, rows
