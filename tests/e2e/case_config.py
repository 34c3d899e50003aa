"""The configuration: every statement of IBM's SMTP CONFIG file, its page, many mistakes at once."""
import os
import subprocess
import sys

import world as wd

sys.path.append(os.path.join(wd.TOP, 'docs'))
import smtpconfig  # noqa: E402


def check(w, gw, name, example, fate, shown):
    with open(os.path.join(gw.dir, 'smtp.config'), 'w', encoding='utf-8') as f:
        f.write('; of IBM\n' + example.lower().replace('endres', 'EndRes') + '   ; a comment\n')
    said = gw.cli('config', 'check', both=True)
    if fate == smtpconfig.WARNED:
        assert 'smtp.config:2: warning: %s has no effect: ' % name in said, (name, said)
    else:
        assert 'smtp.config' not in said, (name, said)
    if shown is not None:
        lines = gw.cli('config', 'show').upper().splitlines()
        assert any(ln.startswith(shown.upper()) for ln in lines), (name, shown, lines)


def case_every_ibm_statement(w):
    """Each statement of the SMTP CONFIG file alone, in an included file: taken, and what becomes of it is shown."""
    gw = w.gateway(base=False, lines=['LOCAL VM1', 'HOSTNAME gw.example.com', 'LOCALUSER TCPMAINT',
                                      'LOCALUSER XMAILER', 'INCLUDE smtp.config'])
    gw.write()
    assert len(smtpconfig.STATEMENTS) >= 68
    for name, example, _, fate, shown in smtpconfig.STATEMENTS:
        check(w, gw, name, example, fate, shown)


case_every_ibm_statement.limit = 180


def case_all_ibm_statements_at_once(w):
    """They stand together in one file that a gateway runs with; the values are listed at the start."""
    sink = w.sink()
    own = [ex for n, ex, _, _, _ in smtpconfig.STATEMENTS if n not in (
        'LISTENONADDRESS', 'NJENODENAME', 'PORT', 'RESOLVERUSAGE', 'SECURE', 'IPMAILERADDRESS', 'IPMAILERNAME', 'NOLOG',
        'MAILER', 'NJEDOMAIN', 'RSCSDOMAIN')]
    gw = w.gateway(lines=['LOCALUSER TCPMAINT', 'LOCALUSER XMAILER', 'SMARTHOST ' + sink.where, 'INCLUDE smtp.config'])
    with open(os.path.join(gw.dir, 'smtp.config'), 'w', encoding='utf-8') as f:
        f.write('\n'.join(own) + '\n')
    gw.start()
    gw.until(lambda: 'event=config value="RETRYAGE 3"' in gw.read_log())
    ident = gw.mail('tcpmaint@' + gw.fqdn)
    gw.until(lambda: gw.json('reader', 'list'))
    assert ident in gw.cli('trace', ident)


def case_statement_page(w):
    """docs/SMTP-CONFIG.md is what docs/smtpconfig.py makes of the program's table."""
    out = subprocess.run([sys.executable, os.path.join(wd.TOP, 'docs', 'smtpconfig.py'), wd.program('njegate')],
                         capture_output=True, text=True, check=True).stdout
    with open(os.path.join(wd.TOP, 'docs', 'SMTP-CONFIG.md'), encoding='utf-8') as f:
        assert f.read() == out, 'run docs/smtpconfig.py build/njegate > docs/SMTP-CONFIG.md'


def case_manual_page_statements(w):
    """njegate.conf(5) is what docs/man/mkconf.py makes of the table."""
    out = subprocess.run([sys.executable, os.path.join(wd.TOP, 'docs', 'man', 'mkconf.py'), wd.program('njegate')],
                         capture_output=True, text=True, check=True).stdout
    with open(os.path.join(wd.TOP, 'docs', 'man', 'njegate.conf.5'), encoding='utf-8') as f:
        assert f.read() == out, 'run docs/man/mkconf.py build/njegate > docs/man/njegate.conf.5'


def case_twenty_mistakes(w):
    """A file with twenty mistakes reports twenty, each with its line or its statement."""
    wrong = ['LISTENSTMP 25', 'LISTENSMTP here:there', 'MAXHOPS 900', 'DRAINTIME soon', 'NOTESTYLE FANCY', 'RSCSFORMAT TAPE',
             'LINKDEFINE VM2 TYPE SNA NODE VM2', 'LINKDEFINE VM3 TYPE TCPNJE', 'PARM VM4 HOST=vm4.example',
             'PARM VM2 BUFF=9', 'ROUTE VM9 TO NOWHERE', 'ROUTE VM9 VIA VM2', 'NODE VM5 STYLE=ART', 'LOCALUSER SMTP',
             'LOCALUSER A MBOX=nobody', 'CODEPAGE 4711', 'TLSCERT a.pem', 'NOTIFY SOMETIMES', 'DIMNODE X MAYBE',
             'INCLUDE not/there']
    gw = w.gateway()
    first = len(gw.lines) + 1
    gw.lines += wrong
    gw.write()
    said = gw.cli('config', 'check', status=1).splitlines()
    errors = [ln for ln in said if ': warning: ' not in ln]
    assert len(errors) == len(wrong) == 20, '\n'.join(said)
    for i, line in enumerate(wrong):
        words = line.split()
        assert any(':%d: ' % (first + i) in e or (words[0] in e and words[1] in e) or
                   (words[0] in ('ROUTE', 'TLSCERT') and words[0] in e) for e in errors), (line, said)
    r = wd.run([wd.program('njegated'), '-c', gw.conf, '-t'], status=1)
    assert len([ln for ln in r.splitlines() if ': warning: ' not in ln]) == 20, r


