"""Real hosts for tests: Debian with systemd as PID 1, sshd, nginx, cron and sudo, each in a container of its own.

`python -m tests.hosts` is the tool for people, `tests.hosts.fixtures` what pytest gets; README.md tells both.
"""
