"""ec2kit: the recovery kit that moves a cluster's address between two EC2 instances."""

__version__ = "0.2.0"
