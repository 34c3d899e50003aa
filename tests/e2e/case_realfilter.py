"""Debian's own filters behind MILTER: opendkim signs and verifies, opendmarc judges, rspamd refuses."""
import os
import re
import subprocess

import dns
import njefile
import pkgs
import world as wd

BOB = 'bob%%mvsa@gate.%s' % wd.DOMAIN
DKIM = ['opendkim', 'opendkim-tools', 'libopendkim11', 'libmilter1.0.1', 'libopendbx1', 'librbl1', 'libvbr2',
        'libmemcached11', 'libhashkit2', 'liblua5.3-0']
DMARC = ['opendmarc', 'libopendmarc2', 'libspf2-2', 'libmilter1.0.1']
RSPAMD = ['rspamd', 'libhyperscan5', 'libluajit-5.1-2', 'libsodium23', 'libunwind8', 'libpcre2-8-0', 'libicu72']
GTUBE = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'


def unpacked(packages):
    """The roots the packages are unpacked in, and an environment their programs run in."""
    roots = [pkgs.unpack(p) for p in packages]
    missing = [p for p, r in zip(packages, roots) if r is None]
    if missing:
        raise wd.Skip('%s cannot be had' % ', '.join(missing))
    env = dict(os.environ, TZ='UTC')
    env['LD_LIBRARY_PATH'] = ':'.join(os.path.join(r, d) for r in roots for d in (
        'usr/lib', 'usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'usr/lib/rspamd') if os.path.isdir(
            os.path.join(r, d)))
    return roots, env


def program(roots, name):
    for r in roots:
        for d in ('usr/sbin', 'usr/bin'):
            if os.access(os.path.join(r, d, name), os.X_OK):
                return os.path.join(r, d, name)
    raise wd.Skip('no ' + name)


def start(w, argv, env, address, name):
    """A filter in the foreground until the case is over."""
    log = open(os.path.join(w.dir, name + '.log'), 'wb')
    try:
        p = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=w.dir)
    except OSError as e:
        raise wd.Skip('%s does not run here: %s' % (name, e))

    def stop():
        p.terminate()
        try:
            p.wait(wd.LIMIT)
        except subprocess.TimeoutExpired:
            p.kill()
        log.close()
    w.others.append(stop)
    try:
        wd.wait_port(address)
    except AssertionError:
        with open(log.name, errors='replace') as f:
            raise AssertionError('%s does not listen:\n%s' % (name, f.read()[-2000:]))
    return p


def write(path, *lines):
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines) + '\n')
    return path


def keys(w, domains):
    """One key for all: (private key, test key file)."""
    private, public = os.path.join(w.dir, 'dkim.private'), os.path.join(w.dir, 'dkim.keys')
    if not os.path.exists(private):
        subprocess.run(['openssl', 'genrsa', '-traditional', '-out', private, '2048'], check=True, capture_output=True)
        os.chmod(private, 0o600)
    pem = subprocess.run(['openssl', 'rsa', '-in', private, '-pubout'], check=True, capture_output=True, text=True).stdout
    b64 = ''.join(ln for ln in pem.splitlines() if '-' not in ln)
    write(public, *['test._domainkey.%s v=DKIM1; k=rsa; p=%s' % (d, b64) for d in domains])
    return private, public, b64


def opendkim(w, domain, name, more=()):
    roots, env = unpacked(DKIM)
    private, public, _ = keys(w, [domain, 'example.org'])
    port = w.port()
    conf = write(os.path.join(w.dir, name + '.conf'), 'Mode sv', 'Domain %s' % domain, 'KeyFile %s' % private,
                 'Selector test', 'Socket inet:%d@%s' % (port, w.address), 'AuthservID gate.%s' % wd.DOMAIN,
                 'TestPublicKeys %s' % public, 'On-BadSignature accept', 'On-Security accept', 'Syslog no',
                 'PidFile %s' % os.path.join(w.dir, name + '.pid'), 'RequireSafeKeys no', 'UMask 007',
                 'AlwaysAddARHeader yes', *more)
    start(w, [program(roots, 'opendkim'), '-f', '-x', conf], env, (w.address, port), name)
    return 'inet:%d@%s' % (port, w.address)


