"""Filters (MILTER) at the SMTP door: what they are told, what they do, what becomes of mail without them."""
import os
import smtplib
import ssl

import milterd
import njefile
import world as wd
from milterd import CONTINUE, Drop, Hang, packet

BOB = 'bob%%mvsa@gate.%s' % wd.DOMAIN


def filtered(w, words='', lines=(), at=None, filters=1, **more):
    """A gateway with filters in front of it."""
    fs = [milterd.Filter(at or (w.address, 0), **more) for _ in range(filters)]
    w.others += [f.stop for f in fs]
    gw, p, sink = w.pair(['MILTER %s %s' % (f.where, words) for f in fs] + list(lines))
    return (gw, p, sink) + tuple(fs)


def raw(gw):
    c = wd.Raw(gw.smtp)
    c.hello()
    return c


def case_filter_is_told(w):
    """Client, HELO, sender, recipients, every field but our trace, the body, and the macros filters want."""
    gw, p, _, f = filtered(w, at=os.path.join(w.dir, 'filter.sock'))
    ident = gw.mail(BOB, 'one\r\n.two\r\n', headers=[('X-Fold', 'a\r\n\tb')])
    p.take_file()
    m = f.mails[0]
    assert m['client'] == m['macros']['C']['{client_name}'] == 'localhost', m
    assert m['helo'] == 'client.test' and m['sender'] == '<steve@example.org>' and m['rcpts'] == ['<%s>' % BOB], m
    assert ('X-Fold', 'a\n\tb') in m['headers'] and ('Subject', 'Testing') in m['headers'], m['headers']
    assert not any(k == 'Received' for k, _ in m['headers']), 'our own trace is not shown'
    assert m['body'] == b'one\r\n.two\r\n', m['body']
    assert m['macros']['C']['j'] == gw.fqdn and m['macros']['C']['{daemon_name}'] == 'SMTP'
    assert m['macros']['E']['i'] == ident and m['macros']['M']['{mail_addr}'] == 'steve@example.org'
    assert m['macros']['R']['{rcpt_addr}'] == BOB


def case_filter_changes(w):
    """Fields added, inserted, changed and deleted, a new body: what the NJE user gets is what the filters left."""
    gw, p, _, one, two = filtered(w, lines=['NODE MVSA STYLE=RFC822'], filters=2)
    one.at_end(milterd.add_header('X-Added', 'yes\n folded'), milterd.insert_header(1, 'X-First', '1'),
               milterd.change_header(1, 'Subject', 'Changed'), milterd.change_header(1, 'X-Gone', ''))
    two.at_end(milterd.new_body(b'new body\n'), packet('+', milterd.strings('<carol%%mvsa@%s>' % gw.fqdn)),
               packet('-', milterd.strings('<%s>' % BOB)), packet('e', milterd.strings('<boss@example.org>')))
    gw.mail(BOB, headers=[('X-Gone', 'x')])
    f = p.take_file()
    assert ('X-Added', 'yes\n folded') in two.mails[0]['headers'], 'the second filter sees what the first has made'
    assert f.dest == ('CAROL', 'MVSA'), f.summary()
    lines = f.lines()
    top = [ln.split(':')[0] for ln in lines[:lines.index('')] if ln[:1] != ' ']
    assert top.index('X-First') > top.index('Received'), top
    assert 'Subject: Changed' in lines and 'X-Gone: x' not in lines and 'X-Added: yes folded' in ' '.join(
        ' '.join(lines).split()), lines
    assert lines[lines.index('') + 1:] == ['new body'], lines
    assert any('boss@example.org' in ln for ln in lines), lines


