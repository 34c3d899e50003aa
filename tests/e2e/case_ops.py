"""Operation: queue, trace, reload, checks, metrics, backup, log."""
import json
import os
import signal
import urllib.request

import njefile
import world as wd


def case_queue_verbs(w):
    gw, p, _ = w.pair()
    gw.cli('link', 'stop', 'MVSA')
    for i in range(3):
        gw.mail('bob%mvsa@' + gw.fqdn, subject='n%d' % i)
    rows = gw.until(lambda: len(gw.json('queue', 'list')) == 3 and gw.json('queue', 'list'))
    ids = sorted(r['id'] for r in rows)
    keys = {'id', 'state', 'from_net', 'from', 'to', 'destination', 'size', 'queued', 'next', 'tries', 'reason'}
    assert keys <= set(rows[0]), rows[0]
    gw.cli('queue', 'delete', ids[0])
    gw.cli('queue', 'hold', ids[1])
    show = gw.cli('queue', 'show', ids[1])
    assert 'steve@example.org' in show, show
    held = [r for r in gw.json('queue', 'list') if r['id'] == ids[1]][0]
    assert held['state'].startswith('held'), held
    gw.cli('link', 'start', 'MVSA')
    assert 'Subject: n2' in p.take_file().lines()
    gw.until(lambda: len(gw.json('queue', 'list')) == 1)
    gw.cli('queue', 'release', ids[1])
    p.take_file()
    gw.empty()
    gw.cli('queue', 'show', '99999999', status=1)
    gw.cli('queue', 'hold', 'notanumber', status=1)


def case_trace(w):
    gw, p, _ = w.pair()
    ident = gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    gw.empty()
    events = gw.json('trace', ident)
    assert len(events) >= 2 and {'id', 'time', 'event', 'text'} <= set(events[0]), events
    assert 'steve@example.org' in gw.cli('trace', 'steve@example.org')
    gw.stop()
    assert ident in gw.cli('trace', ident)
    gw.start()


def case_status(w):
    gw, p, _ = w.pair()
    assert 'MVSA' in gw.cli('status')
    assert isinstance(gw.json('status'), dict)
    link = gw.json('link', 'list')[0]
    assert {'link', 'node', 'state', 'since', 'streams', 'files_in', 'files_out', 'bytes_in', 'bytes_out',
            'reason'} <= set(link), link


def case_resolve(w):
    gw, p, _ = w.pair()
    gw.cli('nick', 'add', 'STEVE', 'steve@example.org')
    for address in ('bob%mvsa@' + gw.fqdn, 'STEVE@GATE', 'x@example.org', 'bob@mvsa'):
        assert gw.cli('resolve', address).strip(), address
    assert 'steve@example.org' in gw.cli('resolve', 'STEVE@GATE')


def case_reload(w):
    """SIGHUP: a good file takes effect; a bad one is refused, named, and the old one stays."""
    gw, p, _ = w.pair()
    good = list(gw.lines)
    gw.lines.append('LOCALUSER NEWUSER')
    gw.write()
    gw.hup()
    gw.until(lambda: accepts(gw, 'newuser@' + gw.fqdn))
    assert p.sessions == 1, 'the link survives a reload'
    gw.lines = good + ['FROBNICATE YES']
    gw.write()
    gw.hup()
    gw.until(lambda: 'FROBNICATE' in gw.read_log())
    assert accepts(gw, 'newuser@' + gw.fqdn) and p.sessions == 1


def accepts(gw, to):
    with gw.client() as c:
        c.ehlo()
        c.mail('a@example.org')
        return c.rcpt(to)[0] == 250


def case_config_check(w):
    gw = w.gateway()
    gw.write()
    gw.cli('config', 'check')
    assert 'LOCAL' in gw.cli('config', 'show').upper()
    gw.lines += ['LISTENSTMP 25', 'DRAINTIME banana', 'LINKDEFINE X TYPE SNA NODE Y']
    gw.write()
    out = gw.cli('config', 'check', status=1)
    n = len(gw.lines)
    for line, words in ((n - 2, 'LISTENSMTP'), (n - 1, 'banana'), (n, 'TCPNJE')):
        assert any(':%d:' % line in ln and words in ln for ln in out.splitlines()), out
    r = wd.run([wd.program('njegated'), '-c', gw.conf, '-t'], status=None)
    assert 'LISTENSTMP' in r


def case_usage(w):
    gw = w.gateway()
    gw.write()
    gw.cli('frob', status=2)
    gw.cli('queue', 'list', '--no-such-option', status=2)
    gw.cli('link', 'start', 'X', status=3)


def case_metrics(w):
    port = w.port()
    gw, p, _ = w.pair(['METRICS %s:%d' % (w.address, port)])
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    with urllib.request.urlopen('http://%s:%d/metrics' % (w.address, port), timeout=20) as r:
        text = r.read().decode()
    assert 'njegate_' in text and '# TYPE' in text, text[:500]
    with urllib.request.urlopen('http://%s:%d/' % (w.address, port), timeout=20) as r:
        assert b'MVSA' in r.read()


def case_backup(w):
    gw, p, _ = w.pair()
    gw.cli('nick', 'add', 'STEVE', 'steve@example.org')
    path = os.path.join(gw.dir, 'copy.db')
    gw.cli('backup', path)
    assert os.path.getsize(path) > 4096
    gw.stop()
    os.replace(path, os.path.join(gw.dir, 'db'))
    for tail in ('-wal', '-shm'):
        if os.path.exists(os.path.join(gw.dir, 'db' + tail)):
            os.unlink(os.path.join(gw.dir, 'db' + tail))
    gw.start()
    assert gw.json('nick', 'list')[0]['nick'] == 'STEVE'


