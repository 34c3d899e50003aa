"""Batches in mails (application/batch-SMTP, RFC 2442): who may send them, what becomes of them, and mail that leaves so."""
import base64
import os
import re
import smtplib
import ssl
import subprocess

import njefile
import world as wd

INNER = ['EHLO far.test', 'MAIL FROM:<joe@far.test> RET=HDRS', 'RCPT TO:<bob%%mvsa@%s>', 'DATA', 'From: joe@far.test',
         'To: bob', 'Subject: inner', '', 'first', '..dot', '.', 'QUIT']


def batch(lines, to='smtp@gate.example.test', extra=()):
    """A mail of that type, in base64."""
    text = ''.join(line + '\r\n' for line in lines)
    head = ['From: steve@example.org', 'To: ' + to, 'Subject: a batch', 'Message-ID: <b1@example.org>', 'MIME-Version: 1.0',
            'Content-Type: application/batch-SMTP' + ''.join(extra), 'Content-Transfer-Encoding: base64', '']
    return ('\r\n'.join(head) + '\r\n').encode() + base64.encodebytes(text.encode()).replace(b'\n', b'\r\n')


def inner(gw, *more):
    return [line % gw.fqdn if '%' in line else line for line in INNER] + list(more)


def case_taken_from_who_may(w):
    """From an address of BATCHSMTP: its mails reach NJE users with their own envelope, dots and trace."""
    gw, p, sink = w.pair(['BATCHSMTP 127.0.0.0/8'])
    lines = inner(gw)[:-1] + ['MAIL FROM:<ann@far.test>', 'RCPT TO:<carol%%mvsa@%s>' % gw.fqdn, 'DATA', 'Subject: second',
                              '', 'more', '.']
    with gw.client() as c:
        number = wd.send(c, 'steve@example.org', ['smtp@' + gw.fqdn], batch(lines))
    files = {f.dest[0]: f for f in (p.take_file(), p.take_file())}
    assert sorted(files) == ['BOB', 'CAROL'], files
    text = files['BOB'].text()
    assert re.search(r'Subject: inner', text) and re.search(r'^\.dot', text, re.M), text
    assert 'joe@far.test' in text and 'Return-Path: <ann@far.test>' in files['CAROL'].text()
    trace = gw.cli('trace', number)
    assert 'batch' in trace and 'mails=2 errors=0' in trace, trace
    gw.empty()
    assert not sink.messages, 'nothing was wrong, and nobody hears of it'


def case_nobody_may_by_default(w):
    """Without the statement, and from others than it names: no such user; to anybody else the batch is a file."""
    gw, p, _ = w.pair()
    other = w.gateway('OTHER', ['BATCHSMTP 192.0.2.1 USER=anne']).start()
    for g in (gw, other):
        with g.client() as c:
            c.ehlo()
            c.mail('steve@example.org')
            assert c.rcpt('smtp@' + g.fqdn)[0] == 550
    with gw.client() as c:
        wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], batch(inner(gw), 'bob'))
    files = [p.take_file(), p.take_file()]
    assert [f.dest[0] for f in files] == ['BOB', 'BOB'], files
    assert 'MAIL FROM:<joe@far.test>' in files[1].text(), files[1].text()
    gw.empty()


def case_no_relay(w):
    """A client that did not sign on reaches nobody outside through a batch either: it is told by mail, the rest goes."""
    gw, p, sink = w.pair(['BATCHSMTP 127.0.0.0/8'])
    lines = inner(gw)
    lines[3:3] = ['RCPT TO:<victim@example.org>', 'RCPT TO:<smtp@%s>' % gw.fqdn, 'RCPT TO:<nobody%%nowhere@%s>' % gw.fqdn]
    with gw.client() as c:
        wd.send(c, 'steve@example.org', ['smtp@' + gw.fqdn], batch(['TICK 77'] + lines))
    assert p.take_file().dest[0] == 'BOB'
    m = sink.take()
    m.strict
    assert m.rcpts == ['steve@example.org'] and not m.sender, (m.sender, m.rcpts)
    text = m.mail.get_content()
    replies = text.splitlines()
    for refused in ('victim@example.org', 'smtp@' + gw.fqdn):
        assert re.match('5\\d\\d ', replies[replies.index('RCPT TO:<%s>' % refused) + 1]), text
    assert 'failed: 3' in text and 'TICK 77' in replies and '250 2.0.0 Mail queued' in replies, text
    assert m.mail['In-Reply-To'] == '<b1@example.org>' and m.mail['Auto-Submitted'] == 'auto-replied'
    gw.empty()
    assert not sink.messages