def case_filter_verdicts(w):
    """A refusal at each place is the reply at that place; what went before and comes after is untouched."""
    gw, p, _, f = filtered(w)
    c = wd.Raw(gw.smtp)
    c.expect(220)
    f.on('H', lambda s, d: [packet('r')])
    c.ask('EHLO bad.test', 550)
    f.hooks.clear()
    c.ask('EHLO good.test', 250)
    f.on('M', lambda s, d: [milterd.say(450, '4.2.0 grey')] if b'grey' in d else None)
    f.on('R', lambda s, d: [packet('r')] if b'carol' in d else None)
    assert '450 4.2.0 grey' in c.ask('MAIL FROM:<grey@example.org>', 450)
    c.ask('MAIL FROM:<steve@example.org>', 250)
    c.ask('RCPT TO:<carol%%mvsa@%s>' % gw.fqdn, 550)
    c.ask('RCPT TO:<%s>' % BOB, 250)
    c.ask('DATA', 354)
    f.on('E', lambda s, d: [packet('p'), milterd.say(554, '5.7.1 a virus')])
    assert '554 5.7.1 a virus' in c.ask('Subject: x\r\n\r\nbad\r\n.', 554)
    f.on('T', lambda s, d: [packet('t')])
    c.ask('MAIL FROM:<steve@example.org>', 250)
    c.ask('RCPT TO:<%s>' % BOB, 250)
    c.ask('DATA', 451)
    f.hooks.clear()
    c.ask('RSET', 250)
    c.ask('MAIL FROM:<steve@example.org>', 250)
    c.ask('RCPT TO:<%s>' % BOB, 250)
    c.ask('DATA', 354)
    c.ask('Subject: good\r\n\r\ngood\r\n.', 250)
    assert 'Subject: good' in p.take_file().lines()
    f.on('C', lambda s, d: [packet('f')])
    w2 = wd.Raw(gw.smtp)
    w2.expect(421)
    gw.empty()
    p.no_file() if hasattr(p, 'no_file') else None


def case_filter_unknown_and_refused(w):
    """A filter hears of unknown commands, before HELO too, and of recipients we refuse; its no to the first is said."""
    gw, p, _, f = filtered(w, steps=0x800)
    heard = []
    f.on('U', lambda s, d: heard.append(d) or ([milterd.say(554, '5.7.0 no wizards')] if b'WIZ' in d else None))
    f.on('R', lambda s, d: heard.append((d, dict(s.macros['R']))))
    c = wd.Raw(gw.smtp)
    c.expect(220)
    assert 'no wizards' in c.ask('WIZ', 554)
    c.ask('XYZZY plugh', 500)
    c.ask('EHLO client.test', 250)
    c.ask('MAIL FROM:<steve@example.org>', 250)
    c.ask('RCPT TO:<victim@example.net>', 550)
    c.ask('RCPT TO:<%s>' % BOB, 250)
    assert heard[:2] == [b'WIZ\0', b'XYZZY plugh\0'], heard
    (told, macros), (_, fine) = heard[2:]
    assert told == b'<victim@example.net>\0' and macros['{rcpt_mailer}'] == 'error', heard
    assert macros['{rcpt_host}'].startswith('5.7.') and 'elay' in macros['{rcpt_addr}'], macros
    assert fine['{rcpt_mailer}'] == 'nje' and fine['{rcpt_addr}'] == BOB, fine
    f.on('R', lambda s, d: [packet('f')])
    c.ask('RCPT TO:<other@example.net>', 421)
    c.expect(0)


def reported(gw, sink):
    """A mail that waits for a link that is down is bounced: its report, as sent."""
    gw.cli('link', 'stop', 'MVSA')
    gw.mail(BOB, subject='To be returned')
    rows = gw.until(lambda: gw.json('queue', 'list'))
    gw.cli('queue', 'bounce', rows[0]['id'])
    m = sink.take()
    assert m.sender == '' and m.mail.get_content_type() == 'multipart/report', m.data
    return m


