"""Batch SMTP from and to NJE, sentence by sentence: records, cards, what is missing, replies, reports, RFC 3461. More of it in
case_to_internet (bsmtp_*), case_to_nje (bsmtp_node), case_config (mailer), case_batchmail; commands in tests/golden/bsmtp."""
import re

import njefile
import world as wd

HEAD = ['HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA']


def send(p, lines, user='BOB', maker=njefile.bsmtp, to='SMTP', **more):
    return p.send(maker(user, 'MVSA', to, 'GATE', lines, **more)).wait()


def case_padded_records(w):
    """Fixed records of NETDATA and cards: the blanks behind commands, dots and text count for nothing; to each name of ours."""
    gw, p, sink = w.pair()
    lines = HEAD + ['Subject: padded', '', 'text', '', '.', 'QUIT']
    send(p, lines)
    send(p, [line.ljust(80) for line in lines], maker=njefile.netdata, ft='MAIL', recfm=0x0001, to='MAILER')
    send(p, [line + ' ' for line in lines], maker=njefile.netdata, ft='MAIL', to='BSMTP')
    got = [sink.take() for _ in range(3)]
    for m in got:
        assert m.rcpts == ['steve@example.org'] and m.mail['Subject'] == 'padded', m.data
        assert m.mail.get_content().splitlines() == ['text', ''], m.data
    gw.empty()
    assert not p.files, 'an error was told'


def case_long_records(w):
    """NETDATA keeps a record of any length: 5000 in the text, a command of 1000."""
    gw, p, sink = w.pair()
    rcpt = 'RCPT TO:<steve@example.org>' + ' ' * 960 + 'NOTIFY=NEVER'
    send(p, HEAD[:2] + [rcpt, 'DATA', 'Subject: long', '', 'z' * 5000, '.'], maker=njefile.netdata, ft='MAIL')
    m = sink.take()
    m.strict
    assert m.mail.get_content().strip() == 'z' * 5000


def case_command_that_fills_its_card(w):
    """Cut at column 80 an address is another one: refused, its mail lost to nobody else, the next mail goes; the reply says why."""
    gw, p, sink = w.pair()
    long = 'x' * 60
    send(p, ['HELO MVSA', 'MAIL FROM:<%s@far.example.org>' % long, 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: lost', '', 'x',
             '.'] + HEAD[1:3] + ['RCPT TO:%s.org' % ('steve@' + long + '.exa')] + HEAD[3:] + ['Subject: goes', '', 'x', '.', 'QUIT'])
    m = sink.take()
    assert m.mail['Subject'] == 'goes' and m.rcpts == ['steve@example.org'], m.data
    text = p.take_file().text()
    assert text.count('501 5.5.2 The command fills its card') == 2, text
    gw.empty()
    assert not sink.messages


def case_sender_too_long_for_a_card(w):
    """To a mailer that gets cards: refused with what there is room for; other recipients, and other nodes, get the mail."""
    gw, p, sink = w.pair(['NODE MVSA BSMTP=MAILER FORMAT=PUNCH', 'NODE MVSB BSMTP=MAILER FORMAT=NETDATA', 'LOCALUSER ANN',
                          'ROUTE MVSB TO MVSA'])
    sender = 'a' * 57 + '@example.org'
    with gw.client() as c:
        c.ehlo()
        c.mail(sender)
        c.rcpt('bob%mvsa@' + gw.fqdn)
        code, text = c.data(b'Subject: x\r\n\r\nx\r\n')
        assert code == 550 and b'has room for 68' in text, (code, text)
    gw.mail(['ann@' + gw.fqdn, 'bob%mvsb@' + gw.fqdn, 'carol%mvsa@' + gw.fqdn], sender=sender)
    f = p.take_file()
    assert f.dest == ('MAILER', 'MVSB') and 'MAIL FROM:<%s>' % sender in f.lines(), f.summary()
    assert len(gw.json('reader', 'list', 'ANN')) == 1
    m = sink.take()  # the report of the one who cannot have it
    assert m.rcpts == [sender] and b'carol%mvsa' in m.data and b'has room for 68' in m.data, m.data
    assert m.data.count(b'Final-Recipient') == 1, m.data
    gw.mail('bob%mvsa@' + gw.fqdn, sender=sender[1:])
    assert 'MAIL FROM:<%s>' % sender[1:] in p.take_file().lines()
    gw.empty()


def case_what_is_missing(w):
    """No header, no blank line behind it, no Date, no Message-ID, no dot: each mail is one that the Internet takes."""
    gw, p, sink = w.pair()
    for text, body in ((['just text, no header'], ['just text, no header']),
                       (['From: BOB@MVSA', 'Subject: s', 'text without a blank line', 'more'],
                        ['text without a blank line', 'more']),
                       (['', 'text'], ['text']),
                       (['Subject: s', ''], []),
                       (['Subject: s'], [])):
        send(p, HEAD + text)
        m = sink.take()
        m.strict
        assert m.mail.get_content().strip().splitlines() == body, (text, m.data)
        assert m.mail['Date'].datetime and m.mail['From'].addresses[0].addr_spec.lower().startswith('bob%mvsa')
        assert re.fullmatch(r'<\S+@%s>' % gw.fqdn, m.mail['Message-ID']), m.data
    send(p, HEAD + ['Date: Wed, 08 Feb 1995 15:49:33 +0000', 'Message-ID: <own@mvsa>', 'From: BOB@MVSA', '', 'x'])
    m = sink.take()
    assert m.mail['Message-ID'] == '<own@mvsa>' and '1995' in m.mail['Date'], m.data


