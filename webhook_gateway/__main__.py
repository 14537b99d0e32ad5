"""`python -m webhook_gateway`: run the gateway with the settings from the environment."""

from webhook_gateway.server import main

main()
