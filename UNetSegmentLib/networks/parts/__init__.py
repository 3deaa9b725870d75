"""What a U-Net is put together of: blocks, encoders, decoders, skip connections, each registered under its name."""
