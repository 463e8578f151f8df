"""Settings of the bin images to learn from."""

from typing import Literal

from pipelines.settings import fields
from pipelines.settings.fields import CountOrZero
from pipelines.settings.section import Section


class Data(Section):
    """Bin images to learn from."""

    source: fields.ImageSource
    """Bins: ABID's layout, folders by count, or a CSV file,count. `start` uploads a folder."""
    further: fields.FurtherSource = ""
    """Further bins whose shares of counts are wrong: learnt from, never judged on; none: none."""
    audits: fields.AuditSource = ""
    """Audits, as in s3://BUCKET/tally/audits: their counts replace the records'; none: none."""
    file_list: fields.FileList = ""
    """A file_list.json that names the images of each class; none: a balanced subset."""
    subset_size: CountOrZero
    """Number of images, balanced over the classes; 0: every image."""
    classes: fields.Classes
    """Item counts to learn; 0-5 adds empty bins; in 0-6+ the last is "6 or more"."""
    learn_from: Literal["classes", "all"] = "classes"
    """all: train on bins of other counts too (0, 6, 7, ...); they are never scored."""
    contradictions: Literal["keep", "leave-out"] = "keep"
    """Bins whose items' quantities do not add up to their count."""
    store_size: CountOrZero = 0
    """Store training images as squares of this many pixels: smaller, faster to read; 0: as is."""
    split: fields.Split = "8:1:1"
    """Shares of train, validation and test."""
    seed: CountOrZero = 0
    """Random seed for sampling, splitting and training."""
