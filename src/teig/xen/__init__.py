"""What Xen's numbers and texts mean. Pure."""
