"""The files of the finished model, and its export for ONNX Runtime."""
