"""The report of a run, a comparison or a study: content in, one HTML file and one JSON file out.

Pure: what is shown is gathered elsewhere (`toplists.pipeline.reporting`).
"""
