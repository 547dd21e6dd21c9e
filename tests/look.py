#!/usr/bin/env python3
"""look.py PROGRAM MODELS PHOTOS: `caption --look` in terminals of several kinds, which this program plays: some show sixels
or kitty's pictures and say so, some say that they show none, some never answer. The program always ends, shows what the
terminal can show, and leaves its settings as they were."""
import os
import pty
import select
import subprocess
import sys
import termios
import time

program, models, photos = (os.path.abspath(p) for p in sys.argv[1:4])
KITTY, ATTRIBUTES = b'\x1b_Gi=31', b'\x1b[c'  # what it asks
BLOCK = '\u2580'.encode()


def play(answer, patience=60, **environment):
    """The output, the seconds it took, the exit code. answer: what the terminal says when it was asked all."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    settings = {**os.environ, 'TERM': 'xterm', **environment}
    settings.pop('COLORTERM', None)
    settings['LSAN_OPTIONS'] = f'suppressions={os.path.join(os.path.dirname(photos), "leaks.txt")}:print_suppressions=0'
    start = time.time()

    def lead():  # the terminal is that of a session of its own
        os.setsid()
        import fcntl
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.tcsetpgrp(0, os.getpgrp())

    run = subprocess.Popen([program, '--model', os.path.join(models, 'random_named.safetensors'), '--threads', '1', '--look',
                            os.path.join(photos, 'coffee.jpg')],
                           stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead, env=settings)  # noqa: PLW1509
    output, asked = b'', False
    while time.time() < start + patience:
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            output += os.read(master, 65536)
        elif run.poll() is not None:
            break
        if not asked and KITTY in output and ATTRIBUTES in output:
            asked = True
            os.write(master, answer)
    if run.poll() is None:
        run.kill()
        raise AssertionError('the program does not end')
    took = time.time() - start
    after = termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)
    if before != after:
        raise AssertionError('the terminal has other settings')
    return output.split(ATTRIBUTES, 1)[-1] if asked else output, asked, took, run.returncode


def expect(truth, what):
    if not truth:
        raise AssertionError(what)


def main():
    out, asked, took, code = play(b'\x1b[?1;2c')
    expect(asked and code == 0, f'exit code {code}: {out}')
    expect(BLOCK in out and b'\x1b[38;5;' in out, 'no half blocks where there are no pictures')
    expect(b'\x1bP' not in out and b'\x1b_G' not in out, 'pictures where there are none')
    out, _, silent, code = play(b'')
    expect(code == 0 and BLOCK in out, 'a terminal that does not answer gets no half blocks')
    print(f'{took:.2f} s with an answer, {silent:.2f} s without')
    out, _, _, code = play(b'\x1b[?62;4;22c')
    expect(code == 0 and b'\x1bP0;1;0q' in out and BLOCK not in out, 'no sixels')
    out, _, _, code = play(b'\x1b_Gi=31;OK\x1b\\\x1b[?62;4c')
    expect(code == 0 and b'\x1b_Ga=T,f=100' in out and BLOCK not in out, 'no picture of kitty\'s')
    out, asked, _, code = play(b'', TERM='dumb')
    expect(code == 1 and not asked and b'terminals with colours' in out, f'a terminal without colours: {code} {out}')
    out, _, _, code = play(b'\x1b[?1;2c', TERM='xterm-kitty')
    expect(code == 0 and b'\x1b[38;2;' in out, 'not all colours where they are known')
    return 0


if __name__ == '__main__':
    sys.exit(main())
