"""The vendors that the gateway speaks to: one module each, whole, and this one table of their names.

A third party adds a mapping from its own distribution through the entry-point group `interaction_gateway.mappings`,
each entry point naming a class that keeps `gateway.contract.VendorMapping`.
"""