def case_filter_sees_reports(w):
    """With REPORTS our own reports are shown, as nobody's mail, and go as the filter leaves them; without it not."""
    gw, _, sink, f, other = filtered(w, 'REPORTS', filters=2)
    gw.lines[:] = [ln.replace('REPORTS', 'NJE') if other.where in ln else ln for ln in gw.lines]
    gw.restart()
    f.at_end(milterd.insert_header(1, 'DKIM-Signature', 'v=1; b=xyz'))
    m = reported(gw, sink)
    assert m.mail['DKIM-Signature'] == 'v=1; b=xyz', m.data
    seen = f.mails[0]
    assert seen['sender'] == '<>' and seen['rcpts'] == ['<steve@example.org>'], seen
    assert seen['macros']['C']['{daemon_name}'] == 'REPORTS' and '{auth_authen}' not in seen['macros']['M'], seen
    assert b'Action: failed' in seen['body'] and dict(seen['headers'])['Subject'].startswith('Undelivered'), seen
    assert not other.mails
    assert 'MILTER %s REPORTS ' % f.where in gw.cli('config', 'show')
    gw.empty()


def case_filter_reports_go_anyway(w):
    """A report waits for no filter: absent, silent, saying later, it goes as it is; a no and a discard are obeyed."""
    for n, (absent, hook, goes) in enumerate((
            ('DEFER', lambda s, d: [packet('t')], True), ('REFUSE', None, True),
            ('DEFER', lambda s, d: [packet('r')], False), ('DEFER', lambda s, d: [packet('d')], False))):
        sink = w.sink()
        f = milterd.Filter((w.address, 0))
        w.others.append(f.stop)
        gw = w.gateway('G%d' % n, lines=['DESTINATION example.org ' + sink.where, 'MILTER %s REPORTS ABSENT=%s' % (
            f.where if hook else os.path.join(w.dir, 'none'), absent)])
        gw.link('MVSA').start()
        if hook:
            f.on('E', hook)
        gw.mail('bob%mvsa@' + gw.fqdn, subject='To be returned')
        rows = gw.until(lambda: gw.json('queue', 'list'))
        gw.cli('queue', 'bounce', rows[0]['id'])
        if goes:
            assert sink.take().mail.get_content_type() == 'multipart/report'
        else:
            f.wait_for('E')
        gw.empty()
        trace = gw.cli('trace', rows[0]['id'])
        assert goes == (' by=' in trace) and (goes or 'refused' in trace or 'discarded' in trace), trace
        assert goes or not sink.messages
        gw.stop()


def case_filter_discards(w):
    """A mail a filter throws away is answered with 250 and goes nowhere; the journal knows."""
    gw, p, _, f = filtered(w)
    f.on('E', lambda s, d: [packet('d')])
    ident = gw.mail(BOB, subject='unwanted')
    f.hooks.clear()
    f.on('R', lambda s, d: [packet('d')])
    gw.mail(BOB, subject='unwanted, too')
    f.hooks.clear()
    gw.mail(BOB, subject='wanted')
    assert 'Subject: wanted' in p.take_file().lines()
    assert 'discarded' in gw.cli('trace', ident)
    gw.empty()


def case_filter_quarantine(w):
    """A mail in quarantine is held whole, across a restart, until the operator lets it go."""
    gw, p, _, f = filtered(w)
    f.at_end(packet('q', milterd.strings('looks odd')), milterd.add_header('X-Odd', 'yes'))
    ident = gw.mail(BOB, subject='odd')
    row = gw.json('queue', 'list')[0]
    assert row['state'] == 'held' and row['reason'] == 'looks odd', row
    f.hooks.clear()
    gw.restart()
    p.wait_up()
    assert gw.json('queue', 'list')[0]['state'] == 'held'
    gw.cli('queue', 'release', ident)
    assert 'Subject: odd' in p.take_file().lines()
    gw.empty()
    assert 'delivered' in gw.cli('trace', ident)


def case_filter_quarantine_ends(w):
    """What is held may be returned to its sender, or deleted, from either door."""
    gw, p, sink, f = filtered(w)
    f.at_end(packet('q', milterd.strings('looks odd')))
    ident = gw.mail(BOB, subject='odd')
    gw.cli('queue', 'bounce', ident)
    m = sink.take()
    assert m.sender == '' and m.rcpts == ['steve@example.org'] and b'returned by the administrator' in m.data, m.data
    gw.cli('queue', 'delete', gw.mail(BOB, subject='odd'))
    gw.empty()
    note(p)
    row = gw.until(lambda: gw.json('queue', 'list') and gw.json('queue', 'list')[0])
    gw.cli('queue', 'bounce', row['id'])
    assert 'returned by the administrator' in ' '.join(p.take_file().lines())
    gw.empty()


