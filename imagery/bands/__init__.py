"""What a file's bands are, and which bands of two scenes show the same part of the spectrum."""

from imagery.bands._names import canonical_name, name_bands, sensor_of
from imagery.bands._pairs import BandPairs, pair_bands

__all__ = ["BandPairs", "canonical_name", "name_bands", "pair_bands", "sensor_of"]
