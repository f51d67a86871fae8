"""Publish ROS4HRI's topics (REP-155) in ROS 2: `facetrack live --no-window --json - | python ros_bridge.py`."""

import json
import sys

import rclpy
from hri_msgs.msg import FacialLandmarks, IdsList, NormalizedPointOfInterest2D, NormalizedRegionOfInterest2D


def landmarks(face: dict, width: int, height: int) -> FacialLandmarks:
    found = FacialLandmarks(width=width, height=height)
    for (x, y), sigma in zip(face["points"], face["sigma"], strict=True):  # 0..67 are the 300-W points there, too
        certain = 1.0 if sigma is None else max(0.0, 1.0 - sigma / 20.0)
        found.landmarks.append(NormalizedPointOfInterest2D(x=x / width, y=y / height, c=certain))
    found.landmarks += [NormalizedPointOfInterest2D(x=0.0, y=0.0, c=0.0)] * 2  # pupils are not measured
    return found


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("facetrack")
    tracked, publishers = node.create_publisher(IdsList, "/humans/faces/tracked", 1), {}
    header = json.loads(sys.stdin.readline())
    size = header["width"], header["height"]
    for line in sys.stdin:
        faces = {f"f{face['id']:05}": face for face in json.loads(line)["faces"]}
        tracked.publish(IdsList(ids=list(faces)))
        for name, face in faces.items():
            x0, y0, x1, y1 = (value / side for value, side in zip(face["box"], size * 2, strict=True))
            place = NormalizedRegionOfInterest2D(xmin=x0, ymin=y0, xmax=x1, ymax=y1, c=face["score"] or 0.0)
            for kind, message in (("roi", place), ("landmarks", landmarks(face, *size))):
                topic = f"/humans/faces/{name}/{kind}"
                if topic not in publishers:
                    publishers[topic] = node.create_publisher(type(message), topic, 1)
                publishers[topic].publish(message)


if __name__ == "__main__":
    main()
