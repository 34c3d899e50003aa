"""Our SMTP client: where mail goes, what is tried again, what is returned."""
import os

import njefile
import smtpsink
import world as wd


def post(p, to, subject='s', body='x'):
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>'] + ['RCPT TO:<%s>' % t for t in ([to] if isinstance(to, str) else to)] +
        ['DATA', 'From: BOB@MVSA', 'Subject: ' + subject, '', body, '.', 'QUIT'])).wait()


def port25(w):
    if os.geteuid():
        raise wd.Skip('needs root to listen on port 25')


def case_4xx_is_tried_again(w):
    gw, p, sink = w.pair()
    sink.on('RCPT', '451 4.7.1 greylisted, come back')
    post(p, 'steve@example.org')
    row = gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= 1])[0]
    assert 'greylisted' in row['reason'] and row['next'], row
    sink.on('RCPT', None)
    gw.cli('queue', 'retry', row['id'])
    sink.take()
    gw.empty()
    assert not p.files, 'no note about a delay that short'


def case_5xx_bounces(w):
    """One recipient of two refused: the other has the mail, the sender a note about the one."""
    gw, p, sink = w.pair()
    sink.on('RCPT', lambda s, arg: '550 5.1.1 unknown here' if 'bad' in arg else None)
    post(p, ['good@example.org', 'bad@example.org'])
    assert sink.take().rcpts == ['good@example.org']
    text = p.take_file().text()
    assert 'bad@example.org' in text and 'good@example.org' not in text.split('RCPT')[0].replace('To:', ''), text
    gw.empty()


def case_421_and_hangup(w):
    """421 at any command, a dropped connection at any command: tried again, never bounced."""
    gw, p, sink = w.pair()
    sink.one_each = True
    for verb in ('GREETING', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'DOT'):
        for bad in ('421 4.3.2 going down', None):
            def hook(session, arg, bad=bad):
                if bad is None:
                    raise smtpsink.Hangup
                return bad
            sink.hooks.clear()
            sink.on(verb, hook)
            before = sink.sessions
            post(p, 'steve@example.org', subject='%s %s' % (verb, bad))
            sink.until(lambda: sink.sessions > before)
            row = gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= 1])[0]
            sink.hooks.clear()
            gw.cli('queue', 'retry', row['id'])
            sink.take()
            gw.empty()
    assert not p.files


case_421_and_hangup.limit = 120


def case_helo_fallback(w):
    """A server that knows no EHLO is greeted with HELO."""
    gw, p, sink = w.pair()
    sink.on('EHLO', '502 5.5.1 what?')
    post(p, 'steve@example.org')
    assert sink.take().helo


def case_eight_bit_and_no_extensions(w):
    """Text beyond ASCII reaches a server without 8BITMIME as 7 bit; lines are never too long."""
    sink = w.sink(extensions=())
    gw = w.gateway(lines=['DESTINATION example.org ' + sink.where])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['Gr\u00fc\u00dfe', 'x' * 2000], 'Gr\u00fc\u00dfe',
                        to=['steve@example.org'])).wait()
    m = sink.take()
    m.strict
    assert all(b < 128 for b in m.data)
    assert m.mail['Subject'] == 'Gr\u00fc\u00dfe' and 'Gr\u00fc\u00dfe' in m.mail.get_content()
    assert 'x' * 2000 in m.mail.get_content()


def case_relayed_as_seven_bits(w):
    """Internet mail that goes on to a host without 8BITMIME is encoded part by part; what is signed as it stands is not
    touched, and comes back."""
    sink = w.sink(extensions=())
    gw, _, back = w.pair(['LOCALUSER FAR MBOX=far@example.net', 'DESTINATION example.net ' + sink.where])
    head = ('From: steve@example.org\r\nMessage-ID: <1@example.org>\r\nDate: Wed, 8 Feb 1995 15:49:33 +0000\r\nSubject: bits\r\n'
            'X-Odd:   kept  as it is\r\nMIME-Version: 1.0\r\n')
    text = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\u00fc\u00dfe\r\n.dot\r\n'
    parts = '--b\r\n%s\r\n--b\r\n%s--b--\r\n'
    for kind, whole in ((None, text), ('mixed', parts % (text, text)), ('signed', parts % (text, text))):
        top = '' if kind is None else 'Content-Type: multipart/%s; boundary=b\r\n\r\n' % kind
        with gw.client() as c:
            c.ehlo()
            c.mail('steve@example.org', ['BODY=8BITMIME'])
            c.rcpt('far@' + gw.fqdn)
            code, said = c.data((head + top + whole).encode())
            assert code == 250, said
        if kind == 'signed':
            report = back.take().data
            assert b'5.6.3' in report and b'8-bit text' in report, report
            continue
        m = sink.take()
        assert all(b < 128 for b in m.data), m.data
        assert b'X-Odd:   kept  as it is\r\n' in m.data and 'BODY' not in m.params, m.data
        for part in m.mail.walk():
            if not part.is_multipart():
                assert part['Content-Transfer-Encoding'] in ('quoted-printable', 'base64'), m.data
                assert part.get_content().splitlines()[:2] == ['Gr\u00fc\u00dfe', '.dot'], m.data
    assert not sink.messages


