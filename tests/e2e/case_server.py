"""Our SMTP server on the wire: pipelining, end of data, TLS, AUTH, sizes."""
import base64
import os
import re
import smtplib
import ssl

import world as wd
from world import Raw, run


def dialogue(gw, body=b'Subject: cut\r\n\r\nhello\r\n'):
    return (b'EHLO client.test\r\nMAIL FROM:<steve@example.org>\r\nRCPT TO:<bob%%mvsa@%s>\r\nDATA\r\n' % gw.fqdn.encode(),
            body + b'.\r\nQUIT\r\n')


def case_pipelining_splits(w):
    """One session cut at each offset, at once, and byte by byte: the same answers and one message each."""
    gw, p, _ = w.pair()
    one, two = dialogue(gw)
    cuts = [[one[:n], one[n:]] for n in range(1, len(one), 5)] + [[one], [bytes((b,)) for b in one]]
    for pieces in cuts:
        r = Raw(gw.smtp)
        r.expect(220)
        for piece in pieces:
            r.send(piece)
        for code in (250, 250, 250, 354):
            r.expect(code)
        r.send(two)
        assert 'Queued as' in r.expect(250)
        r.expect(221)
        assert r.reply()[0] == 0
        r.close()
    for _ in cuts:
        p.take_file()
    gw.empty()
    assert not p.files


def case_pipelined_many(w):
    """Several messages in one stream, with a refused recipient among them."""
    gw, p, _ = w.pair()
    r = Raw(gw.smtp)
    r.hello()
    good = b'MAIL FROM:<a@example.org>\r\nRCPT TO:<bob%%mvsa@%s>\r\nDATA\r\n' % gw.fqdn.encode()
    bad = b'MAIL FROM:<a@example.org>\r\nRCPT TO:<bob@elsewhere.test>\r\nDATA\r\n'
    r.send(good)
    for code in (250, 250, 354):
        r.expect(code)
    r.send(b'Subject: 1\r\n\r\nx\r\n.\r\n' + bad + b'RSET\r\n' + good)
    for code in (250, 250, 550, 503, 250, 250, 250, 354):
        if code == 503:
            r.expect(503, 554)
        else:
            r.expect(code)
    r.send(b'Subject: 2\r\n\r\ny\r\n.\r\nNOOP\r\nQUIT\r\n')
    for code in (250, 250, 221):
        r.expect(code)
    r.close()
    p.take_file()
    p.take_file()


def case_smuggling(w):
    """Only CRLF.CRLF ends a message; bare CR and LF are refused, and nothing behind them is executed."""
    gw, p, _ = w.pair()
    inner = b'MAIL FROM:<evil@example.org>\r\nRCPT TO:<bob%%mvsa@%s>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n' \
        % gw.fqdn.encode()
    for end in (b'\n.\n', b'\n.\r\n', b'\r\n.\n', b'\r.\r', b'\r\n.\r', b'\r.\r\n', b'\r\r\n.\r\r\n', b'\n.\r', b'\0\r\n.\n'):
        r = Raw(gw.smtp)
        r.hello()
        r.ask('MAIL FROM:<steve@example.org>', 250)
        r.ask('RCPT TO:<bob%%mvsa@%s>' % gw.fqdn, 250)
        r.ask('DATA', 354)
        r.send(b'Subject: outer\r\n\r\nhello' + end + inner + b'\r\n.\r\nQUIT\r\n')
        codes = []
        while codes[-1:] != [0]:
            codes.append(r.reply()[0])
        assert codes[0] in (550, 554, 521, 500, 250), codes
        assert codes.count(354) == 0, 'smuggled past %r: %s' % (end, codes)
        r.close()
    gw.empty()
    for f in p.files:
        assert not f.text().startswith('Subject: smuggled') and f.origin[0] != 'EVIL', f.text()
        assert 'Return-Path: <steve@example.org>' in f.text()


