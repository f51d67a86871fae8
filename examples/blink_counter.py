"""Count blinks and winks of everyone in view: `python blink_counter.py [CAMERA]`."""

import asyncio
import sys
from collections import Counter

import facetrack


async def main(camera: str) -> None:
    counts: Counter[tuple[int, str]] = Counter()
    async for result in facetrack.stream(camera):
        for event in result.events:
            if event.is_over and event.kind in ("blink", "wink_right", "wink_left"):
                counts[event.track_id, event.kind] += 1
                print(f"{event.end_s:7.2f} s  face {event.track_id}: {event.kind} {counts[event.track_id, event.kind]}")
    print("in all:", ", ".join(f"face {face} {kind} {n}" for (face, kind), n in sorted(counts.items())) or "none")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "0"))
