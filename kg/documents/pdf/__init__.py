"""PDF documents: pages are extracted in processes of their own, and brought into lines here."""
