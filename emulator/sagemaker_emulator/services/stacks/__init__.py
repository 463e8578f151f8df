"""CloudFormation: stacks, whose resources are made and deleted through this server's API."""