def case_disallowcmd(w):
    """DISALLOWCMD 12: HELP and VRFY are not taken, and HELP is not offered."""
    gw = w.gateway(lines=['DISALLOWCMD 12']).start()
    c = wd.Raw(gw.smtp)
    assert 'HELP' not in c.hello()
    c.ask('HELP', 502)
    c.ask('VRFY x', 502)
    c.ask('NOOP', 250)
    c.close()


def case_source_routes(w):
    gw = w.gateway(lines=['LOCALUSER HUGO', 'SOURCEROUTES YES']).start()
    c = wd.Raw(gw.smtp)
    c.hello()
    c.ask('MAIL FROM:<a@example.org>', 250)
    c.ask('RCPT TO:<@relay.example.org:hugo@%s>' % gw.fqdn, 250)
    c.close()


def case_tls_required(w):
    """TLS REQUIRED: no mail before STARTTLS; NEVER: it is not offered."""
    cert, key = w.tls()
    gw = w.gateway(lines=['LOCALUSER HUGO', 'TLSCERT ' + cert, 'TLSKEY ' + key, 'TLS REQUIRED']).start()
    c = wd.Raw(gw.smtp)
    assert 'STARTTLS' in c.hello()
    assert '5.7.0' in c.ask('MAIL FROM:<a@example.org>', 530)
    c.close()
    gw.stop()
    gw.lines[-1] = 'TLS NEVER'
    gw.start()
    c = wd.Raw(gw.smtp)
    assert 'STARTTLS' not in c.hello()
    c.close()


def case_resolver_off(w):
    """RESOLVERUSAGE NO without a way: mail for the Internet comes back and says why; no name server is asked."""
    gw, p, sink = w.pair(['RESOLVERUSAGE NO', 'LOCALUSER HUGO'])
    gw.cli('note', 'x@nowhere.example', '--from', 'HUGO', stdin='Hello\n')
    gw.until(lambda: [r for r in gw.json('reader', 'list') if r['user'] == 'HUGO'])
    assert 'RESOLVERUSAGE NO' in gw.cli('reader', 'show', '1')
    gw.cli('note', 'x@example.org', '--from', 'HUGO', stdin='Hello\n')
    sink.take()


def case_mailer(w):
    """MAILER with RSCS: mail for every node goes to the mailer machine as a batch."""
    gw, p, _ = w.pair(['MAILER XMAILER@MVSA PUNCH RSCS'])
    gw.lines += ['ROUTE VMX TO MVSA']
    gw.write()
    gw.hup()
    gw.until(lambda: 'event=reload result=done' in gw.read_log())
    gw.mail('ann%vmx@' + gw.fqdn)
    f = p.take_file()
    text = '\n'.join(f.lines())
    assert 'RCPT TO:<ANN@VMX>' in text.upper() and 'HELO' in text, text


def case_user_codepage(w):
    """LOCALUSER CODEPAGE: his note is written, and read again, in his terminal's page."""
    gw = w.gateway(lines=['LOCALUSER HANS CODEPAGE=273', 'LOCALUSER BOB']).start()
    for user in ('hans', 'bob'):
        gw.mail('%s@%s' % (user, gw.fqdn), body='a [b] @ \u00e4\r\n', headers=[
            ('MIME-Version', '1.0'), ('Content-Type', 'text/plain; charset=utf-8'), ('Content-Transfer-Encoding', '8bit')])
    rows = gw.until(lambda: len(gw.json('reader', 'list')) == 2 and gw.json('reader', 'list'))
    for row in rows:
        assert 'a [b] @ \u00e4' in gw.cli('reader', 'show', str(row['id'])), row
    gw.stop()
    with open(os.path.join(gw.dir, 'njegate.conf'), encoding='utf-8') as f:
        plain = f.read().replace(' CODEPAGE=273', '')
    with open(os.path.join(gw.dir, 'njegate.conf'), 'w', encoding='utf-8') as f:
        f.write(plain)
    number = [r['id'] for r in rows if r['user'] == 'HANS'][0]
    assert '[b]' not in gw.cli('reader', 'show', str(number)), 'the file is not in the page of the node'


def case_quiet_log(w):
    """NOLOG: only warnings and errors; a reload takes it back."""
    gw = w.gateway(lines=['LOCALUSER HUGO', 'NOLOG']).start()
    gw.mail('hugo@' + gw.fqdn)
    assert ' info ' not in gw.read_log(), gw.read_log()
    gw.lines.remove('NOLOG')
    gw.write()
    gw.hup()
    gw.until(lambda: 'event=reload' in gw.read_log())
