"""Save a picture of every smile: `python smile_photo.py [CAMERA] [FOLDER]`."""

import asyncio
import sys
from pathlib import Path

import cv2

import facetrack


async def main(camera: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async for result in facetrack.stream(camera):
        for event in result.events:
            if event.kind == "smile" and not event.is_over:
                path = folder / f"smile_{event.track_id}_{result.frame.index:06}.jpg"
                cv2.imwrite(str(path), result.frame.image)
                print(f"saved {path}")


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *["0", "smiles"][len(sys.argv) - 1 :]]
    asyncio.run(main(arguments[0], Path(arguments[1])))
