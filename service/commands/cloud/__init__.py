"""Commands at the AWS edge."""
