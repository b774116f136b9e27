"""Plan documents: read once into numbered lines with their fingerprint, whatever kind of file; search a quote at its line."""

from kg.documents.files import LIMIT_BYTES, MEDIA_TYPES, find_documents, read_document
from kg.documents.model import Document, Gap

__all__ = ["LIMIT_BYTES", "MEDIA_TYPES", "Document", "Gap", "find_documents", "read_document"]
