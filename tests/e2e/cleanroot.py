"""A clean root to install a package in: a folder with a shell, a few commands and the libraries they need, copied from
this machine, with a user database of its own. Nothing in it but what a maintainer script or the daemon may ask for."""
import os
import re
import shutil
import subprocess

import world as wd

COMMANDS = ['sh', 'getent', 'groupadd', 'useradd', 'userdel', 'groupdel', 'install', 'rm', 'chgrp', 'chmod', 'chown',
            'mkdir', 'ls', 'cat', 'id', 'true']


def libraries(program):
    out = subprocess.run(['ldd', program], capture_output=True, text=True).stdout
    return re.findall(r'(/\S+\.so[\w.+-]*)', out)


class CleanRoot:
    def __init__(self, folder, programs=()):
        if os.geteuid():
            raise wd.Skip('needs root')
        for name in ('dpkg', 'ldd', 'useradd'):
            if not shutil.which(name):
                raise wd.Skip('no ' + name)
        self.dir = folder
        for name in ('usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'etc', 'dev', 'proc', 'run', 'tmp', 'var/lib/dpkg/info',
                     'var/lib/dpkg/updates', 'var/lib/dpkg/triggers'):
            os.makedirs(os.path.join(folder, name))
        for name in ('bin', 'sbin', 'lib', 'lib64'):
            os.symlink('usr/' + name, os.path.join(folder, name))
        for name in ('status', 'available', 'diversions', 'statoverride'):
            open(os.path.join(folder, 'var/lib/dpkg', name), 'w').close()
        os.mknod(os.path.join(folder, 'dev/null'), 0o20666, os.makedev(1, 3))
        os.chmod(os.path.join(folder, 'dev/null'), 0o666)
        os.mknod(os.path.join(folder, 'dev/urandom'), 0o20444, os.makedev(1, 9))
        self.write('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
        self.write('etc/group', 'root:x:0:\n')
        self.write('etc/shadow', 'root:*:19000:0:99999:7:::\n')
        self.write('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n')
        self.write('etc/login.defs', 'SYS_UID_MAX 999\nSYS_GID_MAX 999\n')
        for name in COMMANDS:
            self.take(shutil.which(name))
        for program in programs:
            for path in libraries(program):
                self.take(path)

    def write(self, path, text):
        with open(os.path.join(self.dir, path), 'w', encoding='utf-8') as f:
            f.write(text)

    def take(self, path):
        """A file of this machine at the same place, with its libraries."""
        there = os.path.join(self.dir, path.lstrip('/'))
        if os.path.exists(there):
            return
        os.makedirs(os.path.dirname(there), exist_ok=True)
        shutil.copy(os.path.realpath(path), there)
        for library in libraries(os.path.realpath(path)):
            self.take(library)

    def dpkg(self, *words, status=0):
        env = dict(os.environ, PATH='/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND='noninteractive')
        return wd.run(['dpkg', '--root=' + self.dir, '--force-depends', '--log=/dev/null'] + list(words), env=env,
                      status=status)

    def run(self, *words, status=0):
        return wd.run(['chroot', self.dir] + list(words), status=status)

    def exists(self, path):
        return os.path.lexists(os.path.join(self.dir, path.lstrip('/')))
