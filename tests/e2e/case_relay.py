"""Nobody relays, nothing is smuggled: every form of address, every end of data, in both directions."""
import njefile
import world as wd


def forms(gw, ours='%'):
    """What open-relay testers try (nmap smtp-open-relay, RLBL, abuse.net), and our own network's forms."""
    there, here, ip = 'relaytest@nmap.scanme.org', gw.fqdn, gw.smtp[0]
    user, domain = there.split('@')
    return [
        there, '%s%%%s' % (user, domain), '%s%%%s@%s' % (user, domain, here), '"%s"' % there, '"%s%%%s"' % (user, domain),
        '%s@%s' % (there, here), '"%s"@%s' % (there, here), '%s@[%s]' % (there, ip), '"%s"@[%s]' % (there, ip),
        '@%s:%s' % (here, there), '@[%s]:%s' % (ip, there), '%s!%s' % (domain, user), '%s!%s@%s' % (domain, user, here),
        '%s!%s@[%s]' % (domain, user, ip), '%s%%%s@[%s]' % (user, domain, ip), '"%s%%%s"@%s' % (user, domain, here),
        '%s%%%s%%%s@%s' % (user, domain, here, here), '%s@%s@%s' % (user, domain, here), '%s%%%s@%s@%s' % (user, domain, here, here),
        '@%s,@%s:%s' % (here, here, there), '%s%%%s%%MVSA@%s' % (user, domain, here), '%s%%MVSA%%%s@%s' % (user, domain, here),
        '%s%%%s.RSCSNET@%s' % (user, domain, here), '%s@%s.RSCSNET' % (user, domain), '"%s@%s"%%MVSA@%s' % (user, domain, here),
        '%s.%s@%s' % (user, domain, here), 'QSM01@%s' % here, 'QSM01%%GATE@%s' % here, '%s%%MVSA' % user, user]


def case_open_relay(w):
    """From every sender a tester claims, none of the forms is taken, with or without source routes honoured."""
    gw, p, sink = w.pair(['ALTTCPHOSTNAME mail.example.test'])
    for honoured in (False, True):
        if honoured:
            gw.lines.append('SOURCEROUTES YES')
            gw.restart()
        gw.cli('nick', 'add', 'ANNE', 'anne@example.org', status=1 if honoured else 0)
        for sender in ('', 'postmaster@' + gw.fqdn, 'nobody@' + gw.fqdn, 'a@nmap.scanme.org', 'a@[%s]' % gw.smtp[0],
                       'bob%%mvsa@%s' % gw.fqdn):
            r = wd.Raw(gw.smtp)
            r.hello()
            for to in forms(gw) + ['anne@' + gw.fqdn, 'anne%%gate@%s' % gw.fqdn]:
                r.ask('MAIL FROM:<%s>' % sender, 250)
                code, text = r.send('RCPT TO:<%s>\r\n' % to).reply()
                assert 500 <= code < 560, '%r from %r: %d %s' % (to, sender, code, text)
                r.send('RSET\r\n')
                if r.reply()[0] == 421:  # enough errors: the next session goes on
                    r = wd.Raw(gw.smtp)
                    r.hello()
            r.close()
    gw.empty()
    assert not sink.messages and not p.files


SEQUENCES = [b'\n.\n', b'\n.\r', b'\r.\n', b'\r.\r', b'\n.\r\n', b'\r.\r\n', b'\r\n.\r', b'\r\n.\n', b'\r\n\0.\r\n',
             b'\r\n.\r\r\n', b'\r\r\n.\r\r\n']


def case_smuggling_inwards(w):
    """Each sequence of the public scanners, cut at each of its octets: one answer, no second mail."""
    gw, p, _ = w.pair()
    inner = b'MAIL FROM:<evil@example.org>\r\nRCPT TO:<bob%%mvsa@%s>\r\nDATA\r\nSubject: smuggled\r\n\r\nx' % gw.fqdn.encode()
    for sequence in SEQUENCES:
        for cut in range(len(sequence) + 1):
            r = wd.Raw(gw.smtp)
            r.hello()
            r.send('MAIL FROM:<steve@example.org>\r\nRCPT TO:<bob%%mvsa@%s>\r\nDATA\r\n' % gw.fqdn)
            for code in (250, 250, 354):
                r.expect(code)
            r.send(b'Subject: outer\r\n\r\nhello' + sequence[:cut])
            r.send(sequence[cut:] + inner + b'\r\n.\r\n')
            assert '5.5.2' in r.expect(550), sequence
            r.ask('NOOP', 250)
            r.close()
    gw.empty()
    assert not p.files


def case_pipelined_behind_the_end(w):
    """A command in the same segment as the true end of data is executed once, after its answer."""
    gw, p, _ = w.pair()
    r = wd.Raw(gw.smtp)
    r.hello()
    r.send('MAIL FROM:<steve@example.org>\r\nRCPT TO:<bob%%mvsa@%s>\r\nDATA\r\n' % gw.fqdn)
    for code in (250, 250, 354):
        r.expect(code)
    r.send('Subject: x\r\n\r\nx\r\n.\r\nMAIL FROM:<second@example.org>\r\nRSET\r\n')
    for code in (250, 250, 250):
        r.expect(code)
    p.take_file()
    r.close()


def case_smuggling_outwards(w):
    """Records from the network that hold CR, LF, NL or NUL in EBCDIC, and dots: one mail leaves, dots doubled."""
    gw, p, sink = w.pair()
    evil = 'MAIL FROM:<evil@example.org>'
    lines = []
    for sequence in (q for q in SEQUENCES if b'\0' not in q):
        lines += ['text' + sequence.decode('latin-1') + evil, '..' + evil, '..']
    lines.append('text\x85.\x85' + evil)
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: Odd', ''] + lines +
        ['.', 'QUIT'])).wait()
    m = sink.take()
    m.strict  # no bare CR or LF
    gw.empty()
    assert not sink.messages and sink.sessions == 1
    assert [ln for ln in sink.lines if ln.startswith('MAIL')] == [sink.lines[1]], sink.lines
