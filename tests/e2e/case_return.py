"""What cannot be delivered returns to its sender in the sender's own world."""
import os
import re
import smtplib
import ssl
import subprocess

import njefile

def bounce(gw, n=1):
    """What waits for a node is returned by the operator."""
    rows = gw.until(lambda: len(gw.json('queue', 'list')) == n and gw.json('queue', 'list'))
    gw.cli('queue', 'bounce', *[r['id'] for r in rows])


def bob_writes(p, to='steve@example.org', subject='Lost'):
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<%s>' % to, 'DATA', 'From: BOB@MVSA', 'To: ' + to,
        'Subject: ' + subject, '', 'Here is the start of the text', '.', 'QUIT'])).wait()


def case_nje_born(w):
    """5xx at RCPT: a note that names recipient, reason and the start of the text; and a one-line message."""
    gw, p, sink = w.pair()
    sink.on('RCPT', '550 5.1.1 no such mailbox here, says the far end')
    bob_writes(p)
    msg = p.take_message(lambda m: m['to_user'] == 'BOB')
    assert 'steve@example.org' in msg['text'] and not msg['from_user'], msg
    f = p.take_file()
    assert f.dest == ('BOB', 'MVSA') and f.ft == 'NOTE', f.summary()
    text = ' '.join(f.text().split())
    for part in ('steve@example.org', 'no such mailbox here, says the far end', 'Here is the start of the text'):
        assert part in text, text
    assert 'Lost' in text
    gw.empty()
    assert sink.sessions == 1 and not sink.messages


def case_nje_born_at_data(w):
    gw, p, sink = w.pair()
    sink.on('DOT', '554 5.7.1 content refused')
    bob_writes(p)
    assert 'content refused' in p.take_file().text()
    gw.empty()
    assert not p.files


def case_no_such_domain(w):
    gw, p, sink = w.pair()
    w.table['null.example'] = {'MX': [(0, '')]}
    bob_writes(p, 'x@does-not-exist.example')
    assert 'does-not-exist.example' in p.take_file().text()
    bob_writes(p, 'x@null.example', 'null MX')
    assert 'null.example' in p.take_file().text()


def dsn_of(sink):
    m = sink.take()
    assert m.sender == '', m.sender
    m.strict
    mail = m.mail
    assert mail.get_content_type() == 'multipart/report' and mail.get_param('report-type') == 'delivery-status', m.data
    kinds = [part.get_content_type() for part in mail.iter_parts()]
    assert kinds[:2] == ['text/plain', 'message/delivery-status'] and len(kinds) >= 3, kinds
    return m, m.data.decode()


def case_dsn(w):
    """Internet mail that the operator bounces: a DSN in three parts."""
    gw, p, sink = w.pair()
    gw.cli('link', 'stop', 'MVSA')
    gw.mail('bob%mvsa@' + gw.fqdn, 'the text of it\r\n', subject='To be returned')
    bounce(gw)
    m, text = dsn_of(sink)
    assert m.rcpts == ['steve@example.org']
    for part in ('Action: failed', 'Status: 5.', 'Final-Recipient: rfc822;', 'Reporting-MTA: dns;', 'To be returned'):
        assert part in text, text
    assert re.search(r'(?i)final-recipient: rfc822; ?bob%mvsa', text), text
    gw.empty()


def case_no_bounce_of_bounce(w):
    """Mail without sender that fails is not returned, in either direction."""
    gw, p, sink = w.pair()
    gw.cli('link', 'stop', 'MVSA')
    gw.mail('bob%mvsa@' + gw.fqdn, sender='')
    bounce(gw)
    gw.empty()
    assert not sink.messages
    gw.cli('link', 'start', 'MVSA')
    p.until(lambda: p.sessions == 2 and p.up)
    sink.on('RCPT', '550 5.1.1 no')
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', ['HELO MVSA', 'MAIL FROM:<>', 'RCPT TO:<steve@example.org>',
                                                         'DATA', 'Subject: nil', '', 'x', '.', 'QUIT'])).wait()
    gw.empty()
    p.until(lambda: sink.sessions >= 1)
    gw.empty()
    assert not [f for f in p.files if f.ft == 'NOTE' and 'BOB' in f.dest], [f.text() for f in p.files]