def case_tables(w):
    gw, p, _ = w.pair()
    gw.cli('nick', 'add', 'STEVE', 'steve@example.org', '--name', 'A & B <c>')
    gw.cli('secure', 'add', 'BOB', 'MVSA', 'BOBBY', 'Y', 'N')
    gw.cli('restrict', 'add', 'PURGE', 'EVIL@MVSA')
    path = os.path.join(gw.dir, 'tables.xml')
    gw.cli('table', 'export', path)
    gw.cli('nick', 'delete', 'STEVE')
    gw.cli('table', 'import', path, '--replace')
    assert gw.json('nick', 'show', 'STEVE')['name'] == 'A & B <c>'
    assert gw.json('secure', 'list')[0]['nick'] == 'BOBBY'
    assert gw.json('restrict', 'list')[0]['user'] == 'EVIL'
    with open(path, 'a', encoding='utf-8') as f:
        f.write('<junk>')
    gw.cli('table', 'import', path, status=1)


def case_ibm_log(w):
    gw, p, sink = w.pair(['LOGFORMAT IBM'])
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', ['HELO MVSA', 'MAIL FROM:<BOB@MVSA>',
                                                         'RCPT TO:<steve@example.org>', 'DATA', 'Subject: x', '', 'x',
                                                         '.'])).wait()
    sink.take()
    gw.empty()
    log = gw.read_log()
    assert 'EZA5475I' in log and 'EZA5474I' in log and 'EZA5476I' in log, log


def case_shutdown(w):
    gw, p, _ = w.pair()
    gw.cli('shutdown')
    assert gw.process.wait(30) == 0
    p.wait_down()
    assert 'signed off' in p.why


def case_second_sigterm(w):
    """A transfer that never ends does not keep us: drain time, or a second SIGTERM."""
    gw, p, _ = w.pair()
    gw.lines = [ln if not ln.startswith('DRAINTIME') else 'DRAINTIME 100' for ln in gw.lines]
    gw.restart()
    p.until(lambda: p.sessions == 2 and p.up)
    p.hold_complete = True
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    gw.process.send_signal(signal.SIGTERM)
    gw.until(lambda: refuses(gw))
    assert gw.process.poll() is None
    gw.process.send_signal(signal.SIGTERM)
    gw.process.wait(20)


def refuses(gw):
    try:
        return wd.Raw(gw.smtp).reply()[0] in (0, 421)
    except OSError:
        return True


def case_seed_config(w):
    """The SMTP CONFIG statements of IBM's manuals are accepted in an included file."""
    gw, p, _ = w.pair()
    path = os.path.join(gw.dir, 'smtp.config')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('GATEWAY                ; accept mail from and deliver mail to RSCS host\n'
                'RSCSDOMAIN RSCSNET     ; pseudo domain name of associated RSCS network\n'
                'LOCALFORMAT NETDATA    ; local recipients receive mail in Netdata format\n'
                'RSCSFORMAT NETDATA     ; RSCS recipients receive mail in Netdata format\n'
                'REWRITE822HEADER NO    ; no rewriting\n'
                'MAILFILEVOLUME VOL001\nSPOOLPOLLINTERVAL 30\nTEMPERRORRETRIES 0\nDISALLOWCMD 8\n')
    gw.lines.append('INCLUDE smtp.config')
    gw.restart()
    out = gw.cli('config', 'check', both=True)
    assert 'MAILFILEVOLUME' in out, 'a warning says why it means nothing here: %r' % out
    assert json.loads(gw.cli('--json', 'config', 'show'))


def case_held_files(w):
    """A file held: released, deleted, or sent on to somebody else, here or at another node."""
    gw = w.gateway(lines=['LOCALUSER OPER'])
    a, b = w.peer('MVSA'), w.peer('MVSB')
    gw.link('MVSA', a.listen_at).link('MVSB', b.listen_at).start()
    gw.links_up()
    gw.cli('link', 'stop', 'MVSB')
    sent = {}
    for name in ('GOES', 'DIES', 'MOVES', 'STAYS'):
        a.send(njefile.punch('BOB', 'MVSA', 'CAROL', 'MVSB', ['the file ' + name], fn=name)).wait()
        new = gw.until(lambda: [r['id'] for r in gw.json('queue', 'list') if r['id'] not in sent.values()])
        sent[name] = new[0]
        gw.cli('queue', 'hold', sent[name])
    gw.cli('link', 'start', 'MVSB')
    gw.cli('queue', 'reroute', sent['MOVES'], 'DAVE@MVSA')
    f = a.take_file()
    assert f.dest == ('DAVE', 'MVSA') and f.origin == ('BOB', 'MVSA') and f.lines() == ['the file MOVES'], f.summary()
    gw.cli('queue', 'reroute', sent['STAYS'], 'OPER@GATE')
    rows = gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    assert 'the file STAYS' in gw.cli('reader', 'show', str(rows[0]['id']))
    assert 'not known' in gw.cli('queue', 'reroute', sent['GOES'], 'DAVE@NOWHERE', status=1)
    gw.cli('queue', 'reroute', sent['GOES'], 'no such form', status=1)
    gw.cli('queue', 'reroute', '99999999', 'DAVE@MVSA', status=1)
    gw.cli('queue', 'delete', sent['DIES'])
    gw.cli('queue', 'release', sent['GOES'])
    assert b.take_file().lines() == ['the file GOES']
    gw.empty()
    assert not a.files and not b.files
    assert 'rerouted' in gw.cli('trace', sent['MOVES'])
