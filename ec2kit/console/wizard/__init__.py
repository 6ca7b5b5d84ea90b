"""The create wizard: `ec2kit create` without an option, on a terminal."""
