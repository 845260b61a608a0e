"""Which passwords are guessed first, and so are none."""

from __future__ import annotations

import re

FEWEST = 5  # different characters
ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertz")
# Heads of the lists of leaked passwords, without what is added at their ends.
WORDS = """
abc access admin administrator amanda andrew arsenal asd asdf ashley autumn bailey barcelona
baseball batman biteme blink changeme charlie cheese chelsea chocolate computer cookie
corvette daniel deepfake default donald dragon facebook facegate ferrari flower football
freedom ginger google guest hello hunter iloveyou internet january jennifer jessica jordan
joshua killer letmein liverpool login loveyou master matrix mercedes michael monkey mustang
naruto nicole pass passw password passwort pepper pokemon princess qazwsx qwe qwer ranger
robert root samsung secret selfie shadow spring starwars summer sunshine superman test testing
thomas trustno user welcome whatever winter yankees zxc zxcv
"""
COMMON = frozenset(WORDS.split())
LEET = str.maketrans("013457@$!", "oleastasi")


def weakness(password: str, name: str) -> str | None:
    """Why this is no password, as the end of a sentence; None where nothing speaks against it."""
    plain = password.casefold()
    if len(set(plain)) < FEWEST:
        return f"must have at least {FEWEST} different characters"
    if name in plain or (len(plain) >= len(name) // 2 and plain in name):
        return "must differ from the user name"
    if _in_a_row(plain) or _repeats(plain) or _is_common(plain):
        return "is one of those that are guessed first"
    return None


def _is_common(plain: str) -> bool:
    """A common word alone, whatever digits and signs stand for its letters or at its ends."""
    shown = {re.sub(r"[\W\d_]+", "", plain), re.sub(r"[\W_]+", "", plain.translate(LEET))}
    trimmed = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain).translate(LEET)
    return bool((shown | {trimmed}) & COMMON) or any(_all_common(one) for one in shown)


def _all_common(letters: str) -> bool:
    """Two common words."""
    cuts = range(3, len(letters) - 2)
    return any(letters[:cut] in COMMON and letters[cut:] in COMMON for cut in cuts)


def _in_a_row(plain: str) -> bool:
    """Keys or letters beside each other, with two jumps at most."""
    pairs = [plain[at : at + 2] for at in range(len(plain) - 1)]
    beside = sum(any(pair in row or pair[::-1] in row for row in ROWS) for pair in pairs)
    return beside >= len(pairs) - 2


def _repeats(plain: str) -> bool:
    """The same few characters again and again."""
    return any(
        len(plain) >= 2 * size and (plain[:size] * len(plain))[: len(plain)] == plain
        for size in range(1, 6)
    )
