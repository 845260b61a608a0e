"""The decoder: a program of its own, run as a child process for one medium, and then gone.

`python -m service.media.decoder` gets a file descriptor and an order, and writes messages to its
standard output (`wire`). It alone loads FFmpeg (PyAV): what a hostile file breaks or eats up there
is a child process with limits, never a worker. It imports nothing else of the service but `wire`.
"""
