"""Who an SMTP client is: its name by the DNS, what it calls itself; in Received, to filters, and what is refused."""
import milterd as md
import world as wd

CLIENT = '11.22.33.44'
REVERSE = '44.33.22.11.in-addr.arpa'


def knock(w, door, client=CLIENT):
    """A connection from that address: by a balancer's header, for ours is loopback."""
    r = wd.Raw(door)
    family = 'TCP6' if ':' in client else 'TCP4'
    r.send('PROXY %s %s %s 40000 25\r\n' % (family, client, '2001:db8::25' if ':' in client else '11.22.33.1'))
    return r


def gateway(w, lines=(), **names):
    w.table.update(names)
    door = (w.address, w.port())
    gw, p, _ = w.pair(['LISTENSMTP %s:%d PROXY' % door, 'NODE MVSA STYLE=RFC822', *lines])
    return gw, p, door


def received(p, r, gw, helo='mx.sender.test'):
    """The part of our Received field about the client, of a mail sent over r."""
    r.expect(220)
    r.ask('EHLO ' + helo, 250)
    r.ask('MAIL FROM:<steve@example.org>', 250)
    r.ask('RCPT TO:<bob%%mvsa@%s>' % gw.fqdn, 250)
    r.ask('DATA', 354)
    r.send('Subject: x\r\n\r\nx\r\n.\r\n')
    r.expect(250)
    r.close()
    text = ' '.join(p.take_file().text().split())
    return text[text.index('Received: from'):].split(' by ')[0]


def case_names_in_received(w):
    """PTR verified forward; none, one that leads elsewhere, IPv6; what the log of the field says of each."""
    six = '2001:db8:0:1::7'
    nibbles = '.'.join(reversed('20010db8000000010000000000000007')) + '.ip6.arpa'
    gw, p, door = gateway(w)
    w.table.update({REVERSE: {'PTR': ['wrong.sender.test', 'mx.sender.test']},
                    'mx.sender.test': {'A': ['11.22.33.5', CLIENT]}, 'wrong.sender.test': {'A': ['11.22.33.5']},
                    '45.33.22.11.in-addr.arpa': {'PTR': ['mx.sender.test']},
                    nibbles: {'PTR': ['six.sender.test']}, 'six.sender.test': {'AAAA': [six]}})
    for client, want in ((CLIENT, '(mx.sender.test [%s])' % CLIENT), ('11.22.33.45', '(unknown [11.22.33.45])'),
                         ('11.22.33.46', '(unknown [11.22.33.46])'), (six, '(six.sender.test [IPv6:%s])' % six)):
        got = received(p, knock(w, door, client), gw)
        assert got == 'Received: from mx.sender.test ' + want, got
    names = ['n%d.sender.test' % n for n in range(12)]
    w.table['47.33.22.11.in-addr.arpa'] = {'PTR': names}
    assert '(unknown [' in received(p, knock(w, door, '11.22.33.47'), gw)
    assert len([a for a in w.resolver().asked if a[0] in names]) == 5  # a client with many names costs a few look-ups
    r = wd.Raw(gw.smtp)  # a trusted loopback client is asked nobody about
    assert '(localhost [127.0.0.1])' in received(p, r, gw)


def case_silent_name_servers(w):
    """The greeting comes although no name server answers, and the client is unknown."""
    gw, p, door = gateway(w, ['CLIENTLOOKUP 1'])
    w.table[REVERSE] = 'SILENT'
    r = knock(w, door)
    r.expect(220)
    asked = list(w.resolver().asked)
    gw.until(lambda: w.resolver().asked[len(asked):])  # the greeting did not wait for the last try
    r.close()
    assert received(p, knock(w, door), gw).endswith('(unknown [%s])' % CLIENT)
    assert (REVERSE, 'SILENT') in w.resolver().asked
    gw.lines = [ln if not ln.startswith('CLIENTLOOKUP') else 'CLIENTLOOKUP 0' for ln in gw.lines]
    gw.write()
    gw.hup()
    gw.until(lambda: 'result=done' in gw.read_log())
    del w.resolver().asked[:]
    assert received(p, knock(w, door), gw).endswith('([%s])' % CLIENT)
    assert not [a for a in w.resolver().asked if a[0] == REVERSE]


