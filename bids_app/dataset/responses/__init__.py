"""Responses of a recording, whatever its kind: volumes, surfaces, parcels, electrodes; and its confounds."""
