"""Audit: configuration files and hosts, read as an expert would read them. Pure: no I/O, no clock.

guest      a configuration file as the rules see it     host      how a host is set up, as its agent read it
finding    what a rule says, and how grave it is        rule      what a rule is
rules      one rule a file; registry finds them         review    all rules over files and a host
selection  which rules, by option and by comment        fixing    what is safe to mend, as edits and as a diff
explaining a rule's documentation, from its docstring
"""
