"""The modules that a model ships as `code/`: Train copies them, and its code bundle has them.

Names alone, without imports, as the command line reads them, too.
"""

FILES = (
    "inference.py",
    "input_statistics.py",
    "answer.py",
    "decision.py",
    "document.py",
    "engine.py",
    "self_test.py",
    "network.py",
    "served_network.py",
    "record_network.py",
    "item_features.py",
    "photo.py",
    "photo_jpeg.py",
    "photo_png.py",
    "pixels.py",
    "counts.py",
    "record.py",
    "record_errors.py",
    "request.py",
)
