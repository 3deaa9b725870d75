"""The MRML scene: volumes and regions read out of it, results written into it, undone and shown."""
