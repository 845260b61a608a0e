"""Make the pictures of docs/console.md: `python -m scripts.screenshots`.

A service with made-up results and the bundled selfies; small PNGs of few colours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page

from service.judging.reviews import Reviews
from service.store import open_store
from service.web.preview import small_copy
from tests.images import genuine, manipulated
from tests.live import Live
from tests.web.browser import arrive, chromium, log_in, opened
from tests.web.conftest import PASSWORD, seat_people
from tests.web.seeds import results

DOCS = Path(__file__).parents[1] / "docs"
COLOURS = 96


def _try(page: Page) -> None:
    for name, data in (("genuine.jpg", genuine()), ("manipulated.jpg", manipulated())):
        page.set_input_files("#media", {"name": name, "mimeType": "image/jpeg", "buffer": data})
        page.locator("#answers > details").first.locator("summary .tag").first.wait_for()


def _nothing(_: Page) -> None:
    """The page as it comes."""


SHOTS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "try": ("try/", _try),
    "results": ("results/", _nothing),
    "review": ("review/?queue=random", _nothing),
    "operations": ("operations/", _nothing),
    "point": ("operating-point/", _nothing),
}


def seed(live: Live) -> None:
    """Results of a day, some reviewed, all with a picture."""
    store = open_store(live.settings)
    small = small_copy(genuine(), 480)
    assert small is not None
    for number, one in enumerate(results(2500)):
        image = small[0]
        store.put_result(replace(one, image=image, created_at=one.created_at - number * 25))
        if number % 100 == 0:
            found = "deepfake" if one.analysis["score"] >= 0.5 else "genuine"
            Reviews(store).say(one, "ada", found, "", "random")  # type: ignore[arg-type]
    store.close()


def main() -> int:
    """All of them."""
    with TemporaryDirectory() as folder, Live(Path(folder), store_images="true") as live:
        seat_people(live)
        seed(live)
        size = {"width": 1280, "height": 860}
        with chromium() as browser, opened(browser, live.base, viewport=size) as page:
            log_in(page, "administrator", PASSWORD)
            for name, (path, prepare) in SHOTS.items():
                arrive(page, path)
                prepare(page)
                file = DOCS / f"console-{name}.png"
                page.screenshot(path=file)
                Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