def case_opendkim_signs_and_verifies(w):
    """A note from NJE leaves signed; come back from the Internet, whole, it is verified; changed, it is not."""
    gw, p, sink = w.pair()
    where = opendkim(w, gw.fqdn, 'opendkim')
    gw.lines += ['MILTER %s NJE' % where, 'SENDERVERIFIED', 'NODE MVSA STYLE=NOTE']
    gw.restart()
    p.wait_up()
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['Dear Steve,', '', '.signed', 'Grüße   '], 'Signed',
                        'Bob Builder', to=['steve    at example.org'])).wait()
    m = sink.take()
    head, _ = m.strict
    signature = re.search(rb'DKIM-Signature: v=1;.*?d=%s' % gw.fqdn.encode(), head, re.S)
    assert signature, head.decode()
    # Come back through the SMTP door of another gateway of the same name. Loopback must not count as internal there.
    other = w.gateway('OTHER', lines=['MILTER ' + opendkim(
        w, gw.fqdn, 'verifier', ['InternalHosts %s' % write(os.path.join(w.dir, 'internal'), '192.0.2.1')]) + ' SMTP',
        'SENDERVERIFIED', 'LOCALUSER ANNE', 'LOCALUSER BEN'], host='gate').start()
    for user, data in (('anne', m.data), ('ben', m.data.replace(b'Dear', b'Dead'))):
        with other.client() as c:
            wd.send(c, m.sender, ['%s@%s' % (user, other.fqdn)], data)
    other.until(lambda: len(other.json('reader', 'list')) == 2)
    for user, want in (('ANNE', 'Sender-verified: yes (%s: DKIM)' % gw.fqdn),
                       ('BEN', 'Sender-verified: no (nothing vouches for it)')):
        row = [r for r in other.json('reader', 'list') if r['user'] == user][0]
        text = other.cli('reader', 'show', str(row['id']))
        assert want in text, (want, text)
    testmsg(w, m.data, gw.fqdn)


case_opendkim_signs_and_verifies.limit = 120


def case_opendkim_signs_reports(w):
    """MILTER .. REPORTS: a report of ours to the Internet bears a signature of our domain, and it verifies."""
    gw, p, sink = w.pair()
    where = opendkim(w, gw.fqdn, 'opendkim')
    gw.lines += ['MILTER %s REPORTS' % where]
    gw.restart()
    p.wait_up()
    gw.cli('link', 'stop', 'MVSA')
    gw.mail(BOB, subject='To be returned')
    rows = gw.until(lambda: gw.json('queue', 'list'))
    gw.cli('queue', 'bounce', rows[0]['id'])
    m = sink.take()
    head, _ = m.strict
    assert m.sender == '' and m.mail.get_content_type() == 'multipart/report', head
    assert re.search(rb'DKIM-Signature: v=1;.*?d=%s' % gw.fqdn.encode(), head, re.S), head.decode()
    testmsg(w, m.data, gw.fqdn)


def with_dns(w, table, argv, env, **more):
    """Run with a name server of ours in /etc/resolv.conf, where we may: a mount of our own."""
    try:
        server = dns.Dns(table, (w.address, 53))
    except OSError:
        return None
    w.others.append(server.stop)
    conf = write(os.path.join(w.dir, 'resolv.conf'), 'nameserver %s' % w.address, 'options timeout:2 attempts:1')
    mount = ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', conf]
    try:
        if subprocess.run(mount + ['true'], capture_output=True, timeout=wd.LIMIT).returncode:
            return None
    except OSError:
        return None
    return mount + list(argv)


def testmsg(w, data, domain):
    """The judge of opendkim's own tools, where names can be looked up for it."""
    roots, env = unpacked(DKIM)
    _, _, b64 = keys(w, [domain])
    argv = with_dns(w, {'test._domainkey.' + domain: {'TXT': ['v=DKIM1; k=rsa; p=' + b64]}},
                    [program(roots, 'opendkim-testmsg')], env)
    if argv:
        r = subprocess.run(argv, env=env, input=data, capture_output=True, timeout=wd.LIMIT)
        assert r.returncode == 0, (r.returncode, r.stdout, r.stderr)


