"""DANE (RFC 6698, RFC 7672): TLSA records from a signed zone on loopback decide about certificates."""
import hashlib
import os
import ssl

import dns
import smtpsink
import world as wd
from case_client import deferred, port25, post


def certificate(w, name, names, ca=None):
    """(cert, key): self-signed, or by that CA (then with it in the chain)."""
    cert, key = os.path.join(w.dir, name + '.pem'), os.path.join(w.dir, name + '.key')
    more = ['-CA', ca[0], '-CAkey', ca[1]] if ca else []
    wd.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2',
            '-subj', '/CN=' + name, '-addext', 'subjectAltName=' + names, '-addext',
            'basicConstraints=critical,CA:' + ('FALSE' if ca else 'TRUE')] + more)
    if ca:
        with open(ca[0], encoding='ascii') as f, open(cert, 'a', encoding='ascii') as g:
            g.write(f.read())
    return cert, key


def tlsa(pair, usage, selector, matching):
    with open(pair[0], encoding='ascii') as f:
        der = ssl.PEM_cert_to_DER_cert(f.read().split('-----END CERTIFICATE-----')[0] + '-----END CERTIFICATE-----\n')
    if selector:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        key = x509.load_der_x509_certificate(der).public_key()
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    data = {0: bytes, 1: lambda d: hashlib.sha256(d).digest(), 2: lambda d: hashlib.sha512(d).digest()}[matching](der)
    return usage, selector, matching, data


class Place:
    """A signed zone dane.test and an unsigned plain.test, an exchanger mx at port 25 of our address."""

    def __init__(self, w, lines=()):
        port25(w)
        if dns.ec is None:
            raise wd.Skip('no python3-cryptography to sign a zone with')
        self.w, server = w, w.resolver()
        self.zone = server.sign('dane.test')
        anchor = os.path.join(w.dir, 'anchor')
        with open(anchor, 'w', encoding='ascii') as f:
            f.write(self.zone.anchor)
        self.ca = certificate(w, 'ca', 'DNS:ca.test')
        self.pair = certificate(w, 'mx.dane.test', 'DNS:mx.dane.test', self.ca)
        self.sink = w.sink(port=25, tls=smtpsink.server_tls(*self.pair))
        self.sink.one_each = True
        for zone in ('dane.test', 'plain.test'):
            w.table.update({zone: {'MX': [(10, 'mx.' + zone)]}, 'mx.' + zone: {'A': [w.address]}})
        self.gw = w.gateway(lines=['TRUSTANCHOR ' + anchor] + list(lines))
        self.peer = w.peer()
        self.gw.link('MVSA', self.peer.listen_at).start()
        self.peer.wait_up()
        self.count = 0

    def domain(self, *records, zone='dane.test', mx=None):
        """A fresh mail domain (nothing about it is cached) with an exchanger of its own and these TLSA records."""
        self.count += 1
        name = 'd%d.%s' % (self.count, zone)
        mx = mx or 'mx.' + name
        self.w.table[name] = {'MX': [(10, mx)]}
        if mx not in self.w.table:
            self.w.table[mx] = {'A': [self.w.address]}
        if records:
            self.w.table['_25._tcp.' + mx] = {'TLSA': list(records)}
        return name

    def delivered(self, domain):
        post(self.peer, 'x@' + domain)
        tls = self.sink.take().tls
        return tls, self.gw.until(lambda: 'event=delivered to=x@%s ' % domain in self.gw.read_log()) and next(
            ln for ln in self.gw.read_log().splitlines() if 'event=delivered to=x@%s ' % domain in ln)

    def refused(self, domain, words):
        post(self.peer, 'x@' + domain)
        row = deferred(self.gw)
        assert words in row['reason'], row
        assert not self.sink.messages
        self.gw.cli('queue', 'delete', row['id'])


def case_dane_ee(w):
    """3 1 1, 3 0 1, 3 1 2, 3 1 0: the key itself, whatever name its certificate has; another key is refused."""
    at = Place(w)
    for selector, matching in ((1, 1), (0, 1), (1, 2), (1, 0), (0, 0)):
        tls, line = at.delivered(at.domain(tlsa(at.pair, 3, selector, matching)))
        assert tls and ' dane)' in line, line
    at.refused(at.domain(tlsa(at.ca, 3, 1, 1)), 'no TLS with host')
    tls, line = at.delivered(at.domain(tlsa(at.ca, 3, 1, 1), tlsa(at.pair, 3, 1, 1)))
    assert ' dane)' in line