def case_commands(w):
    gw, p, _ = w.pair()
    r = Raw(gw.smtp)
    r.expect(220)
    r.ask('MAIL FROM:<a@b.org>', 503)
    text = r.ask('EHLO client.test', 250).upper()
    for word in ('PIPELINING', 'SIZE', '8BITMIME', 'ENHANCEDSTATUSCODES'):
        assert word in text, text
    r.ask('RCPT TO:<bob%%mvsa@%s>' % gw.fqdn, 503)
    r.ask('DATA', 503)
    r.ask('MAIL FROM:<a@b.org> FOO=BAR', 555, 501, 504)
    r.ask('MAIL FROM:a@b.org', 250, 501)
    r.ask('RSET', 250)
    r.ask('MAIL FROM:<a@b.org', 501)
    r.ask('MAIL FROM:<>', 250)
    r.ask('MAIL FROM:<>', 503)
    r.ask('RCPT TO:<>', 501, 550, 553)
    r.ask('VRFY bob', 250, 252, 550, 502)
    r.ask('EXPN list', 250, 252, 550, 502)
    r.ask('HELP', 214)
    r.ask('NOOP', 250)
    r.ask('QUEU', 250, 500, 502)
    r.ask('BLAH', 500)
    r.ask('TURN', 502, 500)
    r.ask('HELO client.test', 250)
    r.ask('QUIT', 221)
    assert r.reply()[0] == 0
    r.close()


def offered(r, word):
    assert word in r.hello().upper()


def case_chunking(w):
    gw, p, _ = w.pair()
    r = Raw(gw.smtp)
    offered(r, 'CHUNKING')
    data = b'Subject: chunks\r\n\r\nline\r\n.\r\nnot the end\r\n'
    r.send(b'MAIL FROM:<a@example.org>\r\nRCPT TO:<bob%%mvsa@%s>\r\nBDAT 10\r\n' % gw.fqdn.encode() + data[:10] +
           b'BDAT %d LAST\r\n' % (len(data) - 10) + data[10:] + b'QUIT\r\n')
    for code in (250, 250, 250, 250, 221):
        r.expect(code)
    assert p.take_file().lines()[-1] == 'not the end'


def case_binarymime_goes_on(w):
    """BODY=BINARYMIME for somebody reached over SMTP: the binary part arrives in base64, whole; what is signed is refused."""
    sink = w.sink()
    gw, _, _ = w.pair(['LOCALUSER FAR MBOX=far@example.net', 'DESTINATION example.net ' + sink.where])
    payload = bytes(range(256)) * 20 + b'\r\n.\r\n\n\r'
    for kind, size, code in (('mixed', 1, 250), ('mixed', 20, 250), ('signed', 1, 554)):
        data = (b'From: steve@example.org\r\nSubject: bits\r\nMIME-Version: 1.0\r\nContent-Type: multipart/%s; boundary=b\r\n\r\n'
                b'--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n%s\r\n--b--\r\n'
                % (kind.encode(), payload * size))
        r = Raw(gw.smtp)
        r.hello()
        r.ask('MAIL FROM:<steve@example.org> BODY=BINARYMIME', 250)
        r.ask('RCPT TO:<far@%s>' % gw.fqdn, 250)
        r.send(b'BDAT %d LAST\r\n' % len(data) + data)
        assert ('5.6.3' in r.expect(code)) == (code == 554)
        r.close()
        if code == 250:
            m = sink.take()
            part = list(m.mail.iter_parts())[0]
            assert part['Content-Transfer-Encoding'] == 'base64', m.data[:600]
            assert part.get_content() == payload * size, 'the part has changed'
    gw.empty()
    assert not sink.messages


def case_smtputf8(w):
    gw, p, _ = w.pair()
    r = Raw(gw.smtp)
    offered(r, 'SMTPUTF8')
    r.send('MAIL FROM:<j\u00fcrgen@example.org> SMTPUTF8\r\n'.encode())
    r.expect(250)
    r.ask('RCPT TO:<bob%%mvsa@%s>' % gw.fqdn, 250)
    r.ask('DATA', 354)
    r.send('From: J\u00fcrgen <j\u00fcrgen@example.org>\r\nSubject: gr\u00fc\u00df\r\n\r\nx\r\n.\r\n'.encode())
    r.expect(250)
    assert 'Subject: gr\u00fc\u00df' in p.take_file().lines()
    r.close()


