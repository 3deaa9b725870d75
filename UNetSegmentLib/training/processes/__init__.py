"""Several processes that train one network: their launch, their exchange, and norms over all of them."""