def broken(w, hook, want, words='ANSWER=2 VERDICT=2'):
    gw, p, _, f = filtered(w, words)
    hook(f)
    try:
        gw.mail(BOB, subject='through')
        got = 250
    except AssertionError as e:
        got = str(e)
    except (smtplib.SMTPConnectError, smtplib.SMTPServerDisconnected) as e:
        got = str(e)
    assert str(want) in str(got), (got, want)
    f.released.set()
    if got == 250:
        assert 'Subject: through' in p.take_file().lines()
    f.hooks.clear()
    f.released.clear()
    gw.mail(BOB, subject='again')
    assert 'Subject: again' in p.take_file().lines(), 'the filter is well again'
    gw.empty()


def drop(s, d):
    raise Drop


def hang(s, d):
    raise Hang


def case_filter_dies_defer(w):
    """A filter that dies at the end of a mail: 451, nothing taken."""
    broken(w, lambda f: f.on('E', drop), '4.7.1')


def case_filter_dies_accept(w):
    broken(w, lambda f: f.on('E', drop), 250, 'ABSENT=ACCEPT')


def case_filter_dies_refuse(w):
    broken(w, lambda f: f.on('M', drop), '5.7.1', 'ABSENT=REFUSE')


def case_filter_silent_defer(w):
    """One that says nothing costs its client the time that is configured, no more."""
    broken(w, lambda f: f.on('E', hang), '4.7.1')


def case_filter_silent_accept(w):
    broken(w, lambda f: f.on('L', hang), 250, 'ABSENT=ACCEPT ANSWER=2')


def case_filter_talks_nonsense(w):
    broken(w, lambda f: f.on('R', lambda s, d: [b'HTTP/1.1 400 Bad Request\r\n']), '4.7.1')


def case_filter_half_done(w):
    """What a filter has changed before it died is not done."""
    gw, p, _, f = filtered(w, 'ABSENT=ACCEPT', ['NODE MVSA STYLE=RFC822'])

    def half(s, d):
        s.request.sendall(milterd.add_header('X-Half', 'done'))
        raise Drop
    f.on('E', half)
    gw.mail(BOB)
    assert not any('X-Half' in ln for ln in p.take_file().lines())


def case_filter_absent(w):
    """Nobody listens: by its statement mail waits at its client, goes on, or is refused; others are served."""
    for words, code in (('', 421), ('ABSENT=REFUSE', 554), ('ABSENT=ACCEPT', 220)):
        gw = w.gateway('G%d' % code, lines=['LOCALUSER STEVE', 'MILTER %s %s' % (os.path.join(w.dir, 'none'), words)])
        gw.start()
        c = wd.Raw(gw.smtp)
        c.expect(code)
        c.close()
        assert 'event=filter' in gw.read_log()
        if code == 220:
            gw.mail('steve@' + gw.fqdn)
        gw.stop()


def case_filter_slow_others_served(w):
    """While one filter keeps a client waiting, and one client breaks off, others go on."""
    gw, p, _, f = filtered(w)
    f.on('R', lambda s, d: (_ for _ in ()).throw(Hang) if b'carol' in d else None)
    c = raw(gw)
    c.ask('MAIL FROM:<steve@example.org>', 250)
    c.send('RCPT TO:<carol%%mvsa@%s>\r\n' % gw.fqdn)
    f.wait_for('R')
    gw.mail(BOB, subject='meanwhile')
    assert 'Subject: meanwhile' in p.take_file().lines()
    c.close()
    f.released.set()
    gw.mail(BOB, subject='after')
    assert 'Subject: after' in p.take_file().lines()


