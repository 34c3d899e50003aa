"""Debian's other mail servers, unpacked under build/pkg and run from folders of their own on free loopback ports: nothing
is installed, nothing of the system changed. Each takes mail for `neighbour.test` from anybody on loopback and hands it on
to `inner`, refuses gone@neighbour.test, and sends mail for `ours` to `gate` over TLS; all else goes to `inner`.
They need root, as the real ones do; without it, or without the package, the case is skipped."""
import os
import shutil
import subprocess
import sys

import pkgs
import world as wd

sys.path.insert(0, os.path.join(wd.HERE, '..', 'bench'))
OURS = '[%s]:%d'


def libraries(roots):
    return ':'.join(os.path.join(r, d) for r in roots for d in (
        'usr/lib', 'usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'usr/lib/postfix') if os.path.isdir(
            os.path.join(r, d)))


def unpacked(*packages):
    """The roots the packages are unpacked in."""
    roots = [pkgs.unpack(p) for p in packages]
    missing = [p for p, r in zip(packages, roots) if r is None]
    if missing:
        raise wd.Skip('%s cannot be had' % ', '.join(missing))
    return roots


def need_root():
    if os.geteuid():
        raise wd.Skip('needs root, as the real one does')


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return path


class Server:
    """A neighbour's process; its log is shown when it does not listen."""

    def __init__(self, w, name):
        need_root()
        self.w, self.dir = w, os.path.join(w.dir, name)
        os.makedirs(self.dir)
        os.chmod(w.dir, 0o755)
        self.port = w.port()
        self.where = '%s:%d' % (w.address, self.port)

    def apart(self, users, commands):
        """What runs these shell commands in a mount name space where these users exist."""
        if subprocess.run(['unshare', '-m', 'true'], capture_output=True).returncode:
            raise wd.Skip('no mount name spaces here')
        for name, form in (('passwd', '%s:x:%d:%d::/nonexistent:/bin/false\n'), ('group', '%s:x:%d:\n')):
            with open('/etc/' + name, encoding='utf-8') as f:
                write(os.path.join(self.dir, name), f.read() + ''.join(
                    form % ((u, n, n)[:form.count('%')]) for u, n in users.items()))
        binds = ''.join('mount --bind %s/%s /etc/%s\n' % (self.dir, name, name) for name in ('passwd', 'group'))
        return ['unshare', '-m', 'sh', write(os.path.join(self.dir, 'start'),
                                             'set -e\nmount --make-rprivate /\n' + binds + commands + '\n')]

    def run(self, argv, env):
        log = open(os.path.join(self.dir, 'log'), 'ab')
        p = subprocess.Popen(argv, env=env, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)

        def stop():
            p.terminate()
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
            log.close()
        self.w.others.append(stop)
        try:
            wd.wait_port((self.w.address, self.port))
        except AssertionError:
            raise AssertionError('%s does not listen:\n%s' % (argv[0], self.said()[-3000:]))

    def said(self):
        out = ''
        for name in ('log', 'mainlog', 'paniclog'):
            if os.path.exists(os.path.join(self.dir, name)):
                with open(os.path.join(self.dir, name), errors='replace') as f:
                    out += f.read()
        return out


class Postfix(Server):
    def __init__(self, w, gate, ours, inner, tls):
        super().__init__(w, 'postfix')
        unpacked('postfix')
        import postfix
        self.one = postfix.Postfix(os.path.join(self.dir, 'q'), self.port, inner[1])
        to_gate = OURS % gate
        more = {
            'relayhost': OURS % inner, 'myhostname': 'postfix.test',
            'smtpd_tls_security_level': 'may', 'smtpd_tls_cert_file': tls[0], 'smtpd_tls_key_file': tls[1],
            'smtp_tls_security_level': 'may', 'smtp_tls_policy_maps': 'inline:{ {%s = encrypt} }' % to_gate,
            'transport_maps': 'inline:{ {%s = smtp:%s} }' % (ours, to_gate), 'smtp_tls_loglevel': '1',
            'smtpd_recipient_restrictions': 'check_recipient_access inline:{ {gone@neighbour.test = '
                                            '550 5.1.1 gone away} }, permit_mynetworks, reject',
            'maillog_file': os.path.join(self.dir, 'log'), 'maillog_file_prefixes': w.dir}
        with open(os.path.join(self.one.conf, 'main.cf'), 'a', encoding='utf-8') as f:
            f.writelines('%s = %s\n' % kv for kv in more.items())
        with open(os.path.join(self.one.conf, 'master.cf'), 'r+', encoding='utf-8') as f:
            text = f.read().replace('127.0.0.1:%d' % self.port, self.where)
            f.seek(0)
            f.write(text + 'tlsmgr unix - - n 1000? 1 tlsmgr\npostlog unix-dgram n - n - 1 postlogd\n')
        self.run([os.path.join(self.one.root, 'usr/lib/postfix/sbin/master'), '-c', self.one.conf, '-d'], self.one.env)


