"""`python -m webhook_gateway`: serve what the environment describes."""

from webhook_gateway.server import main

main()
