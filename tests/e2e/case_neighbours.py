"""Debian's other mail servers on both sides of us: mail crosses, and a refusal comes back, with TLS both ways."""
import glob
import json
import os
import shutil
import smtplib
import subprocess

import njefile
import neighbours as nb
import world as wd


def between(w, make, tls):
    """A gateway and a neighbour that send to each other; (gateway, peer, where our reports go, what the neighbour hands
    on, neighbour)."""
    cert, key = w.tls()
    inner = w.sink()
    gw, p, sink = w.pair(['TLSCERT ' + cert, 'TLSKEY ' + key, 'NODE MVSA STYLE=RFC822', 'RETRYINT 1'])
    other = make(w, gw.smtp, gw.fqdn, inner.address, (cert, key))
    gw.lines.append('DESTINATION neighbour.test %s TLS=%s' % (other.where, tls))
    gw.write()
    gw.hup()
    gw.until(lambda: 'result=done' in gw.read_log())
    return gw, p, sink, inner, other


def crosses(w, make, tls='ENCRYPT'):
    gw, p, sink, inner, other = between(w, make, tls)
    try:
        talk(w, gw, p, sink, inner, other)
    except AssertionError as e:
        raise AssertionError('%s\n--- the neighbour says\n%s' % (e, other.said()[-6000:]))


def talk(w, gw, p, sink, inner, other):
    # to us: two recipients in one mail
    with smtplib.SMTP(w.address, other.port, timeout=wd.LIMIT) as c:
        refused = c.sendmail('steve@example.org', ['bob%mvsa@' + gw.fqdn, 'ann%mvsa@' + gw.fqdn],
                             'From: steve@example.org\r\nSubject: from a neighbour\r\n\r\n..dots\r\nGr\xfc\xdfe\r\n'.encode('utf-8'),
                             mail_options=['BODY=8BITMIME'])
        assert not refused, refused
    files = [p.take_file(), p.take_file()]
    for f in files:
        text = f.text()
        assert '..dots' in text.splitlines() and 'Gr\xfc\xdfe' in text.splitlines(), text
        assert 'with ESMTPS' in text, text
    assert {f.dest[0] for f in files} == {'BOB', 'ANN'}
    # from us: a note to two people there
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['.', 'One line', '..two'], 'To a neighbour', 'Bob',
                        to=['joe    at neighbour.test', 'ann    at neighbour.test'])).wait()
    got = [inner.take()]
    while sum(len(m.rcpts) for m in got) < 2:
        got.append(inner.take())
    assert sorted(r for m in got for r in m.rcpts) == ['ann@neighbour.test', 'joe@neighbour.test'], got
    for m in got:
        assert b'\r\n.\r\nOne line\r\n..two\r\n' in m.data, m.data
    # refused there: a notice for the NJE user
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['x'], 'To nobody', 'Bob', to=['gone    at neighbour.test'])).wait()
    text = p.take_file().text()
    assert 'gone@neighbour.test' in text.lower() and '550' in text, text
    # refused here: a report of the neighbour's for his user
    with smtplib.SMTP(w.address, other.port, timeout=wd.LIMIT) as c:
        c.sendmail('steve@example.org', ['joe%nowhere@' + gw.fqdn], 'Subject: to nobody\r\n\r\nx\r\n')
    m = inner.take()
    assert m.rcpts == ['steve@example.org'] and m.sender == '' and b'550' in m.data, m.data
    # a receipt asked for at the neighbour: RET, ENVID, NOTIFY and ORCPT go on to us, and we know what became of it
    with smtplib.SMTP(w.address, other.port, timeout=wd.LIMIT) as c:
        c.ehlo()
        assert c.has_extn('dsn')
        c.mail('steve@example.org', ['RET=HDRS', 'ENVID=e1'])
        c.rcpt('bob%mvsa@' + gw.fqdn, ['NOTIFY=SUCCESS', 'ORCPT=rfc822;bob@first.test'])
        code, text = c.data('Subject: with a receipt\r\n\r\nx\r\n')
        assert code == 250, text
    p.take_file()
    m = sink.take()
    text = m.data.decode().lower().replace('; ', ';')
    for word in ('original-envelope-id: e1', 'original-recipient: rfc822;bob@first.test', 'action: relayed'):
        assert word in text, m.data
    gw.empty()


def case_postfix(w):
    crosses(w, nb.Postfix)


def case_exim(w):
    crosses(w, nb.Exim)


def case_opensmtpd(w):
    """Its own TLS server does not work in Debian 12 ("EVP lib"); TLS is its client's."""
    crosses(w, nb.OpenSmtpd, 'NO')


