"""The modules of `steps/` that the command line uses too; all need the standard library only.

Whatever else is in `steps/` is uploaded and never imported. They are imported by their own names,
as the steps import each other: under two names a module would be there twice, with two of each
class.
"""

import sys

from pipelines.root import ROOT

if (_STEPS := str(ROOT / "steps")) not in sys.path:
    sys.path.append(_STEPS)  # last, so that nothing there hides a package

import audited_shares as audited_shares
import audits as audits
import bin_files as bin_files
import bin_table as bin_table
import counts as counts
import document as document
import file_names as file_names
import model_code as model_code
import photo as photo
import photo_jpeg as photo_jpeg
import photo_png as photo_png
import record as record
