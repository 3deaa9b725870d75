"""The engine: planned tiles, slab accumulation, memory plan, and the Segmenter that runs a model on a volume."""
