"""The EC2 API: the only package that imports boto3."""