def case_signed_on_may_relay(w):
    """Who has signed on may send anywhere, in a batch as in the session; a name that is not listed sends no batch."""
    cert, key = w.tls()
    users = os.path.join(w.dir, 'users')
    made = subprocess.run(['openssl', 'passwd', '-6', 'secret'], capture_output=True, text=True, check=True).stdout.strip()
    with open(users, 'w') as f:
        f.write('anne:%s\nbert:%s\n' % (made, made))
    os.chmod(users, 0o600)
    port = w.port()
    gw, p, sink = w.pair(['TLSCERT ' + cert, 'TLSKEY ' + key, 'LISTENSMTP %s:%d SUBMISSION' % (w.address, port),
                          'SUBMISSION AUTHFILE=' + users, 'BATCHSMTP USER=anne'])
    context = ssl._create_unverified_context()
    lines = inner(gw)
    lines.insert(3, 'RCPT TO:<eve@example.org> NOTIFY=NEVER')
    for user, code in (('bert', 550), ('anne', 250)):
        with smtplib.SMTP(w.address, port, timeout=wd.LIMIT) as c:
            c.starttls(context=context)
            c.login(user, 'secret')
            c.mail('steve@example.org')
            assert c.rcpt('smtp@' + gw.fqdn)[0] == code, user
            if code == 250:
                assert c.data(batch(lines))[0] == 250
    assert p.take_file().dest[0] == 'BOB'
    m = sink.take()
    assert m.rcpts == ['eve@example.org'] and m.sender == 'joe@far.test', (m.sender, m.rcpts)
    assert m.mail['Subject'] == 'inner' and 'batch (RFC 2442)' in m.mail.get_all('Received')[0]
    gw.empty()


def case_what_is_no_batch(w):
    """Other content is refused at its end; what the batch needs and we have not, as well; nothing of it is taken."""
    gw, p, sink = w.pair(['BATCHSMTP 127.0.0.0/8'])
    good = batch(inner(gw))
    for data, said in ((b'Subject: x\r\n\r\nMAIL FROM:<a@b>\r\n', 'application/batch-SMTP'),
                       (batch(inner(gw), extra=['; required-extensions=CHUNKING']), 'CHUNKING')):
        with gw.client() as c:
            c.ehlo()
            c.mail('steve@example.org')
            c.rcpt('smtp@' + gw.fqdn)
            code, text = c.data(data)
            assert code == 554 and said in text.decode(), (code, text)
    with gw.client() as c:  # beside another recipient: he has it as a file, and the batch is done
        wd.send(c, 'steve@example.org', ['smtp@' + gw.fqdn, 'carol%mvsa@' + gw.fqdn], good)
    files = [p.take_file() for _ in range(3)]
    assert sorted(f.dest[0] for f in files) == ['BOB', 'CAROL', 'CAROL'], files
    gw.empty()
    assert not sink.messages


def case_mail_goes_out_in_one(w):
    """DESTINATION ... BATCHSMTP=: the envelope with what it asks for, and the mail octet for octet."""
    hub = w.sink()
    gw, p, sink = w.pair(['DESTINATION far.test BATCHSMTP=smtp@hub.test', 'DESTINATION hub.test ' + hub.where])
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'EHLO MVSA', 'MAIL FROM:<BOB@MVSA> RET=HDRS ENVID=E+2B1', 'RCPT TO:<x@far.test> NOTIFY=FAILURE,DELAY',
        'RCPT TO:<y@far.test>', 'RCPT TO:<steve@example.org>', 'DATA', 'From: BOB@MVSA', 'To: x@far.test', 'Subject: out', '',
        'first', '..dot', '.', 'QUIT'])).wait()
    plain, m = sink.take(), hub.take()
    assert plain.rcpts == ['steve@example.org'] and m.rcpts == ['smtp@hub.test'], (plain.rcpts, m.rcpts)
    m.strict
    assert m.mail.get_content_type() == 'application/batch-smtp' and m.sender == plain.sender, m.data
    lines = m.mail.get_payload(decode=True).split(b'\r\n')
    at = lines.index(b'DATA')
    assert lines[0] == b'EHLO gate.example.test' and lines[1].startswith(b'MAIL FROM:<%s> SIZE=' % m.sender.encode()), lines
    assert lines[1].endswith(b' RET=HDRS ENVID=E+2B1'), lines
    assert lines[2:at] == [b'RCPT TO:<x@far.test> NOTIFY=FAILURE,DELAY', b'RCPT TO:<y@far.test>'], lines
    assert lines[-3:] == [b'.', b'QUIT', b''], lines[-5:]
    content = b'\r\n'.join(line[1:] if line.startswith(b'.') else line for line in lines[at + 1:-3]) + b'\r\n'
    assert content == plain.data, (content, plain.data)
    assert int(re.search(rb'SIZE=(\d+)', lines[1]).group(1)) == len(content)
    assert 'x@far.test' in m.mail['Subject'] and m.mail['Auto-Submitted'] == 'auto-generated'
    gw.empty()


