"""From sound to speech: where somebody speaks, how good it sounds, and what is judged of it."""
