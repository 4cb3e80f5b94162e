"""The only room that touches machines. Its only input is a warrant that verifies.

- What a run may see of this machine is listed, not inherited.
- Parameters travel as text that Ansible can never take for a template; hosts are pinned by name.
- Success needs proof: return code 0, the closing statistics, and every expected host in them.
  Whatever cannot be known is `unknown`, and a run that was started is never started again.
"""
