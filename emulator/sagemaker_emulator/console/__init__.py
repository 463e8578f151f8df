"""The pages that a browser shows at the server's own address, over the API that clients use."""
