"""Metadata files in the shape that their vendors document, for the tests of metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagery.metadata import Metadata, read_metadata_file

IMD = """version = "28.3";
BEGIN_GROUP = BAND_P
\tULLon = 125.70000000;
\tabsCalFactor = 4.8e-02;
END_GROUP = BAND_P
productLevel = "LV2A";
BEGIN_GROUP = IMAGE_1
\tsatId = "WV03";
\tmode = "FullSwath";
\tfirstLineTime = 2024-06-06T02:41:30.287350Z;
\tmeanCollectedGSD =   0.342;
\tmeanProductGSD =   0.300;
\tmeanSunAz = 152.3;
\tmeanSunEl =  70.1;
\tmeanSatAz =  79.7;
\tmeanSatEl =  64.6;
\tmeanOffNadirViewAngle =  22.9;
\tcloudCover = 0.014;
END_GROUP = IMAGE_1
END;
"""

ISD = """<?xml version="1.0" encoding="utf-8"?><isd><IMD><VERSION>AA</VERSION>
<PRODUCTLEVEL>Stereo OR2A</PRODUCTLEVEL><BAND_P><ULLON>125.7</ULLON></BAND_P>
<IMAGE><SATID>GE01</SATID><TLCTIME>2024-06-06T02:41:31Z</TLCTIME>
<FIRSTLINETIME>2024-06-06T02:41:30.287350Z</FIRSTLINETIME><MEANSUNAZ>152.3</MEANSUNAZ>
<MEANSUNEL>70.1</MEANSUNEL><MEANSATAZ>259.7</MEANSATAZ><MEANSATEL>64.6</MEANSATEL>
<MEANOFFNADIRVIEWANGLE>22.9</MEANOFFNADIRVIEWANGLE><CLOUDCOVER>-999</CLOUDCOVER>
<MEANCOLLECTEDGSD>0.461</MEANCOLLECTEDGSD></IMAGE></IMD><TIL/></isd>"""

PLACE = """<Located_Geometric_Values><LOCATION_TYPE>{}</LOCATION_TYPE><Acquisition_Angles>
<AZIMUTH_ANGLE unit="deg">{}</AZIMUTH_ANGLE><VIEWING_ANGLE unit="deg">{}</VIEWING_ANGLE>
<INCIDENCE_ANGLE_ALONG_TRACK unit="deg">{}</INCIDENCE_ANGLE_ALONG_TRACK>
<INCIDENCE_ANGLE_ACROSS_TRACK unit="deg">{}</INCIDENCE_ANGLE_ACROSS_TRACK>
<INCIDENCE_ANGLE unit="deg">{}</INCIDENCE_ANGLE></Acquisition_Angles>
<Solar_Incidences><SUN_AZIMUTH unit="deg">165.8</SUN_AZIMUTH>
<SUN_ELEVATION unit="deg">52.3</SUN_ELEVATION></Solar_Incidences><Ground_Sample_Distance>
<GSD_ACROSS_TRACK unit="m">0.74</GSD_ACROSS_TRACK><GSD_ALONG_TRACK unit="m">0.7</GSD_ALONG_TRACK>
</Ground_Sample_Distance></Located_Geometric_Values>"""

STRIP = """<Source_Identification><Strip_Source><MISSION>PHR</MISSION>
<MISSION_INDEX>1B</MISSION_INDEX><INSTRUMENT>PHR</INSTRUMENT><INSTRUMENT_INDEX>1B</INSTRUMENT_INDEX>
<IMAGING_DATE>{}</IMAGING_DATE><IMAGING_TIME>02:34:39.9Z</IMAGING_TIME></Strip_Source>
</Source_Identification>"""

DIMAP2 = """<?xml version="1.0" encoding="ISO-8859-1"?><Dimap_Document>
<Dataset_Identification><Legal_Constraints><COPYRIGHT>\u00a9 CNES 2024</COPYRIGHT>
<LICENSE>Standard</LICENSE></Legal_Constraints></Dataset_Identification>
<Dataset_Content><CLOUD_COVERAGE unit="percent">1.5</CLOUD_COVERAGE></Dataset_Content>
<Processing_Information><PROCESSING_LEVEL>ORTHO</PROCESSING_LEVEL></Processing_Information>
<Geometric_Data><Use_Area>{places}</Use_Area></Geometric_Data>
<Dataset_Sources>{strips}</Dataset_Sources></Dimap_Document>"""

DIMAP1 = """<Dimap_Document><Dataset_Sources><Source_Information><Scene_Source>
<IMAGING_DATE>2004-09-13</IMAGING_DATE><IMAGING_TIME>02:31:06</IMAGING_TIME>
<MISSION>SPOT</MISSION><MISSION_INDEX>5</MISSION_INDEX><INSTRUMENT>HRG</INSTRUMENT>
<INSTRUMENT_INDEX>1</INSTRUMENT_INDEX><INCIDENCE_ANGLE>-17.4</INCIDENCE_ANGLE>
<VIEWING_ANGLE>-15.2</VIEWING_ANGLE><SUN_AZIMUTH>152.7</SUN_AZIMUTH>
<SUN_ELEVATION>51.2</SUN_ELEVATION><THEORETICAL_RESOLUTION>2.5</THEORETICAL_RESOLUTION>
</Scene_Source></Source_Information></Dataset_Sources></Dimap_Document>"""

GRANULE = """<n1:Level-2A_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/x">
<n1:General_Info><SENSING_TIME>2024-06-06T02:21:09.1Z</SENSING_TIME></n1:General_Info>
<n1:Geometric_Info><Tile_Angles><Mean_Sun_Angle><ZENITH_ANGLE unit="deg">20.5</ZENITH_ANGLE>
<AZIMUTH_ANGLE unit="deg">141.5</AZIMUTH_ANGLE></Mean_Sun_Angle>
<Mean_Viewing_Incidence_Angle_List><Mean_Viewing_Incidence_Angle bandId="0">
<ZENITH_ANGLE unit="deg">8</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">356</AZIMUTH_ANGLE>
</Mean_Viewing_Incidence_Angle><Mean_Viewing_Incidence_Angle bandId="1">
<ZENITH_ANGLE unit="deg">9</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">6</AZIMUTH_ANGLE>
</Mean_Viewing_Incidence_Angle><Mean_Viewing_Incidence_Angle bandId="2">
<ZENITH_ANGLE unit="deg">NaN</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">NaN</AZIMUTH_ANGLE>
</Mean_Viewing_Incidence_Angle></Mean_Viewing_Incidence_Angle_List></Tile_Angles>
</n1:Geometric_Info><n1:Quality_Indicators_Info><Image_Content_QI>
<CLOUDY_PIXEL_PERCENTAGE>3.5</CLOUDY_PIXEL_PERCENTAGE></Image_Content_QI>
</n1:Quality_Indicators_Info></n1:Level-2A_Tile_ID>"""

ANNOTATION = """<product><adsHeader><missionId>S1A</missionId><productType>GRD</productType>
<polarisation>VV</polarisation><mode>IW</mode><startTime>2024-06-06T09:33:01.5</startTime>
</adsHeader><generalAnnotation><productInformation><pass>Ascending</pass></productInformation>
</generalAnnotation><imageAnnotation><imageInformation>
<incidenceAngleMidSwath>3.910e+01</incidenceAngleMidSwath></imageInformation></imageAnnotation>
</product>"""

UMBRA = {
    "vendor": "Umbra Space", "imagingMode": "SPOTLIGHT", "umbraSatelliteName": "UMBRA_05",
    "collects": [{
        "startAtUTC": "2023-07-18T02:30:33+00:00", "radarBand": "X", "polarizations": ["VV"],
        "angleAzimuthDegrees": 122.1, "angleGrazingDegrees": 42.6, "angleIncidenceDegrees": 47.4,
        "satelliteTrack": "ASCENDING", "observationDirection": "LEFT",
    }],
}  # fmt: skip

CAPELLA = {
    "copyright": "Copyright 2024 Capella Space", "license": "https://example.org/licence",
    "product_type": "GEO",
    "collect": {
        "platform": "capella-14", "mode": "spotlight",
        "start_timestamp": "2024-07-09T04:03:29.123456789Z",
        "image": {"center_pixel": {"incidence_angle": 38.5, "look_angle": 35.1}},
        "radar": {"pointing": "left", "transmit_polarization": "H", "receive_polarization": "H"},
        "state": {"direction": "descending"},
    },
}  # fmt: skip

ICEYE = """<Auxiliary><product_name>ICEYE_X7_GRD_SM</product_name>
<satellite_name>ICEYE-X7</satellite_name><product_level>GRD</product_level>
<acquisition_mode>stripmap</acquisition_mode><look_side>right</look_side>
<orbit_direction>DESCENDING</orbit_direction><polarization>VV</polarization>
<acquisition_start_utc>2021-04-27T21:51:29.025535</acquisition_start_utc>
<incidence_center>29.5</incidence_center><satellite_look_angle>27.0</satellite_look_angle>
</Auxiliary>"""


def said(folder: Path, content: object, name: str = "x.xml") -> Metadata:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, "latin-1" if "8859" in text else "utf-8")
    found = read_metadata_file(folder / name)
    assert found is not None
    return found


def values(found: Metadata) -> dict[str, Any]:
    return {name: fact.value for name, fact in found.facts.items()}
