"""Reload: each statement is taken, or the log says that it needs a restart."""
import os
import re
import sys
import urllib.error
import urllib.request

import dns
import njepeer
import world as wd

sys.path.append(os.path.join(wd.TOP, 'docs'))
import smtpconfig  # noqa: E402


RULES = '''Field Definition Section
   DefaultFields = 'From' 'To';
Rule Definition Section
   A '@' B => A '@' B;
'''


def reloaded(gw, lines=None):
    """SIGHUP; what the log says until the reload is over."""
    if lines is not None:
        gw.lines = lines
    gw.write()
    begun = len(gw.read_log())
    gw.hup()
    gw.until(lambda: 'event=reload result=' in gw.read_log()[begun:])
    return gw.read_log()[begun:]


def own_statements(w, gw):
    """(a line to add, what the daemon must then list) for njegate's own statements."""
    cert, key = w.tls()
    passwords = os.path.join(gw.dir, 'users')
    with open(passwords, 'w', encoding='utf-8') as f:
        f.write('anna:$6$abc$%s\n' % ('x' * 86))
    os.chmod(passwords, 0o600)
    memo, rules = os.path.join(gw.dir, 'memo'), os.path.join(gw.dir, 'rules')
    for path, text in ((memo, 'You are not registered.\n'), (rules, RULES)):
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
    secured = ['TLSCERT ' + cert, 'TLSKEY ' + key]
    return {
        'LOCAL': (['LOCAL OTHER'], None),
        'LISTENNJE': (['LISTENNJE %s:%d' % (w.address, w.port())], 'LISTENNJE'),
        'LINKDEFINE': (['LINKDEFINE MVSX TYPE TCPNJE NODE MVSX'], 'LINKDEFINE MVSX'),
        'PARM': (['LINKDEFINE MVSX TYPE TCPNJE NODE MVSX', 'PARM MVSX BUFF=4096'], 'PARM MVSX BUFF=4096'),
        'ROUTE': (['LINKDEFINE MVSX TYPE TCPNJE NODE MVSX', 'ROUTE FAR TO MVSX'], 'ROUTE FAR TO MVSX'),
        'NODE': (['NODE MVSX STYLE=PROFS'], 'NODE MVSX STYLE=PROFS'),
        'STYLE': (['STYLE PROFS BOB@MVSA'], 'STYLE PROFS BOB@MVSA'), 'BATCHSMTP': (['BATCHSMTP 192.0.2.1'], 'BATCHSMTP 192.0.2.1'),
        'LOCALUSER': (['LOCALUSER HUGO'], 'LOCALUSER HUGO'),
        'RENAMETYPES': (['RENAMETYPES EXEC'], None), 'MAXHOPS': (['MAXHOPS 7'], 'MAXHOPS 7'),
        'MEMO': (['MEMO ' + memo], 'MEMO ' + memo), 'RULES': (['RULES ' + rules], 'RULES ' + rules),
        'HOSTNAME': (['HOSTNAME newname'], 'HOSTNAME newname'),
        'DOMAINORIGIN': (['DOMAINORIGIN new.example'], 'HOSTNAME gate.new.example'),
        'LISTENSMTP': (['LISTENSMTP %s:%d' % (w.address, w.port())], 'LISTENSMTP'),
        'SUBMISSION': (['SUBMISSION AUTHFILE=' + passwords], 'SUBMISSION AUTHFILE=' + passwords),
        'LIMIT': (['LIMIT ERRORS 7'], 'LIMIT ERRORS 7'), 'TRUST': (['TRUST 192.0.2.0/24'], 'TRUST 192.0.2.0/24'),
        'GREETPAUSE': (['GREETPAUSE 1'], 'GREETPAUSE 1'), 'TARPIT': (['TARPIT 2'], 'TARPIT 2'),
        'HELOCHECK': (['HELOCHECK RESOLVES'], 'HELOCHECK RESOLVES'),
        'SENDTIME': (['SENDTIME DOT=700'], 'SENDTIME DATA=120 BLOCK=180 DOT=700'),
        'LEASTRATE': (['LEASTRATE 700'], 'LEASTRATE 700'), 'SESSIONTIME': (['SESSIONTIME 60'], 'SESSIONTIME 60'),
        'MINFREE': (['MINFREE 4711'], 'MINFREE 4711'), 'SMARTHOST': (['SMARTHOST 192.0.2.7'], 'SMARTHOST 192.0.2.7:25'),
        'DESTINATION': (['DESTINATION x.example 192.0.2.7'], 'DESTINATION x.example 192.0.2.7:25'),
        'TLSPOLICY': (['TLSPOLICY x.example NO'], 'TLSPOLICY x.example NO'),
        'RESOLVER': (['RESOLVER 192.0.2.53'], 'RESOLVER 192.0.2.53:53'),
        'TRUSTANCHOR': (['TRUSTANCHOR ' + memo], 'TRUSTANCHOR ' + memo),
        'DATABASE': (['DATABASE elsewhere/db'], 'DATABASE'), 'SPOOLDIR': (['SPOOLDIR elsewhere'], 'SPOOLDIR'),
        'CONTROL': (['CONTROL elsewhere'], 'CONTROL'), 'USER': (['USER nobody'], 'USER nobody'),
        'TLSCERT': (secured, 'TLSCERT ' + cert), 'TLSKEY': (secured, 'TLSKEY ' + key), 'TLSCA': (['TLSCA ' + cert], 'TLSCA ' + cert),
        'MILTER': (['MILTER %s:9 SMTP' % w.address], 'MILTER'), 'SENDERVERIFIED': (['SENDERVERIFIED'], 'SENDERVERIFIED'),
        'DIMNODE': (['DIMNODE NAMES CLOSED'], 'DIMNODE NAMES CLOSED'),
        'SNADSADDRESS': (['SNADSADDRESS REEF'], 'SNADSADDRESS REEF'), 'CODEPAGE': (['CODEPAGE 273'], 'CODEPAGE 273'),
        'NOTESTYLE': (['NOTESTYLE SEED'], 'NOTESTYLE SEED'), 'DRAINTIME': (['DRAINTIME 3'], 'DRAINTIME 3'),
        'INLINEBODY': (['INLINEBODY 1024'], 'INLINEBODY 1024'), 'JOURNALAGE': (['JOURNALAGE 9'], 'JOURNALAGE 9'),
        'JOURNALSIZE': (['JOURNALSIZE 9'], 'JOURNALSIZE 9'), 'NOTIFY': (['NOTIFY ARRIVED'], 'NOTIFY ARRIVED'),
        'METRICS': (['METRICS %s:%d' % (w.address, w.port())], 'METRICS'), 'LOGFORMAT': (['LOGFORMAT IBM'], 'LOGFORMAT IBM'),
    }


