"""A small Debian with a live systemd as its process 1, in namespaces of this machine: only the network is shared.

The root is made by debootstrap once, kept as build/pkg/systemd-root.tar, and unpacked for each case."""
import atexit
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pkgs
import world as wd

TAR = os.path.join(pkgs.PKG, 'systemd-root.tar')
MIRROR = 'http://deb.debian.org/debian'
BOOT = r'''set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --bind "$1/proc/sys" "$1/proc/sys"
mount -o remount,bind,ro "$1/proc/sys"
mount -t sysfs -o ro sysfs "$1/sys"
mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
for place in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$1/$place"; done
chmod 1777 "$1/tmp"
for name in null zero full random urandom tty; do touch "$1/dev/$name"; mount --bind "/dev/$name" "$1/dev/$name"; done
mkdir "$1/dev/pts" "$1/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
mount -t tmpfs tmpfs "$1/dev/shm"
ln -s pts/ptmx "$1/dev/ptmx"
mkdir -p "$1/.old"
cd "$1"
pivot_root . .old
umount -l /.old
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target
'''


def needs():
    """The packages whose libraries the programs are linked with, as the Debian package names them."""
    out = wd.run([os.path.join(wd.TOP, 'packaging/deb/depends')] + [
        os.path.join(wd.TOP, 'build', name) for name in ('njegated', 'njegate')])
    return sorted({re.match(r'[a-z0-9.+-]+', word.strip()).group(0) for word in out.strip().split(',')})


def make_tar():
    """Made beside its name, so that a broken attempt leaves nothing."""
    if os.path.exists(TAR):
        return
    os.makedirs(pkgs.PKG, exist_ok=True)
    work = '%s.%d' % (TAR, os.getpid())
    suite = re.search(r'^VERSION_CODENAME=(\w+)', open('/etc/os-release', encoding='utf-8').read(), re.M)
    try:
        made = subprocess.run(['debootstrap', '--variant=minbase', '--include=systemd,systemd-sysv,dbus,passwd,' +
                               ','.join(needs()), suite.group(1) if suite else 'stable', work, MIRROR],
                              capture_output=True, text=True, timeout=400)
        if made.returncode:
            raise wd.Skip('debootstrap cannot make a root: ' + made.stdout[-200:].strip())
        shutil.rmtree(os.path.join(work, 'var/cache/apt'), ignore_errors=True)
        subprocess.run(['tar', '-C', work, '-cf', work + '.tar', '.'], check=True, timeout=100)
        os.replace(work + '.tar', TAR)
    except subprocess.TimeoutExpired:
        raise wd.Skip('debootstrap takes too long')
    finally:
        shutil.rmtree(work, ignore_errors=True)


class SystemRoot:
    def __init__(self, w):
        if os.geteuid():
            raise wd.Skip('needs root')
        for name in ('debootstrap', 'unshare', 'nsenter', 'tar'):
            if not shutil.which(name):
                raise wd.Skip('no ' + name)
        with open('/proc/mounts', encoding='utf-8') as f:
            groups = [ln.split()[1] for ln in f if ln.split()[2] == 'cgroup2']
        if not groups:
            raise wd.Skip('no control groups of version 2')
        make_tar()
        self.dir = os.path.join(w.dir, 'system')
        os.makedirs(self.dir)
        os.chmod(w.dir, 0o755)
        subprocess.run(['tar', '-C', self.dir, '-xf', TAR], check=True, timeout=100)
        self.group = os.path.join(groups[0], 'nje-%d' % os.getpid())
        os.mkdir(self.group)
        self.outer, self.pid = None, None
        atexit.register(self.end)  # also when the case fails

    def boot(self):
        self.log = open(os.path.join(self.dir, '..', 'boot'), 'wb')
        enter = 'echo $$ > "$2/cgroup.procs"; exec unshare -C -m -p -u -i -f --kill-child sh -c "$3" sh "$1"'
        self.outer = subprocess.Popen(['sh', '-c', enter, 'sh', self.dir, self.group, BOOT], stdin=subprocess.DEVNULL,
                                      stdout=self.log, stderr=self.log)
        self.until(self.find, what='process 1')
        self.until(lambda: self.run('systemctl', 'is-system-running', status=None).strip() in ('running', 'degraded'),
                   what='systemd to be up')
        return self

    def find(self):
        assert self.outer.poll() is None, self.story()
        children = '/proc/%d/task/%d/children' % (self.outer.pid, self.outer.pid)
        with open(children, encoding='ascii') as f:
            pids = f.read().split()
        if pids and open('/proc/%s/comm' % pids[0], encoding='ascii').read().strip() == 'systemd':
            self.pid = pids[0]
        return self.pid

    def run(self, *words, status=0, stdin=None):
        """A command in it."""
        return wd.run(['nsenter', '-t', self.pid, '-m', '-p', '-u', '-i', '-C', 'env', '-i',
                       'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND=noninteractive'] + list(words),
                      status=status, stdin=stdin)

    def write(self, path, text):
        path = os.path.join(self.dir, path.lstrip('/'))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)

    def read(self, path):
        with open(os.path.join(self.dir, path.lstrip('/')), encoding='utf-8') as f:
            return f.read()

    def shows(self, name, unit='njegate.service'):
        """A property of a unit."""
        return self.run('systemctl', 'show', '-P', name, unit).strip()

    def journal(self):
        return self.run('journalctl', '-u', 'njegate', '-o', 'cat', '--no-pager')

    def until(self, test, limit=wd.LIMIT * 2, what='a condition'):
        end = time.monotonic() + limit
        while not (got := test()):
            assert time.monotonic() < end, 'waited in vain for %s\n%s' % (what, self.story())
            threading.Event().wait(0.1)  # pace of the polling; nothing depends on it
        return got

    def story(self):
        with open(os.path.join(self.dir, '..', 'boot'), encoding='utf-8', errors='replace') as f:
            text = f.read()[-2000:]
        if self.pid:
            text += self.run('journalctl', '--no-pager', '-n', '60', status=None)
        return text

    def end(self):
        if self.outer is not None:
            if self.pid:
                os.kill(int(self.pid), signal.SIGKILL)  # and with it all in its name space
            self.outer.kill()
            self.outer.wait()
            self.log.close()
            self.outer = None
        end = time.monotonic() + wd.LIMIT
        while os.path.isdir(self.group) and time.monotonic() < end:
            for folder, _, _ in list(os.walk(self.group, topdown=False)):
                try:
                    os.rmdir(folder)
                except OSError:
                    threading.Event().wait(0.05)  # its processes are on their way out
