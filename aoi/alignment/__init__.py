"""What is made of an alignment: its ties for a GIS, its figure, its diagnosis, its files.

Its modules are imported one by one where they are used: one without a figure needs no plotting.
"""
