"""The embedded lab: EC2, instance metadata and a LifeKeeper stand-in on one machine, without root."""
