"""Zero-cost proxies: figures of an untrained network that may rank networks as training would."""
