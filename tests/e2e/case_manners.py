"""Each manner of speaking NJE, and mixtures of them: files and messages both ways, in the clear and within TLS by
OpenSSL's own programs."""
import njefile
import njepeer
import tlsbridge
from njepeer import Manner

UNIX = {'allow': ['pad', 'no-rcb00']}  # what we may do where our partner is no NJElib
NAMES = ('rscs', 'unixnje', 'nje38', 'jes2')


def allowed(name):
    return UNIX if name == 'unixnje' else {}


def exchange(gw, p, kind):
    """A file out, a file in, a message out, a message in; each as it was."""
    lines = ['to %s' % p.node, 'x' * 70, '', 'the end']
    gw.cli('note', 'BOB@' + p.node, '--from', 'OPER', '--subject', kind, stdin='\n'.join(lines) + '\n')
    got = p.take_file()
    assert [ln.rstrip() for ln in got.lines()[-4:]] == lines, (kind, got.lines())
    out = [njefile.punch('BOB', p.node, 'OPER', 'GATE', lines, fn=p.node, ft='PUNCH', form='QUIET'),
           njefile.netdata('BOB', p.node, 'OPER', 'GATE', lines, fn=p.node, ft='NETDATA', form='QUIET')]
    for o in out:
        p.send(o)
    for o in out:
        assert o and gw.until(lambda ft=o.ft: [r for r in gw.json('reader', 'list', 'OPER')
                                               if (r['fn'], r['ft']) == (p.node, ft)]), kind
    for row in [r for r in gw.json('reader', 'list', 'OPER') if r['fn'] == p.node]:
        text = [ln.rstrip() for ln in gw.cli('reader', 'show', str(row['id'])).split('\n')]
        assert text[:4] == lines, (kind, row, text)
    gw.cli('tell', 'BOB@' + p.node, 'hello ' + kind, '--from', 'OPER')
    p.take_message(lambda m: m['text'] == 'hello ' + kind and m['from_user'] == 'OPER')
    p.message('SMTP', 'GATE', 'HELP', 'BOB')
    p.take_message(lambda m: m['to_user'] == 'BOB' and not m['from_user'])
    p.command('GATE', 'CPQ TIME', 'BOB')
    p.take_message(lambda m: m['to_user'] == 'BOB' and 'TIME IS' in m['text'])


def done(gw, peers):
    gw.empty()
    for k in gw.json('link', 'list'):
        assert (k['state'], k['files_out'], k['files_in']) == ('up', 1, 2), k
    assert all(p.sessions == 1 for p in peers), [p.story() for p in peers]


def case_within_tls_they_listen(w):
    """Each manner behind `openssl s_server`, dialled with TLS=VERIFY."""
    cert, key = w.tls()
    gw = w.gateway(lines=['LOCALUSER OPER', 'TLSCA ' + cert])
    peers = [w.peer('MVS%d' % i, manner=m, **allowed(m)) for i, m in enumerate(NAMES)]
    for p in peers:
        gw.link(p.node, tlsbridge.server(w, p.listen_at, cert, key), extra='TLS=VERIFY')
    gw.start()
    for p, m in zip(peers, NAMES):
        p.wait_up()
        exchange(gw, p, m)
    done(gw, peers)


case_within_tls_they_listen.limit = 120


def case_within_tls_they_dial(w):
    """Each manner by `openssl s_client`, which shows a certificate, as TLS=VERIFY demands."""
    cert, key = w.tls()
    port = w.port()
    gw = w.gateway(lines=['LOCALUSER OPER', 'TLSCA ' + cert, 'TLSCERT ' + cert, 'TLSKEY ' + key,
                          'LISTENNJE %s:%d TLS' % (w.address, port)])
    for i in range(len(NAMES)):
        gw.link('MVS%d' % i, extra='TLS=VERIFY')
    gw.start()
    peers = []
    for i, m in enumerate(NAMES):
        at = tlsbridge.client(w, (w.address, port), cert, ('-cert', cert, '-key', key))
        peers.append(w.peer('MVS%d' % i, manner=m, connect=at, **allowed(m)).wait_up())
        exchange(gw, peers[-1], m)
    done(gw, peers)


case_within_tls_they_dial.limit = 120

MIXED = {
    'pads, no compression, no wait for C0': Manner(pad=True, squeeze=False, wait_complete=False),
    'ACK0 repeated, one stream, null blocks': Manner(repeat_ack=0.5, streams=1, quiet_second=True, beat='null',
                                                     ack_after_i=True),
    'no reset first, L record, EOF 00': Manner(reset_first=False, concur=True, event_j=0, eof_srcb=0x00),
    'headers alone, small buffer': Manner(header_alone=True, bufsize=400, close_signon=False),
    'segments of 132, no tag, no RSCS section': Manner(segment=132, tag=False, rscs_section=False, unused=b'\x40'),
    'sections nobody knows, no print fields': Manner(njh_extra=(njefile.raw_sections(0xC7, 1, b'\x01\x02' * 30),),
                                                     print_to_dest=False, jobname='JOB%05d'),
}


def mixed(w, dial):
    gw = w.gateway(lines=['LOCALUSER OPER'])
    peers, allow = [], ['pad', 'no-rcb00']
    if dial:
        peers = [w.peer('MIX%d' % i, manner=m, allow=allow, keepalive=0.5) for i, m in enumerate(MIXED.values())]
    for i in range(len(MIXED)):
        gw.link('MIX%d' % i, peers[i].listen_at if dial else None)
    gw.start()
    if not dial:
        peers = [w.peer('MIX%d' % i, manner=m, allow=allow, keepalive=0.5, connect=gw.nje)
                 for i, m in enumerate(MIXED.values())]
    for p, kind in zip(peers, MIXED):
        p.wait_up()
        exchange(gw, p, kind)
    done(gw, peers)


def case_mixtures_listen(w):
    mixed(w, True)


def case_mixtures_dial(w):
    mixed(w, False)


case_mixtures_listen.limit = case_mixtures_dial.limit = 120


def case_every_manner_is_played(w):
    """The names above are all the peer has."""
    assert set(NAMES) == set(njepeer.MANNERS), njepeer.MANNERS.keys()