def case_smtputf8_further(w):
    """Without SMTPUTF8 the address is refused; what an NJE user answers needs a host that offers it."""
    other = w.sink()
    gw, p, sink = w.pair(['LOCALUSER FAR MBOX=far@example.org', 'LOCALUSER OLD MBOX=old@example.net',
                          'DESTINATION example.net ' + other.where])
    sink.extensions.append('SMTPUTF8')
    r = Raw(gw.smtp)
    r.hello()
    r.send('MAIL FROM:<j\u00fcrgen@example.org>\r\n'.encode())
    r.expect(553)
    r.send(b'MAIL FROM:<j\xfcrgen@example.org> SMTPUTF8\r\n')
    r.expect(553)
    r.ask('MAIL FROM:<steve@example.org> SMTPUTF8', 250)
    r.send(('RCPT TO:<j\u00fcrgen@%s>\r\n' % gw.fqdn).encode())
    r.expect(550)
    r.ask('RSET', 250)
    for who in ('far', 'old'):
        r.send('MAIL FROM:<j\u00fcrgen@b\u00fccher.example.org> SMTPUTF8\r\n'.encode())
        r.expect(250)
        r.ask('RCPT TO:<%s@%s> NOTIFY=NEVER' % (who, gw.fqdn), 250)
        r.ask('DATA', 354)
        r.send('From: <j\u00fcrgen@example.org>\r\nSubject: gr\u00fc\u00df\r\n\r\nx\r\n.\r\n'.encode())
        r.expect(250)
        if who == 'far':
            m = sink.take()
            assert m.sender == 'j\u00fcrgen@b\u00fccher.example.org' and 'SMTPUTF8' in m.params, (m.sender, m.params)
            assert 'with UTF8SMTP id' in ' '.join(m.data.decode().split())
        gw.empty()
    assert not sink.messages and not other.messages
    assert re.search('does not offer SMTPUTF8', gw.read_log()), 'no reason in the log'
    r.close()


def case_starttls(w):
    cert, key = w.tls()
    gw, p, _ = w.pair(['TLSCERT ' + cert, 'TLSKEY ' + key])
    context = ssl.create_default_context(cafile=cert)
    with gw.client() as c:
        c.ehlo()
        assert c.has_extn('starttls')
        assert c._host
        c._host = wd.HOST
        c.starttls(context=context)
        c.ehlo()
        assert not c.has_extn('starttls')
        wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], b'Subject: sealed\r\n\r\nx\r\n')
    p.take_file()
    out = run(['openssl', 's_client', '-starttls', 'smtp', '-connect', '%s:%d' % gw.smtp, '-CAfile', cert,
               '-verify_return_error', '-brief'], stdin='QUIT\r\n')
    assert 'Verification: OK' in out and 'TLSv1.' in out, out
    r = Raw(gw.smtp)  # commands sent in the clear behind STARTTLS are not obeyed
    r.hello()
    r.send('STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n')
    r.expect(220, 501, 503)
    secret = ssl.create_default_context()
    secret.check_hostname, secret.verify_mode = False, ssl.CERT_NONE
    try:
        s = secret.wrap_socket(r.sock)
        s.settimeout(20)
        s.sendall(b'NOOP\r\n')
        assert s.recv(100)[:1] in (b'2', b'5', b'')
        s.sendall(b'RCPT TO:<x@y.z>\r\n')
        assert s.recv(200)[:3] in (b'503', b''), 'the injected MAIL was obeyed'
        s.close()
    except (ssl.SSLError, OSError):
        pass


