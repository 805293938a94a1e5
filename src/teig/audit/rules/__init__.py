"""One rule a file. What a rule is stands in `teig.audit.rule`; `teig.audit.registry` finds them here."""
