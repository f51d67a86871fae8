"""Home Assistant's MQTT discovery: one message that describes the device and all of its entities."""

from __future__ import annotations

from typing import Any

from facetrack.types.signals import FATIGUE_LEVELS

STATUS_TOPIC = "homeassistant/status"
"""Where Home Assistant says that it has started, and wants the description again."""
PERCENT = {"unit_of_measurement": "%", "state_class": "measurement", "suggested_display_precision": 0}
COUNT = {"state_class": "total_increasing"}
ENTITIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "present": ("binary_sensor", "Face present", {"device_class": "occupancy"}),
    "faces": ("sensor", "Faces", {"state_class": "measurement"}),
    "fatigue_level": ("sensor", "Fatigue level", {"device_class": "enum", "options": list(FATIGUE_LEVELS)}),
    "attention": ("sensor", "Attention", PERCENT),
    "perclos": ("sensor", "PERCLOS", PERCENT),
    "drowsy": ("binary_sensor", "Drowsy", {"device_class": "problem"}),
    "distracted": ("binary_sensor", "Distracted", {"device_class": "problem"}),
    "blinks": ("sensor", "Blinks", COUNT),
    "yawns": ("sensor", "Yawns", COUNT),
}
"""Entities by their key in the state: platform, name, and what else Home Assistant wants to know."""


def discovery_topic(name: str) -> str:
    """Return the topic of the device's description."""
    return f"homeassistant/device/facetrack_{name}/config"


def discovery(name: str, version: str, topics: dict[str, str]) -> dict[str, Any]:
    """Return the device's description. topics: of `state`, `available` and `calibrate`."""
    components: dict[str, Any] = {
        key: {
            "p": platform,
            "unique_id": f"facetrack_{name}_{key}",
            "name": label,
            "value_template": _template(platform, key),
            **more,
        }
        for key, (platform, label, more) in ENTITIES.items()
    }
    components["calibrate"] = {
        "p": "button", "unique_id": f"facetrack_{name}_calibrate", "name": "Recalibrate",
        "command_topic": topics["calibrate"], "entity_category": "config",
    }  # fmt: skip
    return {
        "dev": {"ids": [f"facetrack_{name}"], "name": f"facetrack {name}", "mf": "facetrack", "sw": version},
        "o": {"name": "facetrack", "sw": version},
        "cmps": components,
        "state_topic": topics["state"],
        "availability_topic": topics["available"],
        "qos": 1,
    }


def _template(platform: str, key: str) -> str:
    """Null is rendered as None, which Home Assistant takes for unknown."""
    if platform == "binary_sensor":
        return f"{{{{ None if value_json.{key} is none else 'ON' if value_json.{key} else 'OFF' }}}}"
    return f"{{{{ value_json.{key} }}}}"