def case_submission(w):
    """AUTH over TLS only on a SUBMISSION listener; then relaying is allowed."""
    cert, key = w.tls()
    auth = os.path.join(w.dir, 'users')
    with open(auth, 'w', encoding='utf-8') as f:
        f.write('anne:%s\n' % run(['openssl', 'passwd', '-6', 's3cret']).strip())
    os.chmod(auth, 0o600)
    sink, port = w.sink(), w.port()
    gw = w.gateway(lines=['TLSCERT ' + cert, 'TLSKEY ' + key, 'SUBMISSION AUTHFILE=' + auth,
                          'LISTENSMTP %s:%d SUBMISSION' % (w.address, port), 'DESTINATION example.org ' + sink.where])
    gw.start()
    context = ssl.create_default_context(cafile=cert)
    context.check_hostname = False

    def session():
        c = smtplib.SMTP(w.address, port, local_hostname='client.test', timeout=30)
        c.ehlo()
        assert not c.has_extn('auth'), 'AUTH must not be offered in the clear'
        c.starttls(context=context)
        c.ehlo()
        return c
    with session() as c:
        assert c.mail('anne@example.org')[0] in (530, 550, 554), 'MAIL before AUTH'
        try:
            c.login('anne', 'wrong')
            raise AssertionError('a wrong password was accepted')
        except smtplib.SMTPAuthenticationError as e:
            assert e.smtp_code == 535, e
    with session() as c:
        c.login('anne', 's3cret')
        wd.send(c, 'anne@example.org', ['steve@example.org'], b'Subject: relayed\r\n\r\nx\r\n')
    assert sink.take().rcpts == ['steve@example.org']
    r = Raw(gw.smtp)
    r.hello()
    r.ask('AUTH PLAIN ' + base64.b64encode(b'\0anne\0s3cret').decode(), 500, 502, 503, 530, 538)
    r.close()


def case_submission_manners(w):
    """AUTH in every manner: LOGIN, no initial response, cancelled, not base64, for another, twice, unknown."""
    cert, key = w.tls()
    auth = os.path.join(w.dir, 'users')
    with open(auth, 'w', encoding='utf-8') as f:
        f.write('# people\nanne:%s\n' % run(['openssl', 'passwd', '-6', 's3cret']).strip())
    os.chmod(auth, 0o600)
    sink, port = w.sink(), w.port()
    gw = w.gateway(lines=['TLSCERT ' + cert, 'TLSKEY ' + key, 'SUBMISSION AUTHFILE=' + auth,
                          'LISTENSMTP %s:%d SUBMISSION TLS' % (w.address, port), 'DESTINATION example.org ' + sink.where,
                          'LISTENSMTP %s:%d SUBMISSION' % (w.address, w.port())])
    gw.start()
    open_door = next(ln.split()[1] for ln in gw.lines if ln.endswith(' SUBMISSION')).rsplit(':', 1)
    r = Raw((open_door[0], int(open_door[1])))
    r.hello()
    r.ask('AUTH PLAIN AGFubmUAczNjcmV0', 538)
    r.ask('MAIL FROM:<anne@example.org>', 530)
    r.close()
    context = ssl.create_default_context(cafile=cert)

    def b64(text):
        return base64.b64encode(text.encode()).decode()

    def begin():
        r = Raw((w.address, port))
        r.file.close()
        r.sock = context.wrap_socket(r.sock, server_hostname=wd.HOST)
        r.file = r.sock.makefile('rb')
        assert 'AUTH PLAIN LOGIN' in r.hello()
        return r
    r = begin()
    r.ask('AUTH', 501)
    r.ask('AUTH CRAM-MD5', 504)
    assert r.ask('AUTH LOGIN', 334) == '334 VXNlcm5hbWU6\r\n'
    r.ask('*', 501)
    r.ask('AUTH PLAIN', 334)
    r.ask('!!!', 501)
    r.ask('AUTH PLAIN ' + b64('someone\0anne\0s3cret'), 535)
    r.ask('AUTH PLAIN ' + b64('anne\0s3cret'), 535)
    r.ask('AUTH PLAIN ' + b64('\0nobody\0s3cret'), 535)
    r.ask('AUTH LOGIN ' + b64('anne'), 334)
    r.ask(b64('wrong'), 535)
    r.ask('RCPT TO:<steve@example.org>', 503)
    r.ask('AUTH LOGIN', 334)
    r.ask(b64('anne'), 334)
    r.ask(b64('s3cret'), 235)
    r.ask('AUTH LOGIN', 503)
    r.send('MAIL FROM:<anne@example.org> AUTH=<>\r\nRCPT TO:<steve@example.org>\r\nDATA\r\n')
    for code in (250, 250, 354):
        r.expect(code)
    r.send('From: anne@example.org\r\n\r\nx\r\n.\r\n')
    r.expect(250)
    mail = sink.take().mail
    assert mail['Date'] and mail['Message-ID'] and 'with ESMTPSA id' in ' '.join(mail['Received'].split()), mail
    r.close()
    gone = begin()  # goes while its password is checked
    gone.send('AUTH PLAIN ' + b64('\0anne\0s3cret') + '\r\n')
    gone.close()
    with open(auth, 'a', encoding='utf-8') as f:
        f.write('broken line\n')
    gw.hup()
    gw.until(lambda: 'must be user:crypt' in gw.read_log())
    r = begin()
    r.ask('AUTH PLAIN ' + b64('\0anne\0s3cret'), 235)
    r.close()


