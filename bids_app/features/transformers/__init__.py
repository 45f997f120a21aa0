"""Transformer models: found, loaded from safetensors, run to the wanted layers and no further."""