EXIM = '''exim_user = uucp
exim_group = uucp
trusted_users = root
exim_path = %(program)s
primary_hostname = exim.test
spool_directory = %(dir)s/spool
log_file_path = %(dir)s/%%slog
pid_file_path = %(dir)s/pid
local_interfaces = %(address)s
daemon_smtp_ports = %(port)d
host_lookup =
dns_ipv4_lookup = *
keep_environment =
tls_advertise_hosts = *
tls_certificate = %(cert)s
tls_privatekey = %(key)s
dsn_advertise_hosts = *
queue_run_max = 5
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  deny recipients = gone@neighbour.test
       message = gone away
  accept
data:
  accept
begin routers
ours:
  driver = manualroute
  domains = %(ours)s
  transport = ours
  route_data = %(gate)s
  self = send
inner:
  driver = manualroute
  transport = inner
  route_data = %(inner)s
  self = send
begin transports
ours:
  driver = smtp
  port = %(gate_port)d
  hosts_require_tls = *
  allow_localhost
inner:
  driver = smtp
  port = %(inner_port)d
  allow_localhost
'''


class Exim(Server):
    def __init__(self, w, gate, ours, inner, tls):
        super().__init__(w, 'exim')
        program = os.path.join(unpacked('exim4-daemon-light')[0], 'usr/sbin/exim4')
        for d in (self.dir, os.path.join(self.dir, 'spool')):
            os.makedirs(d, exist_ok=True)
            shutil.chown(d, 'uucp', 'uucp')
        key = os.path.join(self.dir, 'key.pem')
        shutil.copy(tls[1], key)
        shutil.chown(key, 'uucp')
        conf = write(os.path.join(self.dir, 'exim.conf'), EXIM % {
            'dir': self.dir, 'address': w.address, 'port': self.port, 'ours': ours, 'gate': gate[0], 'gate_port': gate[1],
            'inner': inner[0], 'inner_port': inner[1], 'cert': tls[0], 'key': key, 'program': program})
        self.run(self.apart({'Debian-exim': 71}, 'exec %s -C %s -bdf -q5s' % (program, conf)), dict(os.environ, TZ='UTC'))


OPENSMTPD = '''pki p cert "%(cert)s"
pki p key "%(key)s"
table gone { "gone@neighbour.test" }
listen on %(address)s port %(port)d hostname opensmtpd.test tls pki p
action inner relay host "smtp://%(inner)s:%(inner_port)d" helo opensmtpd.test
action ours relay host "smtp+tls://%(gate)s:%(gate_port)d" tls no-verify helo opensmtpd.test
match from any for rcpt-to <gone> reject
match from any for domain "%(ours)s" action ours
match from any for any action inner
'''


class OpenSmtpd(Server):
    """Its folders and users are built in: it runs in a mount name space with its own /etc/passwd and /var/spool."""

    def __init__(self, w, gate, ours, inner, tls):
        super().__init__(w, 'opensmtpd')
        root = unpacked('opensmtpd')[0]
        key = os.path.join(self.dir, 'key.pem')
        shutil.copy(tls[1], key)
        os.chmod(key, 0o600)
        conf = write(os.path.join(self.dir, 'smtpd.conf'), OPENSMTPD % {
            'address': w.address, 'port': self.port, 'ours': ours, 'gate': gate[0], 'gate_port': gate[1],
            'inner': inner[0], 'inner_port': inner[1], 'cert': tls[0], 'key': key})
        self.run(self.apart({'opensmtpd': 71, 'opensmtpq': 72}, '''mount -t tmpfs none /var/spool
mount -t tmpfs none /run
mkdir -p -m 711 /var/spool/smtpd
mount -t tmpfs none /var/lib
mkdir -p /var/lib/opensmtpd/empty
exec %s/usr/sbin/smtpd -d -f %s''' % (root, conf)), dict(os.environ, TZ='UTC'))