def case_many_sessions(w):
    """200 sessions at once, one message each."""
    gw, p, _ = w.pair()
    raws = [Raw(gw.smtp) for _ in range(200)]
    for r in raws:
        r.hello()
        r.send('MAIL FROM:<a@example.org>\r\nRCPT TO:<bob%%mvsa@%s>\r\nDATA\r\n' % gw.fqdn)
    for r in raws:
        for code in (250, 250, 354):
            r.expect(code)
        r.send('Subject: many\r\n\r\nx\r\n.\r\n')
    for r in raws:
        r.expect(250)
        r.close()
    for _ in raws:
        p.take_file()
    gw.empty()


def case_long_and_odd_lines(w):
    """A body line of 100,000 octets, a NUL, 8 bits without declaration: accepted or refused, never lost."""
    gw, p, _ = w.pair()
    for body in (b'x' * 100000, b'a\0b', b'\xff\xfe\x80', b'\x1a\x1b\x7f'):
        r = Raw(gw.smtp)
        r.hello()
        r.ask('MAIL FROM:<a@example.org>', 250)
        r.ask('RCPT TO:<bob%%mvsa@%s>' % gw.fqdn, 250)
        r.ask('DATA', 354)
        r.send(b'Subject: odd\r\n\r\n' + body + b'\r\n.\r\n')
        code, text = r.reply()
        if code == 250:
            p.take_file()
        else:
            assert 500 <= code < 560, (code, text)
        r.close()


def case_domains_beyond_ascii(w):
    """U-labels and A-labels are one domain: one of our names, of a route, of a look-up; hosts without SMTPUTF8 get A-labels."""
    sink, far = w.sink(), w.sink()
    gw, p, _ = w.pair(['ALTTCPHOSTNAME xn--gte-qla.example.test', 'DESTINATION xn--mnchen-3ya.example ' + sink.where,
                       'LOCALUSER FAR MBOX=far@m\u00fcnchen.example', 'LOCALUSER NEAR', 'NODE MVSA STYLE=RFC822'])
    r = Raw(gw.smtp)
    r.hello()
    r.send('MAIL FROM:<joe@b\u00fccher.example> SMTPUTF8\r\n'.encode())
    r.expect(250)
    r.send('RCPT TO:<bob%mvsa@g\u00e4te.example.test>\r\n'.encode())
    r.expect(250)
    r.send('RCPT TO:<bob%mvsa@g\u00f6te.example.test>\r\n'.encode())
    r.expect(550)
    r.ask('RCPT TO:<far@%s> NOTIFY=NEVER' % gw.fqdn, 250)
    r.ask('DATA', 354)
    r.send(b'Subject: plain\r\n\r\nx\r\n.\r\n')
    r.expect(250)
    p.take_file()
    m = sink.take()
    assert m.sender == 'joe@xn--bcher-kva.example' and m.rcpts == ['far@xn--mnchen-3ya.example'], (m.sender, m.rcpts)
    assert 'SMTPUTF8' not in m.params
    # by MX, from the network
    w.table.update({'xn--mnchen-3ya.test': {'MX': [(5, 'mx.test')]}, 'mx.test': {'A': [w.address]}})
    far.extensions.append('SMTPUTF8')
    r.send('MAIL FROM:<joe@b\u00fccher.example> SMTPUTF8\r\n'.encode())
    r.expect(250)
    gw.lines = [ln.replace('m\u00fcnchen.example', 'm\u00fcnchen.test') for ln in gw.lines]
    gw.restart()
    gw.links_up()
    gw.mail('far@' + gw.fqdn)
    gw.until(lambda: ('xn--mnchen-3ya.test', 'MX') in w.resolver().asked)
