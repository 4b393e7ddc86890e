"""What tests share: shops, databases and servers, oracles, and the processes that tests start."""
