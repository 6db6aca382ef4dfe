"""Real servers for tests and newcomers: started on loopback from ordinary packages, tormented, stopped.

In Python `with Kafka(nodes=3) as kafka: …`; from elsewhere the program `serve` beside this file.
"""
