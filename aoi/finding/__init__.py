"""Finding imagery of a place: catalogues on the web, one's own archive, and fetching a part.

Its modules are imported one by one where they are used, so that a search of an archive starts fast.
"""
