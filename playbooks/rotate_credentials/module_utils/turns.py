"""Whether two logins of a role can take turns, and whether they still are as a turn has left them. Pure.

Works on what role_catalogue.Server.look tells. Its rows are compared as a whole: what is not known here, undo could
lose.
"""

from __future__ import annotations

from ansible.module_utils.credential import is_password_of
from ansible.module_utils.kept_file import Refused

FLAGS = {
    "superuser": False,
    "inherit": True,
    "createrole": False,
    "createdb": False,
    "login": True,
    "replication": False,
    "bypassrls": False,
}
# what an application could notice when it is somebody else
ALIKE = ("flags", "limit", "settings", "member_of", "members")


# Before a turn


def refuse_unsafe(seen, group, old, new, login):
    """The first reason why the new login could not take the place of the old one."""
    rows, about = seen["rows"], seen["about"]
    role, now, then = (rows.get(name) for name in (group, old, new))
    if seen["standby"]:
        raise Refused("This server is a standby. Roles are changed on its primary. Name that host.")
    if role is None or role["flags"]["login"] or now is None:
        raise Refused(f"There is no role {group} without login, or no {old}. They have to be there. Make them.")
    refuse_unlike_a_member(now, old, group)
    if about[old]["holds"] or (then and about[new]["holds"]):
        raise Refused(
            f"{old} or {new} owns something, or has rights of its own. The other one would not have them. "
            f"Give them to {group}: REASSIGN OWNED, GRANT; and ALTER ROLE ... SET role = '{group}'."
        )
    if not about[old]["is_valid"] or not is_password_of(now["verifier"], login):
        raise Refused(f"The file has no login that works: {old} has expired, or has another password. Mend that.")
    if then is None and now["settings"] not in ([], [["", [f"role={group}"]]]):
        raise Refused(f"{old} has settings of its own. They are not copied. Make {new} alike, expired, yourself.")
    if then is not None:
        refuse_in_use(then, about[new], new)
        if any(then[key] != now[key] for key in ALIKE):
            raise Refused(f"{new} is not like {old}: {', '.join(ALIKE)} have to be the same. Make them so.")


def refuse_unlike_a_member(row, name, group):
    links = row["member_of"]
    plain = list(links) == [group] and all(value is (key != "admin_option") for key, value in links[group].items())
    if row["flags"] != FLAGS or not plain or row["members"]:
        raise Refused(
            f"{name} is more or less than a login that is a member of {group} and inherits from it. "
            f"What it is besides, the other one would have to be too. Leave rights to {group}."
        )


def refuse_in_use(row, about, name):
    if about["is_valid"]:
        until = row["valid_until"] or "for ever"
        raise Refused(
            f"{name} is still valid ({until}). Whoever uses it would be locked out by a new password. "
            "Wait until its grace is over, or set VALID UNTIL yourself."
        )
    if about["sessions"]:
        raise Refused(f"{name} has {about['sessions']} open sessions. Somebody still uses it. End them first.")


# After it


def is_as_before(seen, recorded):
    """As far as evidence tells: a rotation makes a login, or takes away that it has expired, with its first step."""
    old, new = (seen["rows"].get(recorded[one]["name"]) for one in ("old", "new"))
    return (
        seen["cluster"] == recorded["cluster"]
        and old is not None
        and old["valid_until"] == recorded["old"]["valid_until"]
        and (new is not None) == recorded["new"]["was_there"]
        and (new or {}).get("valid_until") == recorded["new"]["valid_until"]
    )


def refuse_changed(seen, group, recorded, rows):
    """Each login must be as it was, or as a rotation leaves it, in all that a server knows of it."""
    old, new = recorded["old"]["name"], recorded["new"]["name"]
    now, then = seen["rows"].get(old), seen["rows"].get(new)
    left = {**rows["old"], "valid_until": recorded["until"]}
    if seen["cluster"] != recorded["cluster"] or now not in (rows["old"], left):
        raise Refused(f"stale: {old} is no longer as the change left it. Nothing was restored.")
    if then not in (rows["new"], rows["left"]):
        raise Refused(f"stale: {new} is no longer as the change left it. Nothing was restored.")
    if then is not None and seen["about"][new]["holds"]:
        raise Refused(
            f"stale: {new} has made something, or was given rights of its own. Nothing was restored. "
            f"Give that to {group}: REASSIGN OWNED BY {new} TO {group}."
        )
