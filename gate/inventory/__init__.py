"""Where things can be done: hosts and groups, as Ansible itself reads the inventory.

- Read by Ansible's own code, in a child process; this process never imports Ansible.
- Of all variables only `gate_environment`, `gate_criticality` and `gate_tags` leave the child, and whether the
  connection is `local`; secrets stay where they are.
- Closed: what cannot be read whole, or has a name with two meanings, is an error and no smaller inventory.
"""
