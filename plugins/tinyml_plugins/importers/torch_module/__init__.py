"""The importer of PyTorch modules: traced by ``torch.export``, then read as an ONNX network is."""
