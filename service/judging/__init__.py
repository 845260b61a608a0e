"""From a medium to a recorded judgement, for every contract."""
