"""What cannot be delivered returns to its sender in the sender's own world."""
import re

import njefile
from world import Skip


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
        if 'dsn' not in c.esmtp_features:
            raise Skip('DSN (RFC 3461) is not offered by this version')
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