def case_filter_client_gone(w):
    """A client that breaks off while the verdict on its mail is awaited: the mail is taken once, all the same."""
    gw, p, _, f = filtered(w)

    def wait(s, d):
        f.released.wait(milterd.LIMIT)
        return None
    f.on('E', wait)
    c = raw(gw)
    for line, code in (('MAIL FROM:<steve@example.org>', 250), ('RCPT TO:<%s>' % BOB, 250), ('DATA', 354)):
        c.ask(line, code)
    c.send('Subject: alone\r\n\r\ntext\r\n.\r\n')
    f.wait_for('E')
    c.close()
    f.released.set()
    assert 'Subject: alone' in p.take_file().lines()


def case_filter_stop_while_thinking(w):
    """SIGTERM while filters think about mail of both doors: neither is lost nor sent twice."""
    gw, p, sink, f = filtered(w)
    gw.lines.append('DRAINTIME 1')

    def wait(s, d):
        f.released.wait(milterd.LIMIT)
        return None
    f.on('E', wait)
    gw.restart()
    p.wait_up()
    c = raw(gw)
    for line, code in (('MAIL FROM:<steve@example.org>', 250), ('RCPT TO:<%s>' % BOB, 250), ('DATA', 354)):
        c.ask(line, code)
    c.send('Subject: by SMTP\r\n\r\ntext\r\n.\r\n')
    f.wait_for('E')
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['text'], 'by NJE', to=['steve    at example.org']))
    gw.until(lambda: f.letters.count('E') == 2)
    gw.stop()
    assert c.reply()[0] in (0, 421)
    f.hooks.clear()
    f.released.set()
    gw.start()
    p.wait_up()
    for row in gw.json('queue', 'list'):
        gw.cli('queue', 'retry', row['id'])
    assert sink.take().mail['Subject'] == 'by NJE'
    gw.empty()
    gw.mail(BOB, subject='after')
    assert 'Subject: after' in p.take_file().lines()
    assert len([m for m in f.mails if ('Subject', 'by NJE') in m['headers']]) == 2


def case_filter_reload_and_stop(w):
    """SIGHUP brings other filters; STOPEXIT goes on without any, STARTEXIT with them."""
    gw, p, _, f = filtered(w)
    gw.mail(BOB)
    p.take_file()
    assert len(f.mails) == 1
    status = gw.json('status')
    assert status['filter ' + f.where].startswith('1 mails, 0 refused, 0 failures'), status
    assert 'stopped' in gw.cli('smsg', 'STOPEXIT').lower()
    assert 'STOPEXIT' in gw.json('status')['filters']
    gw.mail(BOB)
    p.take_file()
    assert len(f.mails) == 1
    gw.cli('smsg', 'STARTEXIT')
    gw.mail(BOB)
    p.take_file()
    assert len(f.mails) == 2
    other = milterd.Filter((w.address, 0))
    w.others.append(other.stop)
    gw.lines = [ln for ln in gw.lines if not ln.startswith('MILTER')] + ['MILTER ' + other.where]
    gw.write()
    gw.hup()
    gw.until(lambda: 'event=reload result=done' in gw.read_log())
    gw.mail(BOB)
    p.take_file()
    assert (len(f.mails), len(other.mails)) == (2, 1)


def case_forged_results(w):
    """Results of filters in our own name are ours to say: a client's are taken out before filters look."""
    gw, p, _, f = filtered(w, lines=['NODE MVSA STYLE=RFC822'])
    forged = [('Authentication-Results', '%s; dkim=pass header.d=bank.example' % gw.fqdn),
              ('authentication-results', ' (really) "%s" 1; spf=pass' % gw.fqdn.upper()),
              ('Received-SPF', 'pass (x) client-ip=192.0.2.1; receiver=%s;' % gw.fqdn)]
    honest = [('Authentication-Results', 'mx.other.example; dkim=pass'),
              ('Received-SPF', 'fail receiver=mx.other.example')]
    gw.mail(BOB, headers=dict(forged[:1] + honest[1:]))
    gw.mail(BOB, headers=dict(forged[2:] + honest[:1]))
    gw.mail(BOB, headers=dict(forged[1:2]))
    lines = ' '.join(' '.join(p.take_file().lines()) for _ in range(3))
    assert 'bank.example' not in lines and 'client-ip' not in lines and 'really' not in lines, lines
    assert 'mx.other.example; dkim=pass' in lines and 'receiver=mx.other.example' in lines, lines
    assert not any('bank' in v for m in f.mails for _, v in m['headers'])


