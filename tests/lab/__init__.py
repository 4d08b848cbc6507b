"""The lab, tried on ourselves and on others."""
