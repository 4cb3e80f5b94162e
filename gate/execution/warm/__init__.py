"""Ansible, imported once and forked for each run: a run starts in a tenth of a second instead of one.

    pool       the gate's side: starts the three servers, replaces them, ends them
    forkserver what the three share: a process that forks on request
    workers    forks the worker of a run (ansible-runner is imported already)
    playbooks  forks ansible-playbook (Ansible is imported already); what ansible-runner forks is its `client`
    modules    forks a module on a local connection (Ansible's module library is imported already)

- A fork serves one run and ends. What it serves with is frozen when its server starts; a request that asks for
  another configuration, or comes after something on disk has changed, is refused.
- Whoever is refused, or finds nobody, starts cold: slower, and the same in everything else.
- The servers end with the gate, once the runs that they have started are over.
"""
