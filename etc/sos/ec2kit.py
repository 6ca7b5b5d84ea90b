"""What `sos report` takes of the Recovery Kit for EC2, for sos 4.0 and later.

Link it into the folder of sos's plugins:

    ln -s /opt/ec2kit/etc/sos/ec2kit.py $(python3 -c 'import sos.report.plugins as p; print(p.__path__[0])')

Then `sos report` has what `ec2kit collect` has. Files with access keys are never copied; what looks like a secret in
anything else becomes ******, as other plugins of sos do it.
"""

from sos.report.plugins import DebianPlugin, IndependentPlugin, Plugin, UbuntuPlugin

KIT = "/opt/ec2kit/bin/ec2kit"
NAME = (
    r"(?i)((?:secret|token|passw(?:or)?d|passphrase|private[_-]?key|access[_-]?key|external_id|X-Amz-\w+|signature)"
    r"\w*\\?[\"']?\s*[=:]\s*"
)
SECRETS = (  # what is looked for, and what is left of it
    (NAME + r"(\\?[\"']))[^\"'\n]*", r"\1******"),
    (NAME + r")(?!\\?[\"'])[^\s\"',;&]+", r"\1******"),
    (r"(://)[^\s\"'<>]*@", r"\1******@"),
    (r"\b(?:AKIA|ASIA)[A-Z0-9]{8,}", r"******"),
)


class Ec2kit(Plugin, IndependentPlugin, DebianPlugin, UbuntuPlugin):
    """The plugin, in the form of sos's own. Debian's sos 4.0 does not take one that is independent alone."""

    short_desc = "Recovery Kit for EC2 (ec2kit)"
    plugin_name = "ec2kit"
    profiles = ("cluster", "network")
    files = (KIT,)

    def setup(self) -> None:
        """Name what is to be copied, and what is to be run."""
        self.add_forbidden_path(["/etc/ec2kit/credentials", "/root/.aws"])
        self.add_copy_spec(["/etc/default/LifeKeeper", "/var/lib/ec2kit", "/var/log/lifekeeper.log"])
        self.add_cmd_output([f"{KIT} --version", "ip -d addr", "ip rule", "ip route show table all"], timeout=10)
        self.add_cmd_output([f"{KIT} doctor --output json --timeout 40", f"{KIT} status --output json"], timeout=60)
        self.add_journal(identifier="ec2kit")
        self.add_journal(identifier="LifeKeeper")

    def postproc(self) -> None:
        """Leave out secrets."""
        ours = r"/etc/default/LifeKeeper|/var/lib/ec2kit/|/var/log/lifekeeper\.log"
        for regexp, instead in SECRETS:
            self.do_path_regex_sub(ours, regexp, instead)
            self.do_cmd_output_sub("ec2kit", regexp, instead)
            self.do_cmd_output_sub("journalctl", regexp, instead)
