"""What cannot be delivered returns to its sender in the sender's own world."""
import re

import njefile


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
    text = f.text()
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


def case_no_such_domain(w):
    gw, p, sink = w.pair()
    w.table['null.test'] = {'MX': [(0, '')]}
    bob_writes(p, 'x@does-not-exist.test')
    assert 'does-not-exist.test' in p.take_file().text()
    bob_writes(p, 'x@null.test', 'null MX')
    assert 'null.test' in p.take_file().text()


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
    p.policy = lambda rcb: 'ignore'
    ident = gw.mail('bob%mvsa@' + gw.fqdn, 'the text of it\r\n', subject='To be returned')
    gw.until(lambda: gw.json('queue', 'list'))
    gw.cli('queue', 'bounce', ident)
    m, text = dsn_of(sink)
    assert m.rcpts == ['steve@example.org']
    for part in ('Action: failed', 'Status: 5.', 'Final-Recipient: rfc822;', 'Reporting-MTA: dns;', 'To be returned'):
        assert part in text, text
    assert re.search(r'(?i)final-recipient: rfc822; ?bob%mvsa', text), text
    gw.empty()


def case_dsn_node_goes_away(w):
    """RETRYAGE 0: one attempt; a link that is down returns the mail."""
    gw, p, sink = w.pair(['RETRYAGE 0'])
    p.stop()
    gw.until(lambda: [k for k in gw.json('link', 'list') if k['link'] == 'MVSA'][0]['state'] != 'up')
    gw.mail('bob%mvsa@' + gw.fqdn)
    m, text = dsn_of(sink)
    assert 'MVSA' in text.upper()


def case_no_bounce_of_bounce(w):
    """Mail without sender that fails is not returned, in either direction."""
    gw, p, sink = w.pair()
    p.policy = lambda rcb: 'ignore'
    ident = gw.mail('bob%mvsa@' + gw.fqdn, sender='')
    gw.cli('queue', 'bounce', ident)
    gw.empty()
    assert not sink.messages
    p.policy = lambda rcb: 'permit'
    p.cut()
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
    p.policy = lambda rcb: 'ignore'
    with gw.client() as c:
        c.ehlo()
        if 'dsn' not in c.esmtp_features:
            raise AssertionError('DSN is not offered')
        assert c.mail('steve@example.org', ['RET=HDRS', 'ENVID=QQ314159'])[0] == 250
        assert c.rcpt('bob%mvsa@' + gw.fqdn, ['NOTIFY=FAILURE', 'ORCPT=rfc822;Bob+20Builder@example.test'])[0] == 250
        assert c.rcpt('never%mvsa@' + gw.fqdn, ['NOTIFY=NEVER'])[0] == 250
        code, text = c.data('Subject: with options\r\n\r\nsecret body\r\n')
        ident = re.search(rb'Queued as (\d+)', text).group(1).decode()
    gw.cli('queue', 'bounce', ident)
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
    """An NJE notice that cannot be delivered either ends; nothing circles."""
    gw, p, sink = w.pair()
    p.send(njefile.note('NOBODY', 'NOWHERE', 'NIEMAND', 'GATE', ['x'], 'No one to no one')).wait()
    held = gw.until(lambda: gw.json('queue', 'list'))
    assert held[0]['state'] == 'held-origin', held
    gw.cli('queue', 'release', held[0]['id'])
    gw.empty()
    assert not p.files and not sink.messages
