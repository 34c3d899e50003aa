"""SMTP clients: limits by address and time, listeners of their own kind, load balancers."""
import smtplib
import socket
import ssl
import struct

import world as wd


def case_rates(w):
    """LIMIT ... PER: a client is put off, a trusted one is not; `config show` tells the limits."""
    gw, p, _ = w.pair(['TRUST 192.0.2.0/24', 'LIMIT MESSAGES 2 PER 3600', 'LIMIT BYTES 100000 PER 60'])
    for n in range(2):
        gw.mail('bob%mvsa@' + gw.fqdn)
    with gw.client() as c:
        c.ehlo()
        assert c.mail('steve@example.org')[0] == 451
    shown = gw.cli('config', 'show')
    for line in ('LIMIT MESSAGES 2 PER 3600', 'TRUST 192.0.2.0/24', 'LIMIT RCPTS 1000', 'LIMIT CONNECTIONS 50'):
        assert line in shown, shown
    gw.lines = ['TRUST 127.0.0.0/8' if ln.startswith('TRUST') else ln for ln in gw.lines]
    gw.write()
    gw.hup()
    gw.until(lambda: 'result=done' in gw.read_log())
    gw.mail('bob%mvsa@' + gw.fqdn)
    for _ in range(3):
        p.take_file()


def case_connections_in_time(w):
    """More connections a minute than allowed are turned away with 421, a reload lifts it."""
    gw, p, _ = w.pair(['TRUST NONE', 'LIMIT CONNECTIONS 3 PER 3600'])
    codes = []
    for _ in range(5):
        r = wd.Raw(gw.smtp)
        codes.append(r.reply()[0])
        r.close()
    assert codes == [220, 220, 220, 421, 421], codes


def case_header_and_line(w):
    """LIMIT HEADER and LINE: refused at the end of data with the reason; MINFREE puts mail off."""
    gw, p, _ = w.pair(['LIMIT HEADER 2000', 'LIMIT LINE 500'])
    for data, want in (('Subject: x\r\n' + 'X-Long: %s\r\n' % ('y' * 70) * 30 + '\r\nx\r\n', b'header is larger than 2000'),
                       ('Subject: x\r\n\r\n%s\r\n' % ('y' * 600), b'longer than 500')):
        with gw.client() as c:
            c.ehlo()
            c.mail('steve@example.org')
            c.rcpt('bob%mvsa@' + gw.fqdn)
            code, text = c.data(data)
            assert code in (550, 552) and want in text, (code, text)
    gw.lines.append('MINFREE 1099511627776')
    gw.write()
    gw.hup()
    gw.until(lambda: 'result=done' in gw.read_log())
    with gw.client() as c:
        c.ehlo()
        assert c.mail('steve@example.org')[0] == 452
    gw.empty()
    assert not p.files


def proxied(address, header):
    r = wd.Raw(address)
    r.send(header)
    return r


def case_proxy(w):
    """PROXY, both versions: the client is whom the balancer names, in Received and for the limits."""
    port = w.port()
    gw, p, _ = w.pair(['LISTENSMTP %s:%d PROXY' % (w.address, port), 'LIMIT CONNECTIONS 1', 'NODE MVSA STYLE=RFC822'])
    at = (w.address, port)
    one = b'PROXY TCP4 192.0.2.1 198.51.100.2 4711 25\r\n'
    two = (b'\r\n\r\n\0\r\nQUIT\n' + b'\x21\x21' + struct.pack('>H', 36) + socket.inet_pton(socket.AF_INET6, '2001:db8::1') +
           socket.inet_pton(socket.AF_INET6, '2001:db8::2') + struct.pack('>HH', 4711, 25))
    for header, address in ((one, '192.0.2.1'), (two, '2001:db8::1')):
        first, second = proxied(at, header), proxied(at, header)
        first.hello()
        second.expect(421)
        first.ask('MAIL FROM:<steve@example.org>', 250)
        first.ask('RCPT TO:<bob%%mvsa@%s>' % gw.fqdn, 250)
        first.ask('DATA', 354)
        first.send('Subject: by proxy\r\n\r\nx\r\n.\r\n')
        first.expect(250)
        first.ask('QUIT', 221)
        text = ' '.join(' '.join(p.take_file().lines()).split())
        assert '[%s]' % address in text or '[IPv6:%s]' % address in text, text
        first.close()
        second.close()
    for bad in (b'EHLO c\r\n', b'PROXY TCP4 x\r\n'):
        r = proxied(at, bad)
        assert r.reply()[0] == 0
        r.close()
    gw.until(lambda: 'does not begin with a PROXY header' in gw.read_log())


def case_listener_kinds(w):
    """TLS from the first byte; STARTTLS demanded; STARTTLS not offered."""
    cert, key = w.tls()
    ports = [w.port() for _ in range(3)]
    gw, p, _ = w.pair(['TLSCERT ' + cert, 'TLSKEY ' + key] + [
        'LISTENSMTP %s:%d %s' % (w.address, port, how)
        for port, how in zip(ports, ('TLS', 'STARTTLS=REQUIRED', 'STARTTLS=NO'))])
    context = ssl.create_default_context(cafile=cert)
    with smtplib.SMTP_SSL(w.address, ports[0], local_hostname='client.test', timeout=wd.LIMIT, context=context) as c:
        c.ehlo()
        assert not c.has_extn('starttls')
        wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], b'Subject: wrapped\r\n\r\nx\r\n')
    with smtplib.SMTP(w.address, ports[1], local_hostname='client.test', timeout=wd.LIMIT) as c:
        c.ehlo()
        assert c.mail('steve@example.org')[0] == 530
        c._host = wd.HOST
        c.starttls(context=context)
        wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], b'Subject: sealed\r\n\r\nx\r\n')
    with smtplib.SMTP(w.address, ports[2], local_hostname='client.test', timeout=wd.LIMIT) as c:
        c.ehlo()
        assert not c.has_extn('starttls')
        wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], b'Subject: open\r\n\r\nx\r\n')
    for _ in range(3):
        p.take_file()
