"""What each recipe trains, in one line; read by `facetrack train` before torch is imported, which takes seconds."""

ABOUT = {
    "landmarks": "68 points, sigma and presence; --data synthetic draws the faces itself",
    "finetune": "the bundled landmark network, trained further on your faces",
    "landmarks-self": "the small landmark network, from a larger one's labels",
    "landmarks-large": "the most accurate landmark network: for a GPU, as a teacher",
    "landmarks-turned": "faces from profile to profile, with visibility and rotation",
    "landmarks-free": "as landmarks-turned, without research-only data; weak",
    "attributes": "mouth, smile and glasses on a landmark network",
    "appearance": "the face embedding that finds a person again",
    "expression": "seven expressions from gradients and points",
    "blendshapes": "ARKit's blendshapes from points, eyes and attributes",
    "eyes": "lids, irises and lid gap of both eyes",
    "detector": "the face detector",
    "kaggle-mlp": "predecessor: 15 points, one hidden layer",
    "kaggle-cnn": "predecessor: 15 points, three convolutions",
    "kaggle-vgg": "predecessor: 15 points, a small VGG",
    "vgg16": "predecessor: 15 points, a plain VGG-16, which fails to learn",
    "cnn128": "predecessor: cnn-facial-landmark",
    "tcdcn": "predecessor: points with auxiliary tasks",
    "eac": "predecessor: seven expressions with attention on the eyes",
    "expression-vgg": "predecessor: seven expressions, a small VGG",
}
"""Recipe -> what it trains, in the order in which `facetrack train` lists them."""
