"""AWS itself: identities, clients, errors, objects in S3."""
