"""What torchvision, timm and transformers say of their networks: weights, input, classes."""
