"""The jobs: what is measured, under which conditions."""