def plain(row):
    """An example of a statement that is there or not, or is a number."""
    words = re.fullmatch(r'([A-Z0-9]+)(\|[A-Z0-9]+)+', row['form'])
    if words:
        return ['%s %s' % (row['statement'], words.group(1))], None
    number = re.search(r'From (\d+) to \d+, default (\d+)\.', row['what'])
    assert number or not row['form'], 'no example of ' + row['statement']
    line = row['statement']
    if number:
        line += ' %d' % (int(number.group(1)) + (int(number.group(1)) + 1 == int(number.group(2))) + 1)
    return [line], line


def case_reload_every_statement(w):
    """One after the other through the whole table, in a daemon that runs all the while."""
    gw = w.gateway(lines=['LOCALUSER TCPMAINT', 'LOCALUSER XMAILER'])
    base = list(gw.lines)
    samples = {n: (ex.split('\n'), shown) for n, ex, _, fate, shown in smtpconfig.STATEMENTS}
    samples.update({
        'NJENODENAME': (['NJENODENAME OTHER'], None),
        'LISTENONADDRESS': (['LISTENONADDRESS %s' % w.address, 'PORT %d' % w.port()], 'LISTENSMTP %s' % w.address),
        'NOLOG': (['NOLOG', 'DEBUG'], 'NOLOG'),  # else the word that it was reloaded would be missing
        'PORT': (['PORT %d' % w.port()], 'LISTENSMTP 0.0.0.0:'),
        'MAILER': (['MAILER XMAILER PUNCH LOCAL RSCS'], 'MAILER XMAILER@GATE PUNCH LOCAL RSCS')})
    samples.update(own_statements(w, gw))
    gw.start()
    for row in gw.json('config', 'statements'):
        name = row['statement']
        if row['what'].startswith('Refused'):
            continue
        lines, shown = samples.get(name) or plain(row)
        replaced = {ln.split()[0] for ln in lines} & {
            'LOCAL', 'HOSTNAME', 'DOMAINORIGIN', 'RESOLVER', 'DATABASE', 'CONTROL', 'DRAINTIME', 'RSCSDOMAIN'}
        said = reloaded(gw, [ln for ln in base if ln.split()[0] not in replaced] + lines)
        told = re.findall(r'event=reload statement=(\w+) text="was changed: that needs a restart"', said)
        if name in ('LOCAL', 'NJENODENAME'):
            assert 'a restart is needed' in said and 'result=failed' in said and row['change'] == 'restart', said
            continue
        assert 'result=done' in said, (name, said)
        moved = ['SPOOLDIR'] if name == 'DATABASE' else []  # it lies beside it unless coded
        assert told == ([name] + moved if row['change'] == 'restart' else []), (name, told)
        assert row['change'] == 'reload' or 'needs a restart' in row['what'], row
        if shown is not None:
            values = re.findall(r'event=config value="?(.*?)"?$', said, re.M)
            assert any(v.upper().startswith(shown.upper()) for v in values), (name, shown, values)
    said = reloaded(gw, base)
    assert 'result=done' in said and 'restart' not in said, said
    gw.mail('tcpmaint@' + gw.fqdn)


case_reload_every_statement.limit = 180


def scraped(at):
    with urllib.request.urlopen('http://%s:%d/metrics' % at, timeout=wd.LIMIT) as r:
        return r.read().decode()


