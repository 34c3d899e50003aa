"""Programs of Debian unpacked privately under build/pkg: nothing is installed, nothing of the system changed."""
import glob
import os
import re
import shutil
import subprocess

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
PKG = os.path.join(TOP, 'build', 'pkg')


def unpack_all(packages):
    """Fetch and unpack those that are not there yet, in one go; what cannot be had is left out."""
    wanted = [p for p in packages if not os.path.isdir(os.path.join(PKG, p, 'usr'))]
    if not wanted or not shutil.which('apt-get') or not shutil.which('dpkg'):
        return
    work = os.path.join(PKG, '%s.%d' % (wanted[0], os.getpid()))
    os.makedirs(work, exist_ok=True)
    try:
        subprocess.run(['apt-get', 'download', *wanted], cwd=work, check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=240)
        for package in wanted:
            for deb in glob.glob(os.path.join(work, package + '_*.deb')):
                subprocess.run(['dpkg', '-x', deb, os.path.join(work, package)], check=True, timeout=120)
                os.rename(os.path.join(work, package), os.path.join(PKG, package))
    except (subprocess.SubprocessError, OSError):
        pass  # another run may have been first
    finally:
        shutil.rmtree(work, ignore_errors=True)


def unpack(package='postfix'):
    """The folder the package is unpacked in, or None when it cannot be had."""
    unpack_all([package])
    root = os.path.join(PKG, package)
    return root if os.path.isdir(os.path.join(root, 'usr')) else None


def with_libraries(packages):
    """The folders of the packages and of all shared libraries this machine lacks for them; None: one cannot be had."""
    plan = os.path.join(PKG, packages[0] + '.needs')
    if not os.path.exists(plan):
        if not shutil.which('apt-get'):
            return None
        told = subprocess.run(['apt-get', '-s', '--no-install-recommends', 'install', *packages], capture_output=True,
                              text=True, check=False, timeout=120).stdout
        needs = re.findall(r'^Inst (lib(?!js-)[^ ]*[0-9][a-z]?) ', told, re.M)
        os.makedirs(PKG, exist_ok=True)
        with open(plan, 'w', encoding='ascii') as f:
            f.write(' '.join([*packages, *(n for n in needs if n not in packages)]))
    with open(plan, encoding='ascii') as f:
        names = f.read().split()
    unpack_all(names)
    roots = [unpack(n) for n in names]
    return None if None in roots else roots


def library_path(roots):
    """For LD_LIBRARY_PATH: where the shared libraries of the packages are."""
    return ':'.join(sorted({os.path.dirname(p) for r in roots for p in glob.glob(r + '/**/*.so*', recursive=True)}))


def postfix_env(root):
    env = dict(os.environ)
    env['LD_LIBRARY_PATH'] = os.path.join(root, 'usr/lib/postfix')
    return env


def tool(name):
    """(path, environment) of a Postfix tool such as smtp-source, or None."""
    found = shutil.which(name)
    if found:
        return found, dict(os.environ)
    root = unpack()
    if root is None:
        return None
    path = os.path.join(root, 'usr/sbin', name)
    return (path, postfix_env(root)) if os.access(path, os.X_OK) else None
