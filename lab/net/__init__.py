"""A lab with real packets: namespaces for hosts, a VPC router that does as moto's EC2 says. Needs root, on Linux."""
