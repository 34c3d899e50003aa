"""Certificates of every wrong kind at the host we send to: refused with the reason where they are to be verified, no
hindrance where TLS is taken as it comes."""
import datetime
import ipaddress
import os

import smtpsink
import world as wd
from case_client import deferred, post

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    x509 = None
DAY = datetime.timedelta(days=1)


class Made:
    """A certificate with its key; by: another one whose CA it is, else self-signed."""

    def __init__(self, w, name, by=None, names=None, ca=False, begins=-2, ends=2, usage=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = by or self
        b = (x509.CertificateBuilder().subject_name(self.name).issuer_name(issuer.name).public_key(self.key.public_key())
             .serial_number(x509.random_serial_number()).not_valid_before(now + begins * DAY)
             .not_valid_after(now + ends * DAY)
             .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
             .add_extension(x509.SubjectAlternativeName(names or [
                 x509.IPAddress(ipaddress.ip_address(w.address)), x509.DNSName('mx.good.test')]), critical=False))
        if usage:
            b = b.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        self.cert = b.sign(issuer.key, hashes.SHA256())
        self.files = tuple(os.path.join(w.dir, name + ext) for ext in ('.pem', '.key'))
        chain = self.pem() + (by.pem() if by else b'')
        for path, data in zip(self.files, (chain, self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))):
            with open(path, 'wb') as f:
                f.write(data)

    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)


def case_every_wrong_certificate(w):
    """Verified (TLS=REQUIRED): deferred with the reason, nothing sent. Opportunistic and ENCRYPT: sent within TLS."""
    if x509 is None:
        raise wd.Skip('no python3-cryptography')
    ca, stranger = Made(w, 'ca', ca=True), Made(w, 'stranger', ca=True)
    old_ca = Made(w, 'oldca', by=ca, ca=True, begins=-9, ends=-1)
    kinds = {
        'good': (Made(w, 'good', ca), None),
        'expired': (Made(w, 'expired', ca, begins=-9, ends=-1), 'expired'),
        'early': (Made(w, 'early', ca, begins=1, ends=9), 'not yet valid'),
        'other': (Made(w, 'other', ca, [x509.DNSName('mx.other.test')]), 'does not name'),
        'wildcard': (Made(w, 'wildcard', ca, [x509.DNSName('*.good.test')]), 'does not name'),  # it is an address
        'alone': (Made(w, 'alone'), 'self'),
        'client': (Made(w, 'client', ca, usage=ExtendedKeyUsageOID.CLIENT_AUTH), 'purpose'),
        'unknown': (Made(w, 'unknown', stranger), 'self'),
        'leaf': (Made(w, 'leaf', Made(w, 'noca', ca)), 'CA'),  # signed by one that is no CA
        'oldca': (Made(w, 'byold', old_ca), 'expired'),
    }
    sink = w.sink()
    sink.one_each = True  # a connection that is verified would be used again
    gw = w.gateway(lines=['TLSCA ' + ca.files[0]] + [
        'DESTINATION %s.%s.test %s TLS=%s' % (kind, word, sink.where, word.upper())
        for kind in kinds for word in ('required', 'encrypt', 'may')])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    for kind, (made, why) in kinds.items():
        sink.tls = smtpsink.server_tls(*made.files)
        for word in ('encrypt', 'may'):
            post(p, 'x@%s.%s.test' % (kind, word))
            m = sink.take()
            assert m.tls and m.rcpts == ['x@%s.%s.test' % (kind, word)], (kind, word)
        post(p, 'x@%s.required.test' % kind)
        if why is None:
            assert sink.take().tls
            continue
        row = deferred(gw)
        assert 'is not trusted' in row['reason'] and why in row['reason'], (kind, row['reason'])
        assert why in gw.cli('trace', row['id']) and not sink.messages, kind
        gw.cli('queue', 'delete', row['id'])
    gw.empty()


case_every_wrong_certificate.limit = 120