def case_mx_order(w):
    """Lowest preference first; the next when it does not answer or says 4xx."""
    port25(w)
    sink = w.sink(port=25)
    other = w.beside()
    w.table.update({'mx.example': {'MX': [(20, 'second.mx.example'), (10, 'first.mx.example')]},
                    'first.mx.example': {'A': [other]}, 'second.mx.example': {'A': [w.address]}})
    gw = w.gateway()
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    sink.one_each = True
    post(p, 'a@mx.example', 'dead first')
    assert sink.take().rcpts == ['a@mx.example']
    busy = smtpsink.Sink((other, 25))
    w.sinks.append(busy)
    busy.on('GREETING', '421 4.3.2 busy')
    post(p, 'b@mx.example', 'busy first')
    assert sink.take().rcpts == ['b@mx.example']
    busy.on('GREETING', None)
    for verb, reply in (('MAIL', '421 4.3.2 busy'), ('MAIL', '452 4.3.1 full'), ('RCPT', '421 4.3.2 busy'),
                        ('RCPT', '451 4.7.1 not yet')):
        busy.on(verb, reply)
        post(p, 'd@mx.example', verb + ' ' + reply)
        assert sink.take().rcpts == ['d@mx.example'], (verb, reply)
        busy.on(verb, None)
    post(p, 'c@mx.example', 'first again')
    assert busy.take().rcpts == ['c@mx.example']
    gw.empty()


def case_made_again_for_the_next_host(w):
    """The first host takes 8-bit text, but nobody; the second gets the mail as it takes it."""
    port25(w)
    sink, other = w.sink(port=25, extensions=()), w.beside()
    first = smtpsink.Sink((other, 25))
    w.sinks.append(first)
    first.on('RCPT', '451 4.7.1 not yet')
    w.table.update({'mx.example': {'MX': [(20, 'second.mx.example'), (10, 'first.mx.example')]},
                    'first.mx.example': {'A': [other]}, 'second.mx.example': {'A': [w.address]}})
    gw = w.gateway(lines=['LOCALUSER FAR MBOX=far@mx.example']).start()
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org', ['BODY=8BITMIME'])
        c.rcpt('far@' + gw.fqdn)
        assert c.data('From: steve@example.org\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n'
                      'Content-Transfer-Encoding: 8bit\r\n\r\nGr\u00fc\u00dfe\r\n'.encode())[0] == 250
    m = sink.take()
    assert all(b < 128 for b in m.data) and 'Gr\u00fc\u00dfe' in m.mail.get_content(), m.data
    assert any('BODY=8BITMIME' in line for line in first.lines), first.lines
    gw.empty()


def case_addresses_and_families(w):
    """No MX: the A records, the dead first address and then the second; AAAA beside A."""
    port25(w)
    sink = w.sink(port=25)
    dead = w.beside()
    w.table.update({'a.example': {'A': [dead, w.address]}, 'six.example': {'AAAA': ['::2'], 'A': [w.address]},
                    'alias.example': {'CNAME': ['a.example']}})
    gw = w.gateway()
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    for domain in ('a.example', 'six.example', 'alias.example'):
        post(p, 'x@' + domain)
        assert sink.take().rcpts == ['x@' + domain]
    gw.empty()


def case_dns_trouble(w):
    """SERVFAIL waits; NXDOMAIN, null MX and an MX that is ourselves return."""
    w.table.update({'sick.example': 'SERVFAIL', 'null.example': {'MX': [(0, '')]},
                    'loop.example': {'MX': [(5, 'gate.example.net')]}, 'gate.example.net': {'A': ['127.0.0.1']}})
    gw, p, sink = w.pair(['ALTTCPHOSTNAME gate.example.net'])
    post(p, 'x@sick.example')
    row = gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= 1])[0]
    assert row['reason'], row
    for bad in ('gone.example', 'null.example', 'loop.example'):
        post(p, 'x@' + bad)
        assert bad in p.take_file(lambda f: bad in f.text()).text()
    gw.until(lambda: [r['id'] for r in gw.json('queue', 'list')] == [row['id']])
    gw.cli('queue', 'delete', row['id'])


