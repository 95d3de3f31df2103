"""The whole thing on one machine: local AWS, a simulated shop, a simulated SnelStart."""
