#!/usr/bin/env python3
"""Run the end-to-end cases: functions case_* in tests/e2e/case_*.py, each given a World.

    run.py [-j N] [-v] [WORD ...]    only cases whose file or name holds one of the words
Each case runs in a process of its own under a time limit (default 60 s; the function's `limit` otherwise).
The last line is `N passed, N failed, N skipped`."""
import argparse
import glob
import importlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'peer')]
DEFAULT_LIMIT = 60
SKIPPED = 77


def cases():
    for path in sorted(glob.glob(os.path.join(HERE, 'case_*.py'))):
        module = os.path.basename(path)[:-3]
        with open(path, encoding='utf-8') as f:
            names = [ln[4:].split('(')[0] for ln in f if ln.startswith('def case_')]
        for name in names:
            yield module, name


def limit_of(module, name):
    return getattr(getattr(importlib.import_module(module), name), 'limit', DEFAULT_LIMIT)


def one(module, name):
    """In the child: run one case and tell its fate by the exit status."""
    import world as worlds
    case = getattr(importlib.import_module(module), name)
    world = worlds.World(name)
    try:
        try:
            case(world)
        except worlds.Skip:
            raise
        except BaseException:
            traceback.print_exc()
            print(world.story())
            return 1
        try:
            world.finish()
        except BaseException:
            traceback.print_exc()
            print(world.story())
            return 1
        return 0
    except worlds.Skip as e:
        print(e)
        return SKIPPED
    finally:
        world.clean()
        sys.stdout.flush()


def run_case(module, name, limit):
    child = subprocess.Popen([sys.executable, os.path.join(HERE, 'run.py'), '--one', module, name],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
                             start_new_session=True)
    try:
        out, _ = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        out = 'still running after %d s' % limit
        # An alarm to the child first: it prints where it stands.
        child.send_signal(signal.SIGALRM)
        try:
            out = child.communicate(timeout=10)[0] + '\n' + out
        except subprocess.TimeoutExpired:
            pass
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return child.returncode, out


def on_alarm(signum, frame):
    raise AssertionError('time limit of the case')


class Runner:
    def __init__(self, todo, verbose):
        self.todo, self.verbose = queue.Queue(), verbose
        for module, name in todo:
            self.todo.put((module, name, limit_of(module, name)))
        self.counts = {'passed': 0, 'failed': 0, 'skipped': 0}
        self.lock = threading.Lock()

    def work(self):
        while True:
            try:
                module, name, limit = self.todo.get_nowait()
            except queue.Empty:
                return
            begun = time.monotonic()
            status, out = run_case(module, name, limit)
            self.tell(module, name, status, out, time.monotonic() - begun)

    def tell(self, module, name, status, out, seconds):
        fate = {0: 'passed', SKIPPED: 'skipped'}.get(status, 'failed')
        title = '%s.%s' % (module[5:], name[5:])
        with self.lock:
            self.counts[fate] += 1
            if fate == 'failed':
                print('FAILED: %s (%.1f s)\n%s\n' % (title, seconds, out), flush=True)
            elif fate == 'skipped':
                print('skipped: %s: %s' % (title, out.strip()), flush=True)
            elif self.verbose:
                print('ok: %s (%.1f s)' % (title, seconds), flush=True)

    def run(self, workers):
        threads = [threading.Thread(target=self.work) for _ in range(workers)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        print('%(passed)d passed, %(failed)d failed, %(skipped)d skipped' % self.counts)
        return 1 if self.counts['failed'] else 0


def main():
    a = argparse.ArgumentParser(description='end-to-end tests of njegate')
    a.add_argument('-j', type=int, default=3, metavar='N', help='cases at a time')
    a.add_argument('-v', action='store_true')
    a.add_argument('--list', action='store_true')
    a.add_argument('--one', nargs=2, help=argparse.SUPPRESS)
    a.add_argument('words', nargs='*')
    args = a.parse_args()
    if args.one:
        signal.signal(signal.SIGALRM, on_alarm)
        return one(*args.one)
    todo = [c for c in cases() if not args.words or any(w in '.'.join(c) for w in args.words)]
    if args.list:
        print('\n'.join('%s.%s' % (m[5:], n[5:]) for m, n in todo))
        return 0
    if not todo:
        print('no case is named like %s' % ' '.join(args.words))
        return 1
    return Runner(todo, args.v).run(args.j)


if __name__ == '__main__':
    sys.exit(main())