def case_early_while_looking_up(w):
    """Who speaks while his name is looked up speaks before the greeting."""
    gw, _, door = gateway(w, ['CLIENTLOOKUP 2'])
    w.table[REVERSE] = 'SILENT'
    r = knock(w, door)
    gw.until(lambda: (REVERSE, 'SILENT') in w.resolver().asked)
    r.send('EHLO spammer\r\n')
    r.expect(554)
    r.close()


def case_helo_checks(w):
    """HELOCHECK: what is no name, our own name and address are refused; a name that does not exist when it is said so."""
    gw, _, door = gateway(w)
    bad = [('bad..name', 501), ('[11.22.33]', 501), (gw.fqdn, 550), (gw.fqdn.upper() + '.', 550), ('[11.22.33.1]', 550)]
    good = ['nowhere.test', '[%s]' % CLIENT, 'localhost', 'under_score.test', '[IPv6:2001:db8::9]']
    r = knock(w, door)
    r.expect(220)
    for name, code in bad:
        r.ask('EHLO ' + name, code)
    r.ask('MAIL FROM:<a@b.test>', 503)
    for name in good:
        r.ask('HELO ' + name, 250)
    r.close()
    trusted = wd.Raw(gw.smtp)
    trusted.expect(220)
    trusted.ask('EHLO ' + gw.fqdn, 250)
    trusted.close()
    assert 'HELOCHECK SYNTAX OWNNAME' in gw.cli('config', 'show')
    w.table.update({'host.test': {'A': ['11.22.33.9']}, 'mail.test': {'MX': [(5, 'host.test')]},
                    'six.test': {'AAAA': ['2001:db8::9']}, 'broken.test': 'SERVFAIL'})
    gw.lines.append('HELOCHECK RESOLVES')
    gw.write()
    gw.hup()
    gw.until(lambda: 'result=done' in gw.read_log())
    r = knock(w, door)
    r.expect(220)
    for name, code in (('nowhere.test', 550), ('host.test', 250), ('mail.test', 250), ('six.test', 250),
                       ('broken.test', 451), ('[11.22.33.44]', 250), (gw.fqdn, 550)):
        r.ask('EHLO ' + name, code)
    r.close()


def case_verify_client(w):
    """VERIFYCLIENT YES: Received tells whether the name at HELO leads to the client; mail is taken either way."""
    gw, p, door = gateway(w, ['VERIFYCLIENT YES'])
    w.table.update({'mx.sender.test': {'A': ['11.22.33.5', CLIENT]}, 'other.test': {'A': ['11.22.33.5']},
                    'broken.test': 'SERVFAIL'})
    for helo, want in (('mx.sender.test', '(HELO verified)'), ('[%s]' % CLIENT, '(HELO verified)'),
                       ('other.test', '(HELO not verified: it is another host)'),
                       ('[11.22.33.9]', '(HELO not verified: it is another host)'),
                       ('nowhere.test', '(HELO not verified: no such name)'),
                       ('broken.test', '(HELO not verified: name servers did not answer)')):
        got = received(p, knock(w, door), gw, helo)
        assert got == 'Received: from %s (unknown [%s]) %s' % (helo, CLIENT, want), got


def case_filters_hear_the_name(w):
    """{client_name}, {client_ptr}, {client_resolve}, _ and the name at the connection."""
    f = md.Filter((w.address, w.port()))
    w.others.append(f.stop)
    gw, p, door = gateway(w, ['MILTER %s SMTP' % f.where])
    w.table.update({REVERSE: {'PTR': ['mx.sender.test']}, 'mx.sender.test': {'A': [CLIENT]},
                    '45.33.22.11.in-addr.arpa': {'PTR': ['mx.sender.test']}})
    for client, name, resolve in ((CLIENT, 'mx.sender.test', 'OK'), ('11.22.33.45', '[11.22.33.45]', 'FORGED'),
                                  ('11.22.33.46', '[11.22.33.46]', 'FAIL')):
        received(p, knock(w, door, client), gw)
        m = f.mails[-1]
        macros = m['macros']['C']
        assert m['client'] == name, m['client']
        assert macros['{client_name}'] == name and macros['{client_resolve}'] == resolve, macros
        assert macros['{client_ptr}'] == ('unknown' if resolve == 'FAIL' else 'mx.sender.test'), macros
        assert macros['_'] == (name + ' [%s]' % client if resolve == 'OK' else name), macros
