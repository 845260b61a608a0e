"""How a worker takes in connections, requests and answers."""