def case_filter_statements(w):
    """Each spelling of a filter's socket; what is wrong is said."""
    gw = w.gateway(lines=['MILTER /a/b SMTP', 'MILTER unix:c NJE ABSENT=ACCEPT', 'MILTER inet:8891@localhost VERDICT=9',
                          'MILTER inet:127.0.0.1:8892', 'MILTER inet6:8893@::1', 'MILTER [::1]:8894', 'MILTER 127.0.0.1:8895',
                          'EXITDIRECTION FROMTCP'])
    gw.write()
    shown = [ln for ln in gw.cli('config', 'show').splitlines() if ln.startswith('MILTER')]
    assert len(shown) == 7 and shown[0].startswith('MILTER /a/b SMTP ABSENT=DEFER'), shown
    assert ' NJE ABSENT=ACCEPT' in shown[1] and ' SMTP ABSENT=DEFER' in shown[2] and 'VERDICT=9' in shown[2], shown
    for bad in ('', 'host.example:25', '127.0.0.1', 'inet:0@127.0.0.1', '/x MAYBE', '/x ABSENT=NO', '/x ANSWER=0',
                'unix:' + 'x' * 120):
        gw.lines[-8:] = ['MILTER ' + bad] + ['* '] * 7
        gw.write()
        assert 'MILTER: ' in gw.cli('config', 'check', status=1), bad


# --- the NJE door

def nje_filtered(w, words='NJE', lines=(), **more):
    return filtered(w, words, lines, **more)


def note(p, text='Dear Steve', subject='From NJE', to='steve    at example.org', user='BOB'):
    p.send(njefile.note(user, 'MVSA', 'SMTP', 'GATE', [text], subject, to=[to] if isinstance(to, str) else to)).wait()


def case_nje_filter_signs(w):
    """A note is shown to the filter as it will be sent, in a session made up for it; what is added goes out."""
    gw, p, sink, f = nje_filtered(w)
    f.at_end(milterd.insert_header(1, 'X-Signed', ' by us;\n\tb=xyz'))
    note(p)
    m = sink.take()
    head, body = m.strict
    seen = f.mails[0]
    assert seen['client'] == 'localhost' and seen['helo'] == gw.fqdn, seen
    assert seen['macros']['C']['{daemon_name}'] == 'NJE' and seen['macros']['M']['{auth_authen}'] == 'BOB@MVSA', seen
    assert seen['sender'] == '<%s>' % m.sender and seen['rcpts'] == ['<steve@example.org>'], seen
    assert seen['body'] == body.removesuffix(b'\r\n') + b'\r\n' or seen['body'] == body, (seen['body'], body)
    names = [ln.split(b':')[0] for ln in head.split(b'\r\n') if ln[:1] not in b' \t']
    assert names[:2] == [b'Received', b'X-Signed'] and b'X-Signed:  by us;\r\n\tb=xyz' in head, head
    assert [k.encode() for k, _ in seen['headers']] == names[2:], (seen['headers'], names)
    gw.empty()