def case_dane_ta(w):
    """2 0 1, 2 1 1: the CA, and the certificate must name the exchanger."""
    at = Place(w)
    for selector in (0, 1):
        w.table['_25._tcp.mx.dane.test'] = {'TLSA': [tlsa(at.ca, 2, selector, 1)]}
        tls, line = at.delivered(at.domain(mx='mx.dane.test')) if selector == 0 else (True, ' dane)')
        assert tls and ' dane)' in line, line
        at.refused(at.domain(tlsa(at.ca, 2, selector, 1)), 'no TLS with host')  # its name is not in the certificate
    other = certificate(w, 'other', 'DNS:other.test')
    at.refused(at.domain(tlsa(other, 2, 0, 1)), 'no TLS with host')


def case_not_usable_records(w):
    """PKIX usages, unknown matching: TLS must be, the certificate is nobody's business (RFC 7672 2.2)."""
    at = Place(w)
    good = tlsa(at.pair, 3, 1, 1)
    for bad in ((0,) + good[1:], (1,) + good[1:], (3, 1, 9, good[3]), (3, 1, 1, b'short')):
        tls, line = at.delivered(at.domain(bad))
        assert tls and ' unverified)' in line, line
    at.sink.tls = None  # it offers no STARTTLS now
    at.refused(at.domain((0,) + good[1:]), 'TLS is required')
    at.refused(at.domain(good), 'TLS is required')
    assert at.delivered(at.domain())[0] is False  # signed, but no TLSA record: opportunistic


def case_only_signed_records_count(w):
    """The same records in a zone that is not signed mean nothing; forged ones stop the mail."""
    at = Place(w)
    wrong = tlsa(at.ca, 3, 1, 1)
    tls, line = at.delivered(at.domain(wrong, zone='plain.test'))
    assert tls and ' unverified)' in line, line
    # the domain is not signed, its exchanger is: no DANE for it
    w.table['_25._tcp.mx.dane.test'] = {'TLSA': [wrong]}
    tls, line = at.delivered(at.domain(zone='plain.test', mx='mx.dane.test'))
    assert tls and ' unverified)' in line, line
    w.table['_25._tcp.mx.d9.dane.test'] = 'SERVFAIL'
    at.count = 8
    at.refused(at.domain(), 'TLSA records')
    domain = at.domain(wrong)
    at.zone.broken = True
    at.refused(domain, 'DNSSEC')


def case_policies(w):
    """TLSPOLICY DANE wants records, TLSPOLICY NO ignores them."""
    at = Place(w, ['TLSPOLICY .plain.test DANE', 'TLSPOLICY d2.dane.test NO'])
    at.refused(at.domain(zone='plain.test'), 'has no TLSA records')
    assert at.delivered(at.domain(tlsa(at.pair, 3, 1, 1)))[0] is False


def case_alias(w):
    """An exchanger that is a CNAME: the records of the name behind it, else those of the alias."""
    at = Place(w)
    w.table['real.dane.test'] = {'A': [w.address]}
    w.table['alias.dane.test'] = {'CNAME': ['real.dane.test']}
    w.table['_25._tcp.alias.dane.test'] = {'TLSA': [tlsa(at.pair, 3, 1, 1)]}
    assert ' dane)' in at.delivered(at.domain(mx='alias.dane.test'))[1]
    w.table['real2.dane.test'] = {'A': [w.address]}
    w.table['alias2.dane.test'] = {'CNAME': ['real2.dane.test']}
    w.table['_25._tcp.alias2.dane.test'] = {'TLSA': [tlsa(at.ca, 3, 1, 1)]}
    w.table['_25._tcp.real2.dane.test'] = {'TLSA': [tlsa(at.pair, 3, 1, 1)]}
    assert ' dane)' in at.delivered(at.domain(mx='alias2.dane.test'))[1]
