"""Who may send where: refusals at the door, in words and with enhanced codes."""
import re

import njefile
import world as wd


def refused(gw, to, code=550, enhanced='5.', sender='steve@example.org'):
    """RCPT must be refused; returns the text."""
    with gw.client() as c:
        c.ehlo()
        assert c.mail(sender)[0] == 250
        got, text = c.rcpt(to)
    text = text.decode()
    assert got == code and text.startswith(enhanced), '%s: %d %s' % (to, got, text)
    assert len(text) > 12, text
    return text


def case_unknown(w):
    """Unknown node, unknown local user, impossible user ids."""
    gw, p, _ = w.pair(['LOCALUSER OPER'])
    refused(gw, 'bob%nowhere@' + gw.fqdn, enhanced='5.1.')
    refused(gw, 'bob%nowhere.rscsnet@' + gw.fqdn, enhanced='5.1.')
    refused(gw, 'nobody@' + gw.fqdn, enhanced='5.1.1')
    refused(gw, 'muchtoolonguser%mvsa@' + gw.fqdn, enhanced='5.1.')
    text = refused(gw, 'bob%nowhere@' + gw.fqdn)
    assert 'NOWHERE' in text.upper(), text


def case_no_relay(w):
    """No client relays, loopback included: directly, by source route, %-hack, quotes or nickname."""
    gw, p, _ = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    for to in ('x@example.com', 'steve@example.org', '@%s:x@example.com' % gw.fqdn, 'x%%example.com@%s' % gw.fqdn,
               '"x@example.com"@%s' % gw.fqdn, 'example.com!x@%s' % gw.fqdn, 'x@example.com@%s' % gw.fqdn,
               'x%%example.com%%mvsa@%s' % gw.fqdn, 'anne@' + gw.fqdn):
        with gw.client() as c:
            c.ehlo()
            c.mail('')
            code, text = c.rcpt(to)
        assert 500 <= code < 560, '%s: %d %r' % (to, code, text)
        assert re.match(rb'5\.\d+\.\d+ ', text), (to, text)
    refused(gw, 'x@example.com', 550, '5.7.1')
    refused(gw, 'anne@' + gw.fqdn, 550, '5.7.1')


def case_bare_and_postmaster(w):
    gw, p, _ = w.pair(['POSTMASTER oper', 'LOCALUSER OPER'])
    refused(gw, 'bob', 553)
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org')
        assert c.rcpt('postmaster')[0] == 250
        assert c.rcpt('Postmaster@' + gw.fqdn)[0] == 250


def case_abuse_is_heard(w):
    """RFC 2142: postmaster and abuse at each of our names have a mailbox, also where strangers have none."""
    gw, _, _ = w.pair(['POSTMASTER oper', 'LOCALUSER OPER', 'SECURE', 'ALTTCPHOSTNAME other.example.test'])
    refused(gw, 'nobody@' + gw.fqdn)
    with gw.client() as c:
        c.ehlo()
        c.mail('')
        for name in ('abuse', 'ABUSE', 'postmaster'):
            for host in (gw.fqdn, 'other.example.test'):
                assert c.rcpt('%s@%s' % (name, host))[0] == 250, (name, host)


def case_commands_switched_off(w):
    """DISALLOWCMD at the SMTP door: 502, nothing of it in HELP; QUEU, TICK and VERB are none there in any case."""
    for off, gone in ((0, ()), (4, ('HELP',)), (8, ('VRFY',)), (12, ('HELP', 'VRFY'))):
        gw = w.gateway('G%d' % off, lines=['DISALLOWCMD %d' % off]).start()
        c = wd.Raw(gw.smtp)
        offers = c.hello()
        assert ('HELP' in offers) == ('HELP' not in gone), offers
        assert 'EXPN' not in offers and 'VERB' not in offers, offers
        text = c.ask('HELP', *((502,) if 'HELP' in gone else (214,)))
        assert 'HELP' in gone or ('VRFY' in text) == ('VRFY' not in gone), text
        c.ask('VRFY postmaster', *((502,) if 'VRFY' in gone else (252,)))
        c.ask('EXPN list', 502)
        for word in ('QUEU', 'TICK on', 'VERB ON'):
            c.ask(word, 500)
        c.close()
        gw.stop()


def case_no_gateway(w):
    """Without GATEWAY only local users have mail."""
    gw = w.gateway(lines=['LOCALUSER OPER'])
    gw.lines.remove('GATEWAY')
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    refused(gw, 'bob%mvsa@' + gw.fqdn)
    gw.mail('oper@' + gw.fqdn)
    gw.until(lambda: gw.json('reader', 'list'))
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['x'], to=['a@example.org'])).wait()
    p.take_message(lambda m: m['to_user'] == 'BOB')


def case_restrict(w):
    """RESTRICT RETURN, PURGE and TRANSFERTO, from the configuration."""
    gw, p, sink = w.pair(['LOCALUSER OPER', 'RESTRICT RETURN', 'EVIL@MVSA', 'ENDRESTRICT', 'RESTRICT PURGE',
                          'GONE@*', 'ENDRESTRICT', 'RESTRICT TRANSFERTO OPER', 'MOVED@MVSA', 'ENDRESTRICT'])
    for user in ('GONE', 'EVIL', 'MOVED'):
        p.send(njefile.note(user, 'MVSA', 'SMTP', 'GATE', ['by ' + user], to=['steve@example.org'])).wait()
    back = p.take_file()
    assert back.dest == ('EVIL', 'MVSA') and 'by EVIL' in back.text(), back.summary()
    p.take_message(lambda m: m['to_user'] == 'EVIL')
    rows = gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    assert len(rows) == 1, rows
    gw.empty()
    assert not sink.messages and not p.files