def case_nje_filter_batch(w):
    """Each mail of a batch file is judged alone; who is refused is told, the others go."""
    gw, p, sink, f = nje_filtered(w)
    f.on('E', lambda s, d: [milterd.say(550, '5.7.1 not this one')] if ('Subject', 'two') in s.mail['headers'] else None)
    f.on('R', lambda s, d: [milterd.say(550, '5.1.1 not him')] if b'anne' in d else None)
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: one', '', 'first', '.',
        'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: two', '', 'second', '.',
        'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<anne@example.org>', 'RCPT TO:<joe@example.org>', 'DATA', 'Subject: three', '',
        'third', '.', 'QUIT'])).wait()
    got = {m.mail['Subject']: m.rcpts for m in (sink.take(), sink.take())}
    assert got == {'one': ['steve@example.org'], 'three': ['joe@example.org']}, got
    told = ' '.join(' '.join(p.take_file().lines()) for _ in range(2))
    assert 'not this one' in told and 'not him' in told, told
    gw.empty()


def deferred(gw):
    rows = gw.json('queue', 'list')
    return rows and rows[0]['tries'] and rows[0]


def case_nje_filter_waits(w):
    """While the filter is away the file is kept, acknowledged, through a restart, and goes when the filter is back."""
    gw, p, sink, f = nje_filtered(w)
    port = f.server.server_address[1]
    f.stop()
    w.others.remove(f.stop)
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: one', '', 'first', '.',
        'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: two', '', 'second', '.'])).wait()
    row = gw.until(lambda: deferred(gw))
    assert 'not available' in row['reason'], row
    gw.restart()
    p.wait_up()
    gw.cli('queue', 'retry', row['id'])
    row = gw.until(lambda: gw.json('queue', 'list')[0]['tries'] == 2 and gw.json('queue', 'list')[0])
    assert not sink.messages if hasattr(sink, 'messages') else True
    back = milterd.Filter((w.address, port))
    w.others.append(back.stop)
    back.at_end(milterd.add_header('X-Signed', 'yes'))
    gw.cli('queue', 'retry', row['id'])
    got = [sink.take() for _ in range(2)]
    assert sorted(m.mail['Subject'] for m in got) == ['one', 'two'] and all(m.mail['X-Signed'] == 'yes' for m in got)
    gw.empty()
    gw.restart()
    p.wait_up()
    assert len(back.mails) == 2


def case_nje_filter_tempfail(w):
    """A filter that says later is asked again; a second mail of the same file is not sent twice."""
    gw, p, sink, f = nje_filtered(w)
    f.on('E', lambda s, d: [packet('t')] if ('Subject', 'two') in s.mail['headers'] else None)
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: one', '', 'first', '.',
        'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: two', '', 'second', '.'])).wait()
    row = gw.until(lambda: deferred(gw))
    f.hooks.clear()
    gw.cli('queue', 'retry', row['id'])
    assert sorted(sink.take().mail['Subject'] for _ in range(2)) == ['one', 'two']
    gw.empty()
    assert len(f.mails) == 4


def case_nje_filter_accept_refuse(w):
    """ABSENT=ACCEPT sends unsigned; ABSENT=REFUSE tells the sender."""
    for words in ('NJE ABSENT=ACCEPT', 'NJE ABSENT=REFUSE'):
        sink = w.sink()
        gw = w.gateway('G%s' % words[11:17], lines=['DESTINATION example.org ' + sink.where, 'MILTER %s %s' % (
            os.path.join(w.dir, 'none'), words)], host='gate')
        gw.lines[0] = 'LOCAL GATE'
        p = w.peer('MVSA')
        gw.link('MVSA', p.listen_at).start()
        p.wait_up()
        note(p)
        if 'ACCEPT' in words:
            assert sink.take().mail['Subject'] == 'From NJE'
        else:
            assert 'not available' in ' '.join(p.take_file().lines())
        gw.empty()
        gw.stop()


def case_nje_filter_quarantine(w):
    """Mail of NJE in quarantine is held and goes, as the filter left it, when it is released."""
    gw, p, sink, f = nje_filtered(w)
    f.at_end(packet('q', milterd.strings('look at it')), milterd.add_header('X-Odd', 'yes'))
    note(p)
    row = gw.until(lambda: gw.json('queue', 'list') and gw.json('queue', 'list')[0])
    assert row['state'] == 'held' and row['reason'] == 'look at it', row
    gw.cli('queue', 'release', row['id'])
    assert sink.take().mail['X-Odd'] == 'yes'
    gw.empty()