def case_dsn_options(w):
    """NOTIFY=NEVER, RET=HDRS, ORCPT and ENVID of RFC 3461."""
    gw, p, sink = w.pair()
    gw.cli('link', 'stop', 'MVSA')
    with gw.client() as c:
        c.ehlo()
        assert 'dsn' in c.esmtp_features
        assert c.mail('steve@example.org', ['RET=HDRS', 'ENVID=QQ314159'])[0] == 250
        assert c.rcpt('bob%mvsa@' + gw.fqdn, ['NOTIFY=FAILURE', 'ORCPT=rfc822;Bob+20Builder@example.test'])[0] == 250
        assert c.rcpt('never%mvsa@' + gw.fqdn, ['NOTIFY=NEVER'])[0] == 250
        code, text = c.data('Subject: with options\r\n\r\nsecret body\r\n')
        assert code == 250, text
    bounce(gw, 2)
    m, text = dsn_of(sink)
    assert 'Original-Envelope-Id: QQ314159' in text and 'secret body' not in text, text
    assert 'Original-Recipient: rfc822;' in text and 'never' not in text.lower().split('reporting-mta')[1], text
    gw.empty()
    assert not sink.messages


def reports(sink, n):
    """The next n reports by the address they are about: {address: (text of the status part, whole)}."""
    found = {}
    for _ in range(n):
        m = sink.take()
        assert m.sender == '' and m.mail.get_content_type() == 'multipart/report', m.data
        status = [p for p in m.mail.iter_parts() if p.get_content_type() == 'message/delivery-status'][0]
        text = status.as_string()
        for address in re.findall(r'(?i)final-recipient: [^;]*; ?(\S+)', text):
            found[address] = (text, m.data.decode())
    return found


def case_dsn_success(w):
    """NOTIFY=SUCCESS: delivered in a reader, relayed into the network and to hosts without DSN; left to those with."""
    gw, p, sink = w.pair(['LOCALUSER OPER', 'LOCALUSER FAR MBOX=far@example.net'])
    far = w.sink()
    far.extensions.append('DSN')
    gw.stop()
    gw.lines.append('DESTINATION example.net ' + far.where)
    gw.start()
    gw.links_up()
    with gw.client() as c:
        c.ehlo()
        assert c.mail('steve@example.org', ['ENVID=A+2BB', 'RET=FULL'])[0] == 250
        for who, notify in (('oper', 'SUCCESS'), ('bob%mvsa', 'SUCCESS,FAILURE'), ('quiet%mvsa', 'FAILURE'),
                            ('far', 'SUCCESS,DELAY')):
            assert c.rcpt('%s@%s' % (who, gw.fqdn), ['NOTIFY=' + notify, 'ORCPT=rfc822;%s@x' % who])[0] == 250
        assert c.data('Subject: with options\r\n\r\nsecret body\r\n')[0] == 250
    got = reports(sink, 2)
    assert sorted(got) == ['bob%mvsa@' + gw.fqdn, 'far@' + gw.fqdn, 'oper@' + gw.fqdn], got
    assert 'Action: delivered' in got['oper@' + gw.fqdn][0] and 'Status: 2.0.0' in got['oper@' + gw.fqdn][0]
    text, whole = got['bob%mvsa@' + gw.fqdn]
    assert 'Action: relayed' in text and 'Original-Recipient: rfc822; bob%mvsa@x' in text, text
    assert 'Original-Envelope-Id: A+B' in text and 'secret body' not in whole, whole
    m = far.take()
    assert 'RET=FULL' in m.params and 'ENVID=A+2BB' in m.params, m.params
    rcpt = [ln for ln in far.lines if ln.startswith('RCPT')][-1]
    assert rcpt.endswith(' NOTIFY=DELAY ORCPT=rfc822;far@x'), rcpt
    gw.empty()
    assert not sink.messages and not far.messages


def case_dsn_full(w):
    """RET=FULL: mail that fails on its way to another host comes back whole; NOTIFY=NEVER: nothing does."""
    gw, p, sink = w.pair(['LOCALUSER FAR MBOX=far@example.net', 'LOCALUSER MUTE MBOX=mute@example.net'])
    far = w.sink()
    far.on('RCPT', '550 5.1.1 nobody')
    gw.stop()
    gw.lines.append('DESTINATION example.net ' + far.where)
    gw.start()
    with gw.client() as c:
        c.ehlo()
        assert c.mail('steve@example.org', ['RET=FULL'])[0] == 250
        assert c.rcpt('far@' + gw.fqdn)[0] == 250
        assert c.rcpt('mute@' + gw.fqdn, ['NOTIFY=NEVER'])[0] == 250
        assert c.data('Subject: to come back\r\n\r\n.secret body\r\n')[0] == 250
    m, text = dsn_of(sink)
    assert 'message/rfc822' in text and '\r\n.secret body\r\n' in text and 'mute' not in text, text
    assert 'Status: 5.1.1' in text and 'Action: failed' in text, text
    gw.empty()
    assert not sink.messages