def case_back_to_ourselves(w):
    """Mail whose best exchanger is this host, by one of its names or by its address and port, comes back at once."""
    port25(w)
    w.resolver()
    gw = w.gateway(lines=['ALTTCPHOSTNAME other.example.test', 'LISTENSMTP %s:25' % w.address, 'LOCALUSER ANNE'])
    elsewhere = w.beside()
    w.table.update({
        'name.test': {'MX': [(10, gw.fqdn)]}, gw.fqdn: {'A': [elsewhere]},
        'alt.test': {'MX': [(10, 'OTHER.example.test')]}, 'other.example.test': {'A': [elsewhere]},
        'address.test': {'MX': [(10, 'innocent.test')]}, 'innocent.test': {'A': ['127.0.0.1']},
        'worse.test': {'MX': [(10, 'mx.worse.test'), (20, gw.fqdn), (30, 'mx.behind.test')]},
        'mx.worse.test': {'A': [elsewhere]}, 'mx.behind.test': {'A': [w.address]}})
    gw.start()
    for domain in ('name.test', 'alt.test', 'address.test'):
        gw.cli('note', 'x@' + domain, '--from', 'ANNE', '--subject', domain, stdin='x\n')
        row = gw.until(lambda: [r for r in gw.json('reader', 'list') if r['kind'] == 'NOTE'])[-1]
        text = ' '.join(gw.cli('reader', 'show', str(row['id'])).split())
        assert 'loops back to this host' in text and domain in text, text
        gw.cli('reader', 'purge', str(row['id']))
    gw.cli('note', 'x@worse.test', '--from', 'ANNE', '--subject', 'worse', stdin='x\n')
    row = deferred(gw)  # only the better one counts: those behind us would send it back
    assert 'mx.worse.test' in row['reason'] and 'behind' not in row['reason'], row


def case_destinations(w):
    """DESTINATION for a domain, for subdomains (.domain), before SMARTHOST."""
    exact, sub, smart = w.sink(), w.sink(), w.sink()
    gw = w.gateway(lines=['DESTINATION here.test ' + exact.where, 'DESTINATION .here.test ' + sub.where,
                          'SMARTHOST ' + smart.where])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    post(p, 'a@here.test')
    post(p, 'b@deep.down.here.test')
    post(p, 'c@elsewhere.test')
    assert exact.take().rcpts == ['a@here.test']
    assert sub.take().rcpts == ['b@deep.down.here.test']
    assert smart.take().rcpts == ['c@elsewhere.test']


def case_smarthosts_in_order(w):
    first, second = w.sink(), w.sink()
    first.on('GREETING', '421 4.3.2 no')
    gw = w.gateway(lines=['SMARTHOST ' + first.where, 'SMARTHOST ' + second.where])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    post(p, 'c@elsewhere.test')
    assert second.take().rcpts == ['c@elsewhere.test']
    assert first.sessions >= 1


def case_smarthost_that_puts_off(w):
    """One that answers and yet takes nothing for now leaves the mail to the next."""
    first, second = w.sink(), w.sink()
    first.on('MAIL', '451 4.3.2 not now')
    gw = w.gateway(lines=['SMARTHOST ' + first.where, 'SMARTHOST ' + second.where])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    post(p, 'c@elsewhere.test')
    row = deferred(gw)
    assert '451 4.3.2 not now' in row['reason'], row
    post(p, 'd@elsewhere.test')
    assert second.take().rcpts == ['d@elsewhere.test']
    gw.cli('queue', 'retry', row['id'])
    assert second.take().rcpts == ['c@elsewhere.test']
    assert first.sessions == 1


def case_starttls(w):
    """TLS where offered; SMARTHOST TLS=REQUIRED refuses a server without it."""
    cert, key = w.tls()
    sink = w.sink(tls=smtpsink.server_tls(cert, key))
    gw = w.gateway(lines=['DESTINATION example.org ' + sink.where, 'TLSCERT ' + cert, 'TLSKEY ' + key])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    post(p, 'steve@example.org')
    assert sink.take().tls
    plain = w.sink()
    gw.stop()
    gw.lines.append('SMARTHOST %s TLS=REQUIRED' % plain.where)
    gw.start()
    p.wait_up()
    post(p, 'x@other.test')
    row = gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= 1])[0]
    assert 'TLS' in row['reason'].upper(), row
    assert not plain.messages
    gw.cli('queue', 'delete', row['id'])


def case_one_dead_destination_does_not_block(w):
    """A destination that hangs does not hold up the others."""
    hung = w.sink()
    hold = wd.threading.Event()
    hung.on('MAIL', lambda s, arg: hold.wait(40) and None)
    gw, p, sink = w.pair(['DESTINATION slow.test ' + hung.where])
    post(p, 'x@slow.test')
    hung.until(lambda: hung.sessions)
    for i in range(20):
        post(p, 'n%d@example.org' % i)
    for _ in range(20):
        sink.take()
    hold.set()
    hung.take()
    gw.empty()