def case_nje_filter_discard_and_local(w):
    """A discarded mail is gone; mail that stays in NJE is not shown; njegate note is."""
    gw, p, sink, f = nje_filtered(w, lines=['LOCALUSER ANNE'])
    f.on('E', lambda s, d: [packet('d')])
    note(p, subject='unwanted')
    f.wait_for('E')
    gw.empty()
    f.hooks.clear()
    p.send(njefile.note('BOB', 'MVSA', 'ANNE', 'GATE', ['hi'], 'inside')).wait()
    gw.until(lambda: gw.json('reader', 'list'))
    assert len(f.mails) == 1
    gw.cli('note', 'steve@example.org', '--from', 'ANNE', '--subject', 'local', stdin='hello\n')
    assert sink.take().mail['Subject'] == 'local' and len(f.mails) == 2
    gw.empty()


def case_nje_filter_slow_others(w):
    """While the filter thinks about one file, others of the same link go on."""
    gw, p, sink, f = nje_filtered(w, lines=['LOCALUSER ANNE'])

    def wait(s, d):
        f.released.wait(milterd.LIMIT)
        return None
    f.on('E', wait)
    sent = p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['text'], 'slow', to=['steve    at example.org']))
    f.wait_for('E')
    p.send(njefile.note('BOB', 'MVSA', 'ANNE', 'GATE', ['hi'], 'inside')).wait()
    gw.until(lambda: gw.json('reader', 'list'))
    f.released.set()
    sent.wait()
    assert sink.take().mail['Subject'] == 'slow'
    gw.empty()


def case_sender_verified_line(w):
    """SENDERVERIFIED: a note says what our filters found about its sender, and nothing that others claim."""
    gw, p, _, f = filtered(w, lines=['SENDERVERIFIED'])
    f.at_end(milterd.insert_header(1, 'Authentication-Results', '%s; dkim=pass header.d=example.org' % gw.fqdn))
    gw.mail(BOB, headers=[('Authentication-Results', '%s; dmarc=pass header.from=example.org' % gw.fqdn)])
    lines = p.take_file().lines()
    at = lines.index('Sender-verified: yes (example.org: DKIM)')
    assert lines[at + 1].startswith('Return-Path: ') and lines[at + 2] == '', lines
    f.hooks.clear()
    gw.mail(BOB, headers=[('Authentication-Results', 'mx.other.example; dmarc=pass header.from=example.org')])
    assert 'Sender-verified: not known' in p.take_file().lines()


def case_filter_submission(w):
    """Who signed on, and his TLS, are known to filters; what his program left out they see, too."""
    cert, key = w.tls()
    auth, port = os.path.join(w.dir, 'users'), w.port()
    with open(auth, 'w', encoding='utf-8') as f:
        f.write('anne:%s\n' % wd.run(['openssl', 'passwd', '-6', 's3cret']).strip())
    os.chmod(auth, 0o600)
    gw, _, sink, f = filtered(w, lines=['TLSCERT ' + cert, 'TLSKEY ' + key, 'SUBMISSION AUTHFILE=' + auth,
                                        'LISTENSMTP %s:%d SUBMISSION' % (w.address, port)])
    context = ssl.create_default_context(cafile=cert)
    context.check_hostname = False
    with smtplib.SMTP(w.address, port, local_hostname='client.test', timeout=30) as c:
        c.starttls(context=context)
        c.login('anne', 's3cret')
        wd.send(c, 'anne@example.org', ['steve@example.org'], b'Subject: relayed\r\n\r\nx\r\n')
    m = f.mails[0]
    assert m['macros']['M']['{auth_authen}'] == 'anne', m['macros']
    assert m['macros']['H']['{tls_version}'].startswith('TLSv1') and m['macros']['H']['{cipher}'], m['macros']
    assert [k for k, _ in m['headers']] == ['Date', 'Message-ID', 'Subject'], m['headers']
    assert sink.take().rcpts == ['steve@example.org']