def signed_on(w, gw, lines=()):
    """A gateway at which anne may submit; opens her sessions."""
    cert, key = w.tls()
    auth, port = os.path.join(w.dir, 'users'), w.port()
    with open(auth, 'w', encoding='utf-8') as f:
        said = subprocess.run(['openssl', 'passwd', '-6', 's3cret'], capture_output=True, text=True, check=True)
        f.write('anne:%s\n' % said.stdout.strip())
    os.chmod(auth, 0o600)
    gw.stop()
    gw.lines += ['TLSCERT ' + cert, 'TLSKEY ' + key, 'SUBMISSION AUTHFILE=' + auth,
                 'LISTENSMTP %s:%d SUBMISSION' % (w.address, port)] + list(lines)
    gw.start()
    gw.links_up()
    context = ssl.create_default_context(cafile=cert)
    context.check_hostname = False

    def session():
        c = smtplib.SMTP(w.address, port, local_hostname='client.test', timeout=30)
        c.starttls(context=context)
        c.ehlo()
        c.login('anne', 's3cret')
        return c
    return session


def case_nje_born_full(w):
    """RET=FULL of a batch: its mail comes back whole in the note, HDRS and nothing as its start; over RETURNBYTES, too."""
    gw, p, sink = w.pair(['RETURNBYTES 20000'])
    sink.on('RCPT', '550 5.1.1 nobody')
    lines = ['line %d of the text' % i for i in range(120)]

    def back(words, text):
        p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
            'HELO MVSA', 'MAIL FROM:<BOB@MVSA>' + words, 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: back', ''] +
            text + ['.', 'QUIT'])).wait()
        return p.take_file().text()
    whole = back(' RET=FULL', lines)
    assert 'All of it:' in whole and all('> ' + ln in whole for ln in lines), whole
    for words, text in ((' RET=HDRS', lines), ('', lines), (' RET=FULL', lines * 12)):
        start = back(words, text)
        assert 'The start of it:' in start and '> line 1 of' in start and '> line 119 of' not in start, start
    gw.empty()


def case_dsn_of_many(w):
    """A hundred and thirty recipients who fail: reports of sixty-four at most, each of them named once."""
    gw, _, sink = w.pair()
    session = signed_on(w, gw)
    sink.on('RCPT', lambda s, arg: '550 5.1.1 nobody of that name' if '<r' in arg else None)
    rcpts = ['r%d@example.org' % i for i in range(130)]
    with session() as c:
        assert c.mail('anne@example.org')[0] == 250
        for r in rcpts:
            assert c.rcpt(r)[0] == 250
        assert c.data('Subject: to many\r\n\r\nx\r\n')[0] == 250
    named = []
    for _ in range(3):
        m, text = dsn_of(sink)
        these = re.findall('Final-Recipient: rfc822; (r[0-9]+@example.org)\r\nAction: failed\r\nStatus: 5.1.1', text)
        assert len(these) in (64, 2) and text.count('nobody of that name') == 2 * len(these), text
        named.append(these)
    assert sorted(sum(named, [])) == sorted(rcpts), named
    gw.empty()
    assert not sink.messages


