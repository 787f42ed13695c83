"""What a worker may reach: its model's files to read, an empty folder to write, and nothing else of this machine.

An adapter opens checkpoints that run code when they are opened, so a worker is not trusted. Three modes:

    bwrap     namespaces of its own (bubblewrap): the files named here and no others, its own processes, no network;
              what it writes lies in memory, up to a limit, and goes with it. On top, the filter of seccomp.py.
    landlock  where namespaces are not allowed: Landlock for the files, the same filter for network and processes. It
              can still ask whether a file exists, and of /proc it reads its own process's folder alone.
    none      nothing is kept from it, but the variables and the folders that it is told of.

`auto` takes the first of them that proves itself: a probe is run in the sandbox and must fail to read, write, connect
and signal (probe.py). In every mode an allow-list says which variables it gets, its HOME and TMPDIR are empty folders
that are removed at its end, and all its processes end with it, with `close` and with the host.

Environments are hard links into uv's cache, so that ten families share one torch of 5 GB; a copy of one takes 80 s and
5 GB. bwrap and landlock let no worker write to them. For `none` the environment is first made a copy (environment.py).

What is left: as root, whose files a worker inside still owns, the number of processes has no limit.
"""
