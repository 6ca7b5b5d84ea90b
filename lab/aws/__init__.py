"""AWS beside EC2, on loopback: STS, SSO's portal, a container's credentials, a proxy, and all their names."""