def case_dsn_list(w):
    """RFC 3461 5.2.7: a list is a multiple-recipient alias. Every member gets the mail once; success is told of the list
    (expanded), the members inherit the rest of NOTIFY, and ORCPT; who fails is named with it."""
    gw, p, sink = w.pair()
    far = w.sink()
    far.extensions.append('DSN')
    session = signed_on(w, gw, ['DESTINATION example.net ' + far.where])
    gw.cli('nick', 'add', 'NEAR', 'near@example.org')
    gw.cli('nick', 'add', 'TEAM', '--list', 'near,fred@example.net,bob@mvsa,carl@example.net')

    def submit(*rcpts):
        with session() as c:
            assert c.mail('anne@example.org', ['ENVID=A7'])[0] == 250
            for who, params in rcpts:
                assert c.rcpt(who, params)[0] == 250
            assert c.data('Subject: to a list\r\n\r\nx\r\n')[0] == 250

    def reached():
        assert sink.take().rcpts == ['near@example.org']
        assert p.take_file().dest == ('BOB', 'MVSA')
        m = far.take()
        assert sorted(m.rcpts) == ['carl@example.net', 'fred@example.net'], m.rcpts
        return [ln.split('> ', 1)[-1] for ln in far.lines if ln.startswith('RCPT')][-2:]
    team = 'team@' + gw.fqdn
    with session() as c:
        c.mail('anne@example.org')
        assert c.rcpt(team)[0] == 250
        assert c.data('Subject: plain\r\n\r\nx\r\n')[0] == 250
    assert reached() == ['RCPT TO:<fred@example.net>', 'RCPT TO:<carl@example.net>']
    submit((team, ['NOTIFY=FAILURE,DELAY', 'ORCPT=rfc822;team@x']))
    assert reached() == ['NOTIFY=FAILURE,DELAY ORCPT=rfc822;team@x'] * 2
    gw.empty()
    assert not sink.messages
    for asked, left in (('SUCCESS,DELAY', 'DELAY'), ('SUCCESS', 'NEVER')):
        submit((team, ['NOTIFY=' + asked, 'ORCPT=rfc822;team@x']))
        texts = [sink.take(), sink.take()]
        report = [m for m in texts if m.sender == ''][0].mail
        assert [m.rcpts for m in texts if m.sender] == [['near@example.org']]
        status = [q for q in report.iter_parts() if q.get_content_type() == 'message/delivery-status'][0].as_string()
        for line in ('Action: expanded', 'Final-Recipient: rfc822; ' + team, 'Original-Recipient: rfc822; team@x',
                     'Original-Envelope-Id: A7', 'Status: 2.0.0'):
            assert line in status, (line, status)
        assert p.take_file().dest == ('BOB', 'MVSA')
        far.take()
        assert [ln.split('> ', 1)[-1] for ln in far.lines if ln.startswith('RCPT')][-2:] == [
            'NOTIFY=%s ORCPT=rfc822;team@x' % left] * 2
        gw.empty()
        assert not sink.messages and not far.messages
    # who is named himself as well gets it once, with what was asked for him
    submit((team, ['NOTIFY=NEVER']), ('fred@example.net', ['NOTIFY=DELAY', 'ORCPT=rfc822;fred@y']))
    assert sorted(reached()) == ['NOTIFY=DELAY ORCPT=rfc822;fred@y', 'NOTIFY=NEVER']
    far.on('RCPT', '550 5.1.1 nobody')
    submit((team, ['NOTIFY=FAILURE', 'ORCPT=rfc822;team@x']))
    sink.take(), p.take_file()
    _, text = dsn_of(sink)
    for line in ('Final-Recipient: rfc822; fred@example.net', 'Final-Recipient: rfc822; carl@example.net',
                 'Original-Recipient: rfc822; team@x', 'Action: failed'):
        assert line in text, (line, text)
    gw.empty()


def case_return_bytes(w):
    """A mail larger than RETURNBYTES comes back as its header alone, although RET=FULL was asked for."""
    gw, _, sink = w.pair(['LOCALUSER FAR MBOX=far@example.net', 'RETURNBYTES 2000'])
    far = w.sink()
    far.on('RCPT', '550 5.1.1 nobody')
    gw.stop()
    gw.lines.append('DESTINATION example.net ' + far.where)
    gw.start()
    for size, whole in ((10, True), (300, False)):
        with gw.client() as c:
            c.ehlo()
            c.mail('steve@example.org', ['RET=FULL'])
            c.rcpt('far@' + gw.fqdn)
            assert c.data('Subject: to come back\r\n\r\n' + 'some text of it\r\n' * size)[0] == 250
        _, text = dsn_of(sink)
        assert ('message/rfc822' in text) == whole and 'to come back' in text, text


def case_unroutable_file(w):
    """A file for a node nobody knows goes back to its origin as it was, with a one-line message."""
    gw, p, _ = w.pair()
    p.send(njefile.netdata('BOB', 'MVSA', 'CAROL', 'NOWHERE', ['payload'], fn='SOME', ft='FILE')).wait()
    f = p.take_file()
    assert f.dest == ('BOB', 'MVSA') and (f.fn, f.ft) == ('SOME', 'FILE') and f.lines() == ['payload'], f.summary()
    assert 'NOWHERE' in p.take_message(lambda m: m['to_user'] == 'BOB')['text']


def case_mail_loop(w):
    """What has neither a way on nor a way back ends or is held with a reason; nothing circles."""
    gw, p, sink = w.pair()
    p.send(njefile.note('NOBODY', 'NOWHERE', 'NIEMAND', 'GATE', ['x'], 'No one to no one')).wait()
    held = gw.until(lambda: gw.json('queue', 'list'))
    assert held[0]['state'] == 'held-origin', held
    gw.cli('queue', 'release', held[0]['id'])
    gw.until(lambda: all(r['state'].startswith('held') and r['reason'] for r in gw.json('queue', 'list')))
    assert not p.files and not sink.messages