def case_swaks(w):
    """swaks by STARTTLS and from the first byte; signed on it may send anywhere, a wrong password may not."""
    if not shutil.which('swaks'):
        raise wd.Skip('no swaks')
    env = dict(os.environ, PERL5LIB=':'.join(glob.glob(os.path.join(
        nb.unpacked('libnet-ssleay-perl')[0], 'usr/lib/*/perl5/*'))))
    cert, key = w.tls()
    users = nb.write(os.path.join(w.dir, 'users'), 'anne:%s\n' % subprocess.run(
        ['openssl', 'passwd', '-6', 'secret'], check=True, capture_output=True, text=True).stdout.strip())
    os.chmod(users, 0o600)
    door, inside = (w.address, w.port()), (w.address, w.port())
    gw, p, sink = w.pair(['TLSCERT ' + cert, 'TLSKEY ' + key, 'SUBMISSION AUTHFILE=' + users,
                          'LISTENSMTP %s:%d SUBMISSION' % door, 'LISTENSMTP %s:%d SUBMISSION TLS' % inside])

    def swaks(address, *words):
        r = subprocess.run(['swaks', '--server', '%s:%d' % address, '--from', 'steve@example.org', '--helo', 'client.test',
                            '--timeout', '30', *words], env=env, capture_output=True, text=True, timeout=60)
        return r.returncode, r.stdout + r.stderr
    code, text = swaks(gw.smtp, '--tls', '--to', 'bob%mvsa@' + gw.fqdn)
    assert code == 0 and 'TLS started with cipher TLSv1.3' in text, text
    p.take_file()
    code, text = swaks(gw.smtp, '--tls', '--to', 'joe@example.org')
    assert code == 24 and '550 5.7.1' in text, (code, text)
    code, text = swaks(door, '--tls', '--to', 'joe@example.org')
    assert '530 5.7.0' in text, text
    for kind in ('PLAIN', 'LOGIN'):
        for address, tls in ((door, '--tls'), (inside, '--tls-on-connect')):
            auth = ('--auth', kind, '--auth-user', 'anne', '--auth-password')
            code, text = swaks(address, tls, '--to', 'joe@example.org', *auth, 'secret')
            assert code == 0, text
            assert sink.take().rcpts == ['joe@example.org']
    code, text = swaks(door, '--tls', '--to', 'joe@example.org', '--auth', 'PLAIN', '--auth-user', 'anne',
                       '--auth-password', 'wrong')
    assert code == 28 and '535 5.7.8' in text, (code, text)


def case_open_relay_scan(w):
    """nmap's forms of relaying: none goes through, trusted loopback or not."""
    roots = nb.unpacked('nmap', 'nmap-common', 'liblinear4', 'libblas3', 'liblua5.3-0', 'lua-lpeg', 'libpcap0.8', 'libssh2-1')
    gw, p, sink = w.pair(['SOURCEROUTES YES', 'LIMIT ERRORS 1000'])
    env = dict(os.environ, LD_LIBRARY_PATH=nb.libraries(roots) + ':' + os.path.join(
        roots[3], 'usr/lib/x86_64-linux-gnu/blas'), NMAPDIR=os.path.join(roots[1], 'usr/share/nmap'))
    r = subprocess.run([os.path.join(roots[0], 'usr/bin/nmap'), '--unprivileged', '-sT', '-Pn', '-n', '-p', str(gw.smtp_port),
                        '--script', '+smtp-open-relay,+smtp-commands', '--script-args',
                        'smtp-open-relay.domain=example.org,smtp-open-relay.ip=%s' % w.address, w.address], env=env,
                       capture_output=True, text=True, timeout=100)
    if r.returncode and 'shared libraries' in r.stderr:
        raise wd.Skip(r.stderr)
    assert "doesn't seem to be an open relay, all tests failed" in r.stdout, r.stdout + r.stderr
    assert 'PIPELINING' in r.stdout, r.stdout
    gw.empty()
    assert not sink.messages and not p.files


def case_testssl(w):
    """testssl.sh on STARTTLS: no old protocol and no weak cipher."""
    root = nb.unpacked('testssl.sh')[0]
    cert, key = w.tls()
    gw, _, _ = w.pair(['TLSCERT ' + cert, 'TLSKEY ' + key])
    bin_dir = os.path.join(w.dir, 'bin')
    os.makedirs(bin_dir)
    os.chmod(nb.write(os.path.join(bin_dir, 'host'), '#!/bin/sh\nexit 1\n'), 0o755)  # it wants one, and asks it nothing
    out = os.path.join(w.dir, 'out.json')
    env = dict(os.environ, PATH=os.environ['PATH'] + ':' + bin_dir, TERM='dumb', HOME=w.dir,
               TESTSSL_INSTALL_DIR=os.path.join(root, 'etc/testssl'))
    r = subprocess.run([os.path.join(root, 'usr/bin/testssl'), '--quiet', '--color', '0', '--warnings', 'off', '--starttls', 'smtp',
                        '--ip', w.address, '--nodns', 'none', '--openssl', shutil.which('openssl'), '--jsonfile', out,
                        '-p', '-s', '%s:%d' % gw.smtp], env=env, capture_output=True, text=True, timeout=150,
                       stdin=subprocess.DEVNULL)
    assert os.path.exists(out), r.stdout + r.stderr
    with open(out, encoding='utf-8') as f:
        found = {e['id']: e for e in json.load(f)}
    bad = ['%(id)s: %(severity)s %(finding)s' % e for e in found.values()
           if e['id'] != 'engine_problem' and e['severity'] in ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'FATAL', 'WARN')]
    assert not bad, '\n'.join(bad) + r.stdout
    for old in ('SSLv2', 'SSLv3', 'TLS1', 'TLS1_1'):
        assert 'not offered' in found[old]['finding'], found[old]
    assert 'offered' in found['TLS1_3']['finding'] and found['TLS1_3']['severity'] == 'OK', found['TLS1_3']