def case_secure(w):
    """SECURE: only registered users, both ways; nicknames are their addresses."""
    gw = w.gateway(lines=['SECURE'])
    p, sink = w.peer(), w.sink()
    gw.lines.append('DESTINATION example.org ' + sink.where)
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    gw.cli('secure', 'add', 'BOB', 'MVSA', 'BOBBY', 'Y', 'Y')
    gw.mail('bobby@' + gw.fqdn)
    assert p.take_file().dest == ('BOB', 'MVSA')
    refused(gw, 'carol%mvsa@' + gw.fqdn)
    refused(gw, '@%s:bobby@%s' % (gw.fqdn, gw.fqdn))
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['x'], to=['steve@example.org'])).wait()
    assert sink.take().sender.lower() == 'bobby@' + gw.fqdn
    p.send(njefile.note('CAROL', 'MVSA', 'SMTP', 'GATE', ['x'], to=['steve@example.org'])).wait()
    p.take_message(lambda m: m['to_user'] == 'CAROL')
    gw.empty()
    assert not sink.messages


def case_spoof_origin(w):
    """A file that says it comes from a node not behind this link is held; a message is dropped."""
    gw, p, sink = w.pair(['LOCALUSER OPER'])
    p.send(njefile.note('BOB', 'FORGED', 'OPER', 'GATE', ['x'], 'Forged')).wait()
    rows = gw.until(lambda: gw.json('queue', 'list'))
    assert rows[0]['state'] == 'held-origin', rows
    gw.cli('queue', 'release', rows[0]['id'])
    gw.until(lambda: gw.json('reader', 'list', 'OPER'))


def case_limits(w):
    """Errors, recipients, size and sessions are bounded; the text says which."""
    gw, p, _ = w.pair(['TRUST NONE', 'LIMIT RCPTS 5', 'MAXMAILBYTES 20000', 'LIMIT ERRORS 4', 'MAXCONNPERSITE 5'])
    with gw.client() as c:
        c.ehlo()
        assert int(c.esmtp_features['size']) == 20000
        c.mail('steve@example.org')
        codes = [c.rcpt('u%d%%mvsa@%s' % (i, gw.fqdn))[0] for i in range(7)]
        assert codes[:5] == [250] * 5 and set(codes[5:]) <= {452, 550}, codes
        c.rset()
        assert c.mail('steve@example.org', ['SIZE=30000'])[0] == 552
        c.mail('steve@example.org')
        c.rcpt('bob%mvsa@' + gw.fqdn)
        code, text = c.data('x' * 70 + '\r\n' * 1 + ('y' * 70 + '\r\n') * 400)
        assert code == 552, (code, text)
    raws = [wd.Raw(gw.smtp) for _ in range(8)]
    first = [r.reply()[0] for r in raws]
    assert first.count(220) == 5 and set(first) == {220, 421}, first
    for r in raws:
        r.close()
    gw.until(lambda: wd.Raw(gw.smtp).reply()[0] == 220)
    r = wd.Raw(gw.smtp)
    r.hello()
    got = [r.send('FROB %d\r\n' % i).reply()[0] for i in range(4)]
    assert 421 in got or r.send('FROB\r\n').reply()[0] in (0, 421), got
    r.close()


def case_junk(w):
    """HTTP, binary and endless lines do not disturb anyone."""
    gw, p, _ = w.pair()
    for junk in (b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', bytes(range(256)) * 50, b'A' * 100000 + b'\r\n',
                 b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\0' * 500):
        r = wd.Raw(gw.smtp)
        r.expect(220)
        try:
            r.send(junk)
            for _ in range(300):
                if r.reply()[0] in (0, 421):
                    break
                r.send('NOOP\r\n')
        except (OSError, ValueError):
            pass
        r.close()
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()


def case_early_talker(w):
    gw, p, _ = w.pair(['TRUST NONE', 'GREETPAUSE 1'])
    r = wd.Raw(gw.smtp).send('EHLO early.test\r\n')
    assert r.reply()[0] // 100 == 5
    r.close()
    r = wd.Raw(gw.smtp)
    r.hello()
    r.close()


def case_verify_batch_sender(w):
    """VERIFYBATCHSMTPSENDER: MAIL FROM must be the file's origin in any form; the mailers named may speak for others."""
    gw, p, sink = w.pair(['VERIFYBATCHSMTPSENDER LISTSERV'])

    def sent(user, sender):
        p.send(njefile.bsmtp(user, 'MVSA', 'SMTP', 'GATE', ['HELO MVSA', 'MAIL FROM:<%s>' % sender,
                                                            'RCPT TO:<steve@example.org>', 'DATA', 'Subject: x', '', 'x', '.'])).wait()
        gw.until(lambda: sink.messages or p.files)
        return sink.take().sender if sink.messages else ' '.join(p.take_file().text().split())
    mine = 'BOB%MVSA.RSCSNET@' + gw.fqdn
    for sender in ('BOB@MVSA', 'bob%mvsa@' + gw.fqdn, 'bob%mvsa.rscsnet@' + gw.fqdn):
        assert sent('BOB', sender) == mine, sender
    for sender in ('CAROL@MVSA', 'BOB@MVSB', 'president@example.org', 'carol%mvsa@' + gw.fqdn):
        assert 'Spool File Origin: <BOB@MVSA> does not match' in sent('BOB', sender), sender
    assert sent('LISTSERV', 'CAROL@MVSA') == mine.replace('BOB', 'CAROL')
    assert sent('LISTSERV', 'owner-list@example.org') == 'owner-list@example.org'
    gw.empty()
    assert not sink.messages