def case_dot_stuffing(w):
    """A line of one dot inside a mail is carried as such; nothing ends early."""
    gw, p, sink = w.pair()
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['a', '.', '..', 'MAIL FROM:<evil@x>', '. ', 'end'],
                        to=['steve@example.org'])).wait()
    m = sink.take()
    assert m.mail.get_content().splitlines()[:4] == ['a', '.', '..', 'MAIL FROM:<evil@x>'], m.data
    gw.empty()
    assert not sink.messages


def smarthost(w, words, user='gate', password='p\u00e4ss wort', **more):
    """A gateway that signs on at its smart host; the sink and the gateway with a peer that is up."""
    cert, key = w.tls()
    sink = w.sink(tls=smtpsink.server_tls(cert, key) if more.pop('tls', True) else None)
    path = os.path.join(w.dir, 'secret')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(password + '\n')
    os.chmod(path, 0o600)
    gw = w.gateway(lines=['SMARTHOST %s USER=%s PASSWORDFILE=%s %s' % (sink.where, user, path, words)] +
                   (['TLSCA ' + cert] if more.pop('trusted', True) else []))
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    return gw, p, sink


def deferred(gw):
    return gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= 1])[0]


def case_smarthost_auth(w):
    """The best mechanism that is offered is used, within verified TLS; the journal says what TLS it was."""
    gw, p, sink = smarthost(w, '')
    for offered, used in ((('PLAIN', 'LOGIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'), 'SCRAM-SHA-256'),
                          (('LOGIN', 'SCRAM-SHA-1', 'PLAIN'), 'SCRAM-SHA-1'), (('LOGIN', 'PLAIN'), 'PLAIN'),
                          (('LOGIN',), 'LOGIN')):
        sink.auth = smtpsink.Auth('gate', 'p\u00e4ss wort', *offered)
        sink.one_each = True
        post(p, 'x@other.test')
        assert sink.take().tls and sink.auth.used == [used], sink.auth.used
    gw.empty()
    journal = gw.cli('trace', 'x@other.test')
    assert 'verified' in journal and 'TLSv1.' in journal, journal
    assert 'wort' not in gw.cli('config', 'show') + gw.read_log()


def case_smarthost_password_wrong(w):
    gw, p, sink = smarthost(w, '')
    sink.auth = smtpsink.Auth('gate', 'other', 'SCRAM-SHA-256', 'PLAIN')
    post(p, 'x@other.test')
    row = deferred(gw)
    assert 'cannot sign on' in row['reason'] and '535' in row['reason'], row
    sink.auth = smtpsink.Auth('gate', 'p\u00e4ss wort', 'SCRAM-SHA-256')
    gw.cli('queue', 'retry')
    sink.take()
    gw.empty()


def case_smarthost_unverified(w):
    """A certificate nobody vouches for: no password and no mail, in no mechanism."""
    gw, p, sink = smarthost(w, '', trusted=False)
    sink.auth = smtpsink.Auth('gate', 'p\u00e4ss wort', 'PLAIN')
    post(p, 'x@other.test')
    assert 'is not trusted' in deferred(gw)['reason']
    assert not sink.messages and not [ln for ln in sink.lines if ln.startswith('AUTH')], sink.lines
    gw.cli('queue', 'delete', deferred(gw)['id'])


def case_tls_of_a_destination(w):
    """DESTINATION TLS=: REQUIRED checks the certificate and its name, ENCRYPT does not, NO is in the clear."""
    cert, key = w.tls()
    sink = w.sink(tls=smtpsink.server_tls(cert, key))
    words = ('required', 'encrypt', 'no', 'may')
    gw = w.gateway(lines=['DESTINATION %s.test %s TLS=%s' % (x, sink.where, x) for x in words])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    for x in words[1:]:
        post(p, 'x@%s.test' % x)
        assert sink.take().tls == (x != 'no')
    post(p, 'x@required.test')
    assert 'is not trusted' in deferred(gw)['reason']
    gw.lines.append('TLSCA ' + cert)
    gw.restart()
    gw.cli('queue', 'retry')
    assert sink.take().tls
    gw.empty()


def case_many_recipients_one_message(w):
    """One transaction for all recipients of a host; a host that takes three at a time gets them by threes."""
    gw, p, sink = w.pair()
    all_of_them = ['r%d@example.org' % i for i in range(20)]
    post(p, all_of_them)
    assert sink.take().rcpts == all_of_them
    sink.on('RCPT', lambda session, arg: '452 4.5.3 too many' if len(session.rcpts) == 3 else None)
    post(p, all_of_them[:10])
    got = []
    while len(got) < 10:
        m = sink.take()
        assert len(m.rcpts) <= 3
        got += m.rcpts
    assert sorted(got) == sorted(all_of_them[:10])
    gw.empty()
