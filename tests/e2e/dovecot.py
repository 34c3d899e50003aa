"""Debian's Dovecot as an LMTP store, unpacked under build/pkg and run from a folder of its own."""
import glob
import os
import shutil
import subprocess

import pkgs
import world as wd

CONF = '''base_dir = %(dir)s/run
state_dir = %(dir)s/run
libexec_dir = %(dir)s/libexec
mail_plugin_dir = %(dir)s/modules
import_environment = LD_LIBRARY_PATH=%(libs)s
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = daemon
log_path = %(dir)s/log
ssl = no
protocols = lmtp
mail_location = maildir:%(dir)s/mail/%%n
first_valid_uid = 1
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = passwd-file
  args = username_format=%%n %(dir)s/users
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
  inet_listener lmtp {
    address = %(address)s
    port = %(port)d
  }
}
'''
# Paths that are compiled in, and what they become: found from the folder it runs in.
PATHS = ((b'/usr/bin/doveconf\0', b'./doveconf\0'), (b'/usr/lib/dovecot/modules\0', b'./modules\0'))


class Dovecot:
    """A store with these users; `socket` and `where` are where it speaks LMTP."""

    def __init__(self, w, users):
        if os.geteuid():
            raise wd.Skip('Dovecot needs root')
        names = ('dovecot-core', 'dovecot-lmtpd', 'libexttextcat-2.0-0', 'liblua5.4-0', 'libsodium23', 'libstemmer0d')
        roots = [pkgs.unpack(n) for n in names]
        if None in roots:
            raise wd.Skip('dovecot-lmtpd cannot be had')
        self.dir = os.path.join(w.dir, 'dovecot')
        self.port = w.port()
        self.where, self.socket = '%s:%d' % (w.address, self.port), os.path.join(self.dir, 'run', 'lmtp')
        libs = self._lay_out(roots)
        with open(os.path.join(self.dir, 'users'), 'w', encoding='ascii') as f:
            f.writelines('%s::65534:65534::%s/mail/%s\n' % (u, self.dir, u) for u in users)
        conf = os.path.join(self.dir, 'conf')
        with open(conf, 'w', encoding='ascii') as f:
            f.write(CONF % {'dir': self.dir, 'libs': libs, 'address': w.address, 'port': self.port})
        with open(os.path.join(self.dir, 'out'), 'wb') as out:
            self.process = subprocess.Popen([os.path.join(self.dir, 'dovecot'), '-F', '-c', conf], cwd=self.dir,
                                            env=dict(os.environ, LD_LIBRARY_PATH=libs), stdout=out, stderr=out)
        w.others.append(self.stop)
        wd.wait_port((w.address, self.port))

    def _lay_out(self, roots):
        core, lmtpd = (os.path.join(r, 'usr/lib/dovecot') for r in roots[:2])
        for sub in ('libexec', 'run', 'mail', 'lib'):
            os.makedirs(os.path.join(self.dir, sub))
        os.chmod(os.path.dirname(self.dir), 0o755)
        os.chmod(os.path.join(self.dir, 'mail'), 0o777)
        for path in glob.glob(core + '/*'):
            os.symlink(path, os.path.join(self.dir, 'libexec', os.path.basename(path)))
        os.symlink(lmtpd + '/lmtp', os.path.join(self.dir, 'libexec', 'lmtp'))
        for place in ('', 'run'):
            os.symlink(core + '/modules', os.path.join(self.dir, place, 'modules'))
        os.symlink(os.path.join(roots[0], 'usr/bin/doveconf'), os.path.join(self.dir, 'doveconf'))
        shutil.copy(os.path.join(roots[0], 'usr/sbin/dovecot'), self.dir)
        for name in ('libdovecot.so.0', 'libdovecot-storage.so.0'):
            with open(os.path.join(core, name), 'rb') as f:
                data = f.read()
            for old, new in PATHS:
                data = data.replace(old, new.ljust(len(old), b'\0'))
            with open(os.path.join(self.dir, 'lib', name), 'wb') as f:
                f.write(data)
        where = {os.path.dirname(p) for r in roots for p in glob.glob(r + '/**/*.so*', recursive=True)}
        return ':'.join([os.path.join(self.dir, 'lib'), core] + sorted(where - {core}))

    def mails(self, user):
        found = []
        for path in glob.glob('%s/mail/%s/new/*' % (self.dir, user)):
            with open(path, 'rb') as f:
                found.append(f.read())
        return found

    def stop(self):
        self.process.terminate()
        self.process.wait(wd.LIMIT)
