"""TLS at every door, judged by OpenSSL's own programs and Python's."""
import os
import shutil
import socket
import ssl
import subprocess
import threading

import smtpsink
import world as wd
from case_nodes import state
from world import run


def certificate(w, name, names):
    """A self-signed certificate of its own: (cert, key) paths."""
    cert, key = os.path.join(w.dir, name + '.pem'), os.path.join(w.dir, name + '.key')
    if not shutil.which('openssl'):
        raise wd.Skip('no openssl')
    run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2',
         '-subj', '/CN=' + name, '-addext', 'subjectAltName=' + names])
    return cert, key


def files(cert, key, ca=None):
    return ['TLSCERT ' + cert, 'TLSKEY ' + key] + (['TLSCA ' + ca] if ca else [])


def nodes(w, how, a_pair, b_pair, a_trusts=None, b_trusts=None, a_host=False, listen='TLS', b_how=None):
    """NODEA listens, NODEB dials; neither is waited for."""
    port = w.port()
    a = w.gateway('NODEA', ['LOCALUSER ALICE', 'LISTENNJE %s:%d %s' % (w.address, port, listen)] +
                  files(*a_pair, ca=a_trusts))
    b = w.gateway('NODEB', ['LOCALUSER BOB'] + files(*b_pair, ca=b_trusts))
    a.link('NODEB', extra='TLS=%s%s' % (how, ' HOST=%s' % w.address if a_host else ''))
    b.link('NODEA', (w.address, port), extra='TLS=' + (b_how or how))
    a.start()
    b.start()
    return a, b


def case_verified_both_ways(w):
    """TLS=VERIFY: each side trusts just the other's certificate, and it names the other's address."""
    ours, theirs = (certificate(w, n, 'IP:' + w.address) for n in ('nodea', 'nodeb'))
    a, b = nodes(w, 'VERIFY', ours, theirs, a_trusts=theirs[0], b_trusts=ours[0], a_host=True)
    b.until(lambda: state(b, 'NODEA') == 'up' and state(a, 'NODEB') == 'up')
    b.cli('note', 'ALICE@NODEA', '--from', 'BOB', '--subject', 'tls', stdin='sealed\n')
    a.until(lambda: a.json('reader', 'list', 'ALICE'))
    assert 'TLS=VERIFY' in a.cli('config', 'show')


def refused(w, gw, words, **more):
    pairs = [certificate(w, n, more.pop(n, 'IP:' + w.address)) for n in ('nodea', 'nodeb')]
    trust = {k: pairs[v][0] for k, v in more.pop('trust').items()}
    a, b = nodes(w, more.pop('how', 'VERIFY'), pairs[0], pairs[1], **trust, **more)
    who = {'a': a, 'b': b}[gw]
    who.until(lambda: words in who.read_log(), what=words)
    assert state(a, 'NODEB') != 'up' and state(b, 'NODEA') != 'up'


def case_neighbour_of_another_name(w):
    refused(w, 'b', 'certificate of %s is not trusted: it does not name it' % w.address, nodea='DNS:other.test',
            trust={'a_trusts': 1, 'b_trusts': 0})


def case_neighbour_not_trusted(w):
    refused(w, 'b', 'is not trusted: self-signed certificate', trust={'a_trusts': 1, 'b_trusts': 1})


def case_caller_not_trusted(w):
    """The caller is content (TLS=YES), the one called is not (TLS=VERIFY)."""
    refused(w, 'a', 'link NODEB: the certificate of the peer is not trusted: self-signed', b_how='YES',
            trust={'a_trusts': 0})


def case_caller_of_another_name(w):
    refused(w, 'a', 'link NODEB: the certificate of %s is not trusted: it does not name it' % w.address,
            b_how='YES', a_host=True, nodeb='DNS:other.test', trust={'a_trusts': 1})


def case_caller_in_the_clear(w):
    refused(w, 'a', 'link NODEB: it is used with TLS only', how='YES', b_how='NO', listen='', trust={})


def case_caller_in_the_clear_at_a_tls_port(w):
    refused(w, 'a', 'TLS handshake failed', how='YES', b_how='NO', trust={})


def case_s_client_at_the_nje_port(w):
    """OpenSSL's client at a listener with TLS: 1.2 and 1.3, not older, and the right certificate."""
    cert, key = w.tls()
    port = w.port()
    gw = w.gateway(lines=files(cert, key) + ['LISTENNJE %s:%d TLS' % (w.address, port)])
    gw.start()
    base = ['openssl', 's_client', '-connect', '%s:%d' % (w.address, port), '-CAfile', cert, '-verify_return_error',
            '-verify_ip', w.address, '-brief']
    for version in ('-tls1_2', '-tls1_3'):
        out = run(base + [version], stdin='')
        assert 'Verification: OK' in out, out
    r = subprocess.run(base + ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'], input='', capture_output=True, text=True,
                       timeout=wd.LIMIT, check=False)
    assert r.returncode != 0 and 'Verification: OK' not in r.stdout + r.stderr, r.stdout + r.stderr
    gw.until(lambda: 'TLS handshake failed' in gw.read_log())


def case_callers_that_say_nothing(w):
    """Many connections without a word hold up nobody, and are turned away beyond a limit."""
    cert, key = w.tls()
    a, b = nodes(w, 'YES', (cert, key), (cert, key))
    b.until(lambda: state(b, 'NODEA') == 'up')
    where = next(ln.split()[1] for ln in a.lines if ln.endswith(' TLS')).rsplit(':', 1)
    idle = [socket.create_connection((where[0], int(where[1])), timeout=wd.LIMIT) for _ in range(70)]
    a.until(lambda: 'wait for their OPEN already' in a.read_log())
    b.cli('note', 'ALICE@NODEA', '--from', 'BOB', '--subject', 'tls', stdin='sealed\n')
    a.until(lambda: a.json('reader', 'list', 'ALICE'))
    for s in idle:
        s.close()