def closed(act, *words):
    try:
        act(*words)
    except (OSError, urllib.error.URLError):
        return True
    return False


def case_reload_ports(w):
    """METRICS, LISTENSMTP and LISTENNJE are opened, closed and changed; links and sessions stay."""
    gw, p, _ = w.pair()
    base = list(gw.lines)
    web, smtp, nje = (w.address, w.port()), (w.address, w.port()), (w.address, w.port())
    session = wd.Raw(gw.smtp)
    session.hello()
    reloaded(gw, base + ['METRICS %s:%d' % web, 'LISTENSMTP %s:%d' % smtp, 'LISTENNJE %s:%d' % nje,
                         'LINKDEFINE MVSB TYPE TCPNJE NODE MVSB'])
    assert 'njegate_up' in scraped(web) or 'njegate_' in scraped(web)
    c = wd.Raw(smtp)
    c.hello()
    q = njepeer.Peer('MVSB', 'GATE', connect=nje)
    w.peers.append(q)
    q.start().wait_up()
    cert, key = w.tls()
    reloaded(gw, base + ['LISTENSMTP %s:%d STARTTLS=REQUIRED' % smtp, 'TLSCERT ' + cert, 'TLSKEY ' + key,
                         'LINKDEFINE MVSB TYPE TCPNJE NODE MVSB'])
    assert closed(scraped, web) and closed(wd.Raw, nje)
    c.ask('MAIL FROM:<a@example.org>', 250)  # he came when it was not so
    d = wd.Raw(smtp)
    d.hello()
    d.ask('MAIL FROM:<a@example.org>', 530)
    taken = wd.socket.create_server((w.address, w.port()))
    said = reloaded(gw, base + ['METRICS %s:%d' % taken.getsockname(), 'LOCALUSER HUGO'])
    assert 'METRICS' in said and 'Address already in use' in said and 'result=done' in said, said
    session.ask('MAIL FROM:<a@example.org>', 250)
    session.ask('RCPT TO:<hugo@%s>' % gw.fqdn, 250)
    for one in (c, d, session):
        one.close()
    taken.close()
    assert p.sessions == 1 and q.sessions == 1, 'links stay'


def case_reload_journal(w):
    """JOURNALAGE 0 drops the journal and keeps none; a day later (as it were) there is one again. INLINEBODY."""
    gw, p, _ = w.pair()
    base = list(gw.lines)

    def one():
        ident = gw.mail('bob%mvsa@' + gw.fqdn, body='A line of it.\r\n' * 100)
        p.take_file()
        gw.empty()
        return ident
    first = one()
    gw.cli('trace', first)
    reloaded(gw, base + ['JOURNALAGE 0', 'INLINEBODY 512'])
    gw.until(lambda: 'no message' in gw_trace(gw, first), what='the journal to go')
    gw.cli('link', 'stop', 'MVSA')
    second = gw.mail('bob%mvsa@' + gw.fqdn, body='A line of it.\r\n' * 100)
    assert 'no message' in gw_trace(gw, second)
    assert os.listdir(os.path.join(gw.dir, 'body')), 'larger than INLINEBODY now'
    gw.cli('link', 'start', 'MVSA')
    p.take_file()
    gw.empty()
    reloaded(gw, base)
    assert 'delivered' in gw.cli('trace', one())


def gw_trace(gw, ident):
    r = wd.subprocess.run([wd.program('njegate'), '-c', gw.conf, 'trace', ident], capture_output=True, text=True,
                          env=gw.env, timeout=wd.LIMIT)
    return 'no message' if r.returncode == 1 else r.stdout


def case_reload_resolver(w):
    """RESOLVER: what is looked up from then on is asked of the new one."""
    gw, p, sink = w.pair(['LOCALUSER HUGO'])
    other = dns.Dns({}, (w.address, w.port()))
    w.others.append(other.stop)
    host, port = sink.where.rsplit(':', 1)
    other.table['relay.example'] = {'A': [w.address]}
    lines = [ln for ln in gw.lines if not ln.startswith('RESOLVER')] + [
        'RESOLVER %s:%d' % other.address, 'DESTINATION via.example relay.example:' + port]
    reloaded(gw, lines)
    gw.cli('note', 'x@via.example', '--from', 'HUGO', stdin='Hello\n')
    sink.take()


def case_reload_zone(w):
    """TIMEZONE taken out again: the zone is the one the daemon was started with."""
    gw = w.gateway(lines=['LOCALUSER HUGO'], env={'TZ': 'UTC'}).start()
    base = list(gw.lines)

    def noted():
        gw.mail('hugo@' + gw.fqdn, headers=[('Date', 'Wed, 08 Feb 1995 15:49:33 -0500')])
        rows = gw.until(lambda: gw.json('reader', 'list'))
        number = str(max(int(r['id']) for r in rows))
        text = gw.cli('reader', 'show', number)
        gw.cli('reader', 'purge', number)
        return text
    reloaded(gw, base + ['TIMEZONE XYZ5'])
    text = noted()
    assert '15:49:33 XYZ' in text, text
    reloaded(gw, base)
    text = noted()
    assert '15:49:33 EST' in text, text
