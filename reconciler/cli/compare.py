"""`plan --diff OLD NEW`: two policies compared entry by entry, without a host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reconciler.cli.options import DEFAULT_PATH
from reconciler.cli.streams import out_document, out_painted
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.policy.document import Document


def compare(old: str, new: str, *, as_json: bool, markdown: bool) -> bool:
    """Print how they differ. Do they? Each is a file or a folder, or else of a git revision.

    Raises PolicyError for what is wrong in either, ReconcilerError for what is not there.
    """
    from reconciler.plan.policy_diff import policy_diff

    found = policy_diff(_documents(old), _documents(new))
    if as_json:
        from reconciler.report.compared import diff_document

        out_document(diff_document(found, old, new))
    elif markdown:
        from reconciler.report.markdown import diff_markdown

        out_painted(lambda palette: diff_markdown(found, (old, new), palette), wrap=False)
    else:
        from reconciler.report.compared import diff_lines

        out_painted(lambda palette: diff_lines(found, (old, new), palette))
    return found.differ


def _documents(name: str) -> tuple[Document, ...]:
    from reconciler.policy.files import parse_documents, read_documents

    if not name:
        raise UsageError("a name is empty, which would mean the working folder; write . for that", where="--diff")
    if os.path.lexists(name):
        return read_documents(name)
    from reconciler.cli.revisions import read_revision

    return parse_documents(read_revision(name, DEFAULT_PATH))