def case_from_gateway_to_gateway(w):
    """Two gateways with mail between them as their only way: notes cross, a large one too, and what the other refuses is told."""
    b = w.gateway('GATEB', ['BATCHSMTP 127.0.0.0/8', 'LOCALUSER ANN', 'ALTTCPHOSTNAME x.island.test'])
    gw, p, _ = w.pair(['DESTINATION .island.test BATCHSMTP=smtp@' + b.fqdn, 'DESTINATION %s %s:%d' % ((b.fqdn,) + b.smtp)])
    b.lines.append('DESTINATION gate.example.test %s:%d' % gw.smtp)
    b.start()
    big = ['line %d %s' % (k, 'x' * 60) for k in range(6000)]
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<ann@x.island.test>', 'RCPT TO:<nobody@x.island.test>', 'DATA', 'From: BOB@MVSA',
        'Subject: across', ''] + big + ['.', 'QUIT'])).wait()
    b.until(lambda: b.json('reader', 'list', 'ANN'), what="ANN's note")
    text = b.cli('reader', 'show', str(b.json('reader', 'list', 'ANN')[0]['id']))
    assert 'Subject: across' in text and big[-1] in text, text[:500]
    told = p.take_file(limit=60)
    assert told.dest == ('BOB', 'MVSA') and 'nobody@x.island.test' in told.text(), told.text()
    gw.empty()
    b.empty()


def case_reported_to_its_sender(w):
    """The way to the gateway that takes the batch is refused: the sender is told of the recipient he wrote to."""
    hub = w.sink()
    hub.on('RCPT', '550 5.7.1 not from you')
    gw, p, _ = w.pair(['DESTINATION far.test BATCHSMTP=smtp@hub.test', 'DESTINATION hub.test ' + hub.where])
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['x'], 'One', to=['x        at far.test'])).wait()
    f = p.take_file()
    assert f.dest == ('BOB', 'MVSA') and '\n  x@far.test\n' in f.text() and 'not from you' in f.text(), f.text()


def case_statements(w):
    """What they take, show and refuse."""
    gw = w.gateway(lines=['BATCHSMTP 192.0.2.0/24 2001:db8::1 USER=anne', 'DESTINATION .far.test BATCHSMTP=smtp@hub.test'])
    gw.write()
    shown = gw.cli('config', 'show')
    assert 'BATCHSMTP 192.0.2.0/24 2001:db8::1/128 USER=anne\n' in shown, shown
    assert 'DESTINATION .far.test BATCHSMTP=smtp@hub.test\n' in shown, shown
    for line, said in (('BATCHSMTP', 'BATCHSMTP addr'), ('BATCHSMTP 1.2.3', '1.2.3'), ('BATCHSMTP USER=', 'USER='),
                       ('DESTINATION far.test BATCHSMTP=smtp', 'user@host.domain'),
                       ('DESTINATION far.test BATCHSMTP=@hub.test', 'user@host.domain'),
                       ('DESTINATION far.test BATCHSMTP=a@hub.test TLS=NO', 'nothing stands behind')):
        bad = w.gateway('BAD%d' % len(w.gateways), [line])
        bad.write()
        assert said in bad.cli('config', 'check', status=1), line