def case_report_without_a_sender(w):
    """Errors before any MAIL was taken: the file's origin has the replies; VERB OFF takes VERB ON back."""
    gw, p, sink = w.pair()
    send(p, ['HELO MVSA', 'VERB ON', 'VERB OFF', 'RCPT TO:<steve@example.org>'], user='CAROL')
    f = p.take_file()
    assert f.dest == ('CAROL', 'MVSA') and '503 5.5.1 Sender must be' in f.text(), f.text()
    assert 'Subject: Errors in your batch' in f.text()
    send(p, HEAD[:1] + ['VERB ON', 'VERB OFF'] + HEAD[1:] + ['Subject: x', '', 'x', '.'])
    sink.take()
    gw.empty()
    assert not p.files and not sink.messages


def case_delivery_reports_asked_for(w):
    """RFC 3461 from a batch: passed on to a host that takes it; else a note of success to the NJE user who asked, none of failure to
    who wants none; told with the name he gave his mail."""
    gw, p, _ = w.pair(['LOCALUSER ANN'])
    with_dsn, without = w.sink(extensions=('PIPELINING', 'DSN')), w.sink(extensions=('PIPELINING',))
    gw.lines += ['DESTINATION dsn.test ' + with_dsn.where, 'DESTINATION nodsn.test ' + without.where]
    gw.write()
    gw.hup()
    gw.until(lambda: 'event=reload result=done' in gw.read_log())
    send(p, ['EHLO MVSA', 'MAIL FROM:<BOB@MVSA> RET=HDRS ENVID=QQ+2B31', 'RCPT TO:<a@dsn.test> NOTIFY=SUCCESS,FAILURE '
             'ORCPT=rfc822;a@x', 'DATA', 'Subject: x', '', 'x', '.'], maker=njefile.netdata, ft='MAIL')
    with_dsn.take()
    heard = '\n'.join(with_dsn.lines)
    assert re.search(r'MAIL FROM:<bob\S+> .*RET=HDRS ENVID=QQ\+2B31', heard, re.I), heard
    assert 'RCPT TO:<a@dsn.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@x' in heard, heard
    send(p, ['EHLO MVSA', 'MAIL FROM:<BOB@MVSA> ENVID=MINE', 'RCPT TO:<a@nodsn.test> NOTIFY=SUCCESS', 'RCPT TO:<b@nodsn.test>',
             'RCPT TO:<ann@%s> NOTIFY=SUCCESS' % gw.fqdn, 'DATA', 'Subject: y', '', 'x', '.'])
    without.take()
    told = [p.take_file().text() for _ in range(2)]
    assert sorted(re.search('Subject: (.*)', t).group(1) for t in told) == ['Delivered mail', 'Relayed mail'], told
    for t in told:
        assert 'b@nodsn.test' not in t.split('The start')[0] and 'You call it MINE.' in t, t
    gw.empty()
    without.on('RCPT', '550 5.1.1 nobody')
    send(p, ['MAIL FROM:<BOB@MVSA>', 'RCPT TO:<a@nodsn.test> NOTIFY=NEVER', 'DATA', 'Subject: z', '', 'x', '.'])
    gw.until(lambda: 'the sender asked for none' in gw.cli('trace', 'a@nodsn.test'))
    gw.empty()
    assert not p.files


def case_badspoolfileid(w):
    """What can neither be read nor returned goes to BADSPOOLFILEID as it came; a file that only is no batch goes home."""
    gw, p, _ = w.pair(['LOCALUSER KEEPER', 'BADSPOOLFILEID KEEPER'], extra='ORIGIN=ANY')
    p.send(njefile.punch('EVE', 'NOWHERE', 'SMTP', 'GATE', ['This is no batch', 'and nobody knows its node'], fn='ODD', ft='FILE')).wait()
    rows = gw.until(lambda: gw.json('reader', 'list', 'KEEPER'))
    assert [(r['fn'], r['ft'], r['from']) for r in rows] == [('ODD', 'FILE', 'EVE@NOWHERE')], rows
    assert 'and nobody knows its node' in gw.cli('reader', 'show', str(rows[0]['id']))
    p.send(njefile.punch('BOB', 'MVSA', 'SMTP', 'GATE', ['DISK DUMP or so'], fn='ODD', ft='FILE')).wait()
    assert p.take_file().dest == ('BOB', 'MVSA')
    gw.empty()
    assert len(gw.json('reader', 'list', 'KEEPER')) == 1
