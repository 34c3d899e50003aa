"""Postfix's programs unpacked privately under build/pkg: nothing is installed, nothing of the system changed."""
import glob
import os
import shutil
import subprocess

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
PKG = os.path.join(TOP, 'build', 'pkg')


def unpack(package='postfix'):
    """The folder the package is unpacked in, or None when it cannot be had."""
    root = os.path.join(PKG, package)
    if os.path.isdir(os.path.join(root, 'usr')):
        return root
    if not shutil.which('apt-get') or not shutil.which('dpkg'):
        return None
    work = os.path.join(PKG, '%s.%d' % (package, os.getpid()))
    os.makedirs(work, exist_ok=True)
    try:
        for tries in (['apt-get', 'download', package],):
            subprocess.run(tries, cwd=work, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=120)
        deb = glob.glob(os.path.join(work, package + '_*.deb'))[0]
        subprocess.run(['dpkg', '-x', deb, os.path.join(work, 'x')], check=True, timeout=120)
        os.rename(os.path.join(work, 'x'), root)
    except (subprocess.SubprocessError, OSError, IndexError):
        if not os.path.isdir(os.path.join(root, 'usr')):
            return None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return root


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