def case_s_server_is_dialled(w):
    """OpenSSL's server under our dialled link: the handshake is good, and our OPEN comes inside."""
    cert, key = w.tls()
    port = w.port()
    server = subprocess.Popen(['openssl', 's_server', '-accept', '%s:%d' % (w.address, port), '-cert', cert, '-key', key,
                               '-quiet', '-naccept', '1'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    w.others.append(server.kill)
    gw = w.gateway(lines=['TLSCA ' + cert])
    gw.link('MVSA', (w.address, port), extra='TLS=VERIFY').start()
    got = server.stdout.read(33)
    assert got[:8] == 'OPEN    '.encode('cp037'), got
    server.kill()
    server.wait()


def served(address, pem):
    """What the SMTP server there shows is just this certificate."""
    context = ssl.create_default_context(cafile=pem)
    context.check_hostname = False
    r = wd.Raw(address)
    r.hello()
    r.ask('STARTTLS', 220)
    try:
        with context.wrap_socket(r.sock) as s:
            s.sendall(b'QUIT\r\n')
            return s.recv(100).startswith(b'221')
    except ssl.SSLCertVerificationError:
        return False


def case_reload(w):
    """SIGHUP: new files take effect; bad ones are named, and the old certificate stays."""
    one, two = certificate(w, 'one', 'DNS:one.test'), certificate(w, 'two', 'DNS:two.test')
    cert, key = os.path.join(w.dir, 'now.pem'), os.path.join(w.dir, 'now.key')

    def put(pair):
        shutil.copy(pair[0], cert)
        shutil.copy(pair[1], key)
    put(one)
    gw = w.gateway(lines=files(cert, key)).start()
    assert served(gw.smtp, one[0]) and not served(gw.smtp, two[0])
    put(two)
    gw.hup()
    gw.until(lambda: served(gw.smtp, two[0]))
    put((two[0], one[1]))
    gw.hup()
    gw.until(lambda: 'is not the key of TLSCERT' in gw.read_log())
    assert 'the old certificate stays in force' in gw.read_log()
    assert served(gw.smtp, two[0])


def case_bad_files_at_the_start(w):
    gw = w.gateway(lines=files('nowhere.pem', 'nowhere.key'))
    gw.expect_exit = 1
    gw.start(wait=False)
    assert gw.process.wait(wd.LIMIT) == 1
    assert 'nowhere.pem: No such file or directory' in gw.read_log(), gw.read_log()


def case_received_tells(w):
    """ESMTPS and the cipher in Received; ESMTP without."""
    cert, key = w.tls()
    gw, p, _ = w.pair(files(cert, key) + ['NODE MVSA STYLE=RFC822'])
    context = ssl.create_default_context(cafile=cert)
    for secure in (True, False):
        with gw.client() as c:
            c.ehlo()
            if secure:
                c._host = wd.HOST
                c.starttls(context=context)
            wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], b'Subject: x\r\n\r\nx\r\n')
        text = ' '.join(' '.join(p.take_file().lines()).split())
        assert ('with ESMTPS id' in text) == secure, text
        assert ('(using TLSv1.3 TLS_' in text) == secure, text


def case_smarthost_policies(w):
    """ENCRYPT goes within TLS; MAY does without a TLS that fails; NO never asks; REQUIRED has no other way."""
    cert, key = w.tls()
    good = w.sink(tls=smtpsink.server_tls(cert, key))
    broken = w.sink(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # no certificate: every handshake fails
    gw = w.gateway(lines=['SMARTHOST %s TLS=ENCRYPT' % good.where]).start()

    def send(to):
        gw.cli('note', to, '--from', 'OPER', '--subject', 'x', stdin='text\n')

    def host(statement):
        gw.stop()
        gw.lines = [ln for ln in gw.lines if not ln.startswith('SMARTHOST')] + [statement]
        gw.start()
    gw.stop()
    gw.lines.append('LOCALUSER OPER')
    gw.start()
    send('a@encrypt.test')
    assert good.take().tls
    host('SMARTHOST %s TLS=NO' % good.where)
    send('b@no.test')
    assert not good.take().tls
    host('SMARTHOST ' + broken.where)
    send('c@may.test')
    assert not broken.take().tls
    assert broken.sessions >= 2, 'TLS was tried first'
    host('SMARTHOST %s TLS=REQUIRED' % broken.where)
    send('d@required.test')
    row = gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= 1])[0]
    assert 'no TLS with host' in row['reason'], row
    assert not broken.messages
    gw.cli('queue', 'delete', row['id'])


def case_many_at_once(w):
    """Twenty clients within TLS at the same time: each mail arrives."""
    cert, key = w.tls()
    gw, p, _ = w.pair(files(cert, key))
    wrong = []

    def client(n):
        try:
            context = ssl.create_default_context(cafile=cert)
            with gw.client() as c:
                c._host = wd.HOST
                c.starttls(context=context)
                wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], b'Subject: %d\r\n\r\n%s' % (n, b'x\r\n' * 9000))
        except Exception as e:  # told below: a thread's exception is lost
            wrong.append(e)
    threads = [threading.Thread(target=client, args=(n,)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(wd.LIMIT)
    assert not wrong, wrong
    for _ in threads:
        p.take_file()
    gw.empty()