def case_opendmarc_judges(w):
    """Behind opendkim, opendmarc reads its results and adds its own; a policy of reject is the reply at the dot."""
    roots, env = unpacked(DMARC)
    gw, p, _ = w.pair()
    port = w.port()
    conf = write(os.path.join(w.dir, 'opendmarc.conf'), 'Socket inet:%d@%s' % (port, w.address), 'Syslog false',
                 'AuthservID gate.%s' % wd.DOMAIN, 'TrustedAuthservIDs gate.%s' % wd.DOMAIN, 'RejectFailures true',
                 'PidFile %s' % os.path.join(w.dir, 'opendmarc.pid'), 'SPFSelfValidate false', 'IgnoreHosts %s' % write(
                     os.path.join(w.dir, 'ignore'), '192.0.2.1'), 'UserID root', 'BaseDirectory %s' % w.dir)
    argv = with_dns(w, {'_dmarc.strict.example': {'TXT': ['v=DMARC1; p=reject']}, '_dmarc.example.org': {'TXT': [
        'v=DMARC1; p=none']}, 'example.org': {'A': ['192.0.2.9']}, 'strict.example': {'A': ['192.0.2.8']}},
        [program(roots, 'opendmarc'), '-f', '-c', conf], env)
    if argv is None:
        raise wd.Skip('no mount or port 53 of our own here')
    start(w, argv, env, (w.address, port), 'opendmarc')
    gw.lines += ['MILTER inet:%d@%s SMTP' % (port, w.address), 'NODE MVSA STYLE=RFC822']
    gw.restart()
    p.wait_up()
    gw.mail(BOB)
    lines = ' '.join(' '.join(p.take_file().lines()).split())
    assert re.search(r'Authentication-Results: gate\.%s; dmarc=fail' % wd.DOMAIN, lines), lines
    try:
        gw.mail(BOB, headers=[('From', 'boss@strict.example')])
        raise AssertionError('taken against its policy')
    except AssertionError as e:
        assert '550' in str(e) and 'DMARC' in str(e), e
    gw.empty()


def case_rspamd_refuses(w):
    """rspamd's proxy worker as a filter of both doors: spam is refused at the dot, mail goes."""
    roots, env = unpacked(RSPAMD)
    rspamd = program(roots, 'rspamd')
    share = os.path.join(roots[0], 'usr/share/rspamd')
    port = w.port()
    tlds = write(os.path.join(w.dir, 'tlds'), 'example', 'org', 'test')  # its own list takes long to compile
    conf = write(os.path.join(w.dir, 'rspamd.conf'),
                 'options { filters = ""; url_tld = "%s"; tempdir = "%s"; pidfile = "%s/rspamd.pid"; ' % (
                     tlds, w.dir, w.dir),
                 ' control_socket = "%s/rspamd.control mode=0600"; dns { nameserver = ["%s:%d"]; } }' % (
                     (w.dir,) + w.resolver().address),
                 'logging { type = "console"; level = "info"; }',
                 'worker "rspamd_proxy" { count = 1; milter = yes; bind_socket = "%s:%d"; timeout = 60s; ' % (
                     w.address, port),
                 ' upstream "local" { default = yes; self_scan = yes; } }', 'worker "normal" { enabled = false; }')
    for name, path in (('RSPAMD_LUALIBDIR', 'lualib'), ('RSPAMD_RULESDIR', 'rules'), ('RSPAMD_PLUGINSDIR', 'plugins'),
                       ('RSPAMD_SHAREDIR', '')):
        env[name] = os.path.join(share, path)
    variables = ['--var=LUALIBDIR=%s/lualib' % share, '--var=RULESDIR=%s/rules' % share, '--var=PLUGINSDIR=%s/plugins' %
                 share, '--var=SHAREDIR=' + share] + ['--var=%s=%s' % (v, w.dir) for v in ('DBDIR', 'RUNDIR', 'LOGDIR')]
    start(w, [rspamd, '-f', '-i', '-c', conf] + variables, env, (w.address, port), 'rspamd')
    gw, p, sink = w.pair(['MILTER %s:%d' % (w.address, port)])
    gw.mail(BOB, subject='wanted')
    assert 'Subject: wanted' in p.take_file().lines()
    try:
        gw.mail(BOB, GTUBE + '\r\n', subject='spam')
        raise AssertionError('spam was taken')
    except AssertionError as e:
        assert '554' in str(e) or '550' in str(e), e
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['ham'], 'from NJE', to=['steve    at example.org'])).wait()
    assert sink.take().mail['Subject'] == 'from NJE'
    gw.empty()


case_rspamd_refuses.limit = 120
