"""Who may ask: `hash_id` in, a `Licence` out."""
