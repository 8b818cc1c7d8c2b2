"""Runs a server between its own standard files and writes what passes to NAME.in and NAME.out.

    stdio_tee.py NAME COMMAND...
"""

import os
import subprocess
import sys
import threading


def pump(source, target, path):
    with open(path, "wb", buffering=0) as copy:
        while piece := os.read(source, 65536):
            copy.write(piece)
            view = memoryview(piece)
            try:
                while view:
                    view = view[os.write(target, view):]
            except BrokenPipeError:
                break
    os.close(target)


name, *command = sys.argv[1:]
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
ends = [(0, os.dup(child.stdin.fileno()), name + ".in"), (child.stdout.fileno(), 1, name + ".out")]
child.stdin.close()
threads = [threading.Thread(target=pump, args=end, daemon=True) for end in ends]
for thread in threads:
    thread.start()
threads[1].join()
os._exit(child.wait())
