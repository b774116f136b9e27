"""Reading: from a plan document to a draft record. Nothing on the publishing side imports this package."""
