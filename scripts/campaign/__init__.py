"""A campaign of attacks and faults against running services."""
