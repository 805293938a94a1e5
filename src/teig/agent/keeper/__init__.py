"""teig-keeper: the service that holds guests within their plans, and the disk limits that it puts in force."""
